"""Immunize photographs: see later where a copy was changed and what was there before."""

import os
from typing import TYPE_CHECKING

from imuge._version import __version__
from imuge.errors import (
    ConfigError,
    ImageError,
    ImugeError,
    KeyFileError,
    ProtectionError,
    TooLargeError,
    UnsupportedError,
    WeightsError,
)
from imuge.results import Immunized, Region, Verdict

# ONNX Runtime from 1.32 on reports to Microsoft from the moment it is imported, and its own
# `disable_telemetry_events` comes too late. imuge promises to stay offline (docs/faq.md).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from imuge.guard import Guard

__all__ = [
    "ConfigError",
    "Guard",
    "ImageError",
    "Immunized",
    "ImugeError",
    "KeyFileError",
    "ProtectionError",
    "Region",
    "TooLargeError",
    "UnsupportedError",
    "Verdict",
    "WeightsError",
    "__version__",
]


def __getattr__(name: str) -> object:
    """Load `Guard` when it is first asked for.

    The trainer is a part of this package too, and runs where the libraries of the installed
    product (onnxruntime, pydantic, cryptography) are not.
    """
    if name == "Guard":
        from imuge.guard import Guard

        return Guard
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
