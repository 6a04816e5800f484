"""One model, two roles: the engine that writes answers and reads verdicts."""
