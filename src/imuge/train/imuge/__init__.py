"""How our own networks are trained."""
