"""The paper's own system, Imuge+ (arXiv:2210.15902), written anew: a second architecture.

One invertible network hides a picture in itself and brings it back; another finds what changed.
"""
