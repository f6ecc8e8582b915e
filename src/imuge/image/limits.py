"""How large and how small a picture may be: the same at reading and at reading back."""

from dataclasses import dataclass

MIN_SIDE = 128
MAX_PIXELS = 200_000_000  # the largest cameras that people carry
MAX_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is taken. Raise a limit for one call by handing other limits to `load`."""

    max_pixels: int = MAX_PIXELS  # width x height, read from the header before anything is decoded
    min_side: int = MIN_SIDE  # pixels; a smaller picture cannot carry the mark
    max_bytes: int = MAX_BYTES  # of the file


DEFAULT = Limits()
