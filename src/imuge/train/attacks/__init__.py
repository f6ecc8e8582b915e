"""Attacks on batches of pictures as tensors, for training: drawn beforehand, differentiable."""
