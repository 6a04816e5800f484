"""What a judge's verdicts depend on besides quality: judged items in, statistics and named findings out. Pure."""
