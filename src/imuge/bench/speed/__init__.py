"""Time and memory of calls and stages, in several backends."""
