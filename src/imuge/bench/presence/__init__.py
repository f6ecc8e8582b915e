"""Whether presence p-values mean what they say."""
