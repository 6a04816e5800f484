"""What decides whether a run goes on: numbers in, findings out, and from findings a verdict. All pure."""
