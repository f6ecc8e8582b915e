"""ONNX Runtime sessions over the released graphs: whole pictures, computed in strips. No torch."""

from imuge.engine.engine import Engine, Progress, available_threads

__all__ = ["Engine", "Progress", "available_threads"]
