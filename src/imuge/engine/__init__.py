"""ONNX Runtime sessions over the released graphs. No torch."""

from imuge.engine.engine import Engine, Progress, available_threads

__all__ = ["Engine", "Progress", "available_threads"]
