"""A tiny honest world: its language, a gold scorer that knows the truth, and models small enough for a CPU."""
