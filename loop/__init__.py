"""The shell that touches the world: configuration, steps, engine, workers, guards, command line."""
