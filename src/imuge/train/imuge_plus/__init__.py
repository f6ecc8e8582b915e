"""How the paper's networks, Imuge+, are trained."""
