"""Where the graphs run: on the processor unless told otherwise, and never elsewhere in silence."""

import onnxruntime
import pytest

from imuge.engine import Engine
from imuge.errors import ConfigError
from imuge.guard import Guard


def test_an_unknown_device_is_refused(key):
    with pytest.raises(ConfigError, match="expected a device of cpu, cuda, got 'tpu'"):
        Guard(key, device="tpu")


def test_a_device_this_onnxruntime_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ConfigError, match="install onnxruntime-gpu in its place"):
        Engine(device="cuda")


def test_a_device_that_does_not_come_up_is_no_processor_in_silence(monkeypatch):
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: providers)

    class FallenBack:
        def __init__(self, *_, **__):
            pass

        def get_providers(self):
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "InferenceSession", FallenBack)
    engine = Engine(device="cuda")
    for _ in range(2):
        with pytest.raises(ConfigError, match="expected CUDAExecutionProvider to work"):
            engine.session("encode")
