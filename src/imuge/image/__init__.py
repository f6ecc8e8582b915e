"""Photographs in and out: read with every conversion named, write with nothing lost silently."""

from imuge.image.describe import described
from imuge.image.limits import MAX_PIXELS, MIN_SIDE, Limits
from imuge.image.load import from_array, from_pil, load
from imuge.image.metadata import MetadataPolicy
from imuge.image.picture import Metadata, Picture
from imuge.image.save import SUFFIXES, check_output, encode, format_for, losses, to_pil

__all__ = [
    "MAX_PIXELS",
    "MIN_SIDE",
    "SUFFIXES",
    "Limits",
    "Metadata",
    "MetadataPolicy",
    "Picture",
    "check_output",
    "described",
    "encode",
    "format_for",
    "from_array",
    "from_pil",
    "load",
    "losses",
    "to_pil",
]
