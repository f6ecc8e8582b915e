"""Immunize photographs: see later where a copy was changed and what was there before."""

# First, because `imuge.guard` takes the version from this module while it is being imported.
from imuge._version import __version__
from imuge.errors import (
    ConfigError,
    ImageError,
    ImugeError,
    KeyFileError,
    ProtectionError,
    WeightsError,
)
from imuge.guard import Guard
from imuge.results import Immunized, Region, Verdict

__all__ = [
    "ConfigError",
    "Guard",
    "ImageError",
    "Immunized",
    "ImugeError",
    "KeyFileError",
    "ProtectionError",
    "Region",
    "Verdict",
    "WeightsError",
    "__version__",
]
