"""The wind tunnel: faults that begin at a known iteration, runs that have them, and what guards make of these."""
