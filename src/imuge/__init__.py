"""Immunize photographs: see later where a copy was changed and what was there before."""

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
