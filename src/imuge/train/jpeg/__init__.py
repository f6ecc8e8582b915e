"""Training of a network that imitates JPEG."""
