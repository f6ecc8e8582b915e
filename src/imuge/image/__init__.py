"""Photographs in and out: read with every conversion named, write with nothing lost silently."""

from imuge.image.describe import described
from imuge.image.formats import FORMATS, SUFFIXES, Format
from imuge.image.limits import MAX_PIXELS, MIN_SIDE, Limits
from imuge.image.load import from_array, from_pil, load
from imuge.image.metadata import MetadataPolicy
from imuge.image.picture import Metadata, Picture
from imuge.image.pil import to_pil
from imuge.image.save import check_output, encode, format_for, losses

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "MIN_SIDE",
    "SUFFIXES",
    "Format",
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
