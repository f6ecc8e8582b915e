"""The picture formats that imuge reads and writes: the one table of their names."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format, under its names."""

    name: str  # Pillow's, and imuge's everywhere
    media_type: str  # as IANA registered it
    suffixes: tuple[str, ...]  # of file names, lower case with the dot; the usual one first

    @property
    def suffix(self) -> str:
        """What a new file's name ends in."""
        return self.suffixes[0]


_TABLE = (
    Format(name="JPEG", media_type="image/jpeg", suffixes=(".jpg", ".jpeg", ".jpe", ".jfif")),
    Format(name="PNG", media_type="image/png", suffixes=(".png",)),
    Format(name="WEBP", media_type="image/webp", suffixes=(".webp",)),
    Format(name="TIFF", media_type="image/tiff", suffixes=(".tif", ".tiff")),
    Format(name="AVIF", media_type="image/avif", suffixes=(".avif",)),
    Format(name="HEIF", media_type="image/heic", suffixes=(".heic", ".heif", ".hif")),
)
FORMATS = MappingProxyType({form.name: form for form in _TABLE})
SUFFIXES = MappingProxyType({suffix: form.name for form in _TABLE for suffix in form.suffixes})
