"""What the registry adds: the reference grid's threshold, edits protected again, stripped files."""
