"""How replies become verdicts and verdicts become pairs. Pure: no model, no file."""
