"""One file a step: what it reads (its key) and what it gives."""
