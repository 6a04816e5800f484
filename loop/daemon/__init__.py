"""The daemon: one process that owns a home for days, takes runs from a queue, and answers on a Unix socket."""
