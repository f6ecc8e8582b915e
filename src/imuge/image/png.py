"""PNG's side data, read and written here: what Pillow would refuse a whole picture for.

The decoder gets the chunks that make up the pixels and nothing else. So a profile or a text that is
broken or very long costs itself and not the picture. After the PNG specification, third edition.
"""

import struct
import zlib
from dataclasses import dataclass

from imuge.image.containers import PNG_SIGNATURE
from imuge.image.picture import Chunk, Metadata

MOST_INFLATED = 2**20  # of a profile or text: most readers refuse the file for a longer one
_MOST_TEXT = 64 * 2**20  # of all texts together
_MOST_PROFILE = 16 * 2**20
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_ANIMATION = {b"acTL", b"fcTL", b"fdAT"}
_COLOUR = {b"gAMA", b"cHRM", b"sRGB", b"cICP"}
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_OWN = {b"iCCP", b"eXIf", b"pHYs", b"caBX"}  # the last is a C2PA manifest, which has its own note
_XMP = "XML:com.adobe.xmp"
_EXIF_TEXTS = {"Raw profile type exif", "Raw profile type APP1"}  # ImageMagick before eXIf
_INCH_M = 0.0254
_PQ_HLG = {16: "PQ", 18: "HLG"}  # transfer functions in ITU-T H.273


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A PNG taken apart.

    Attributes:
        pixels: A whole PNG of the chunks that make up the pixels.
        side: The other chunks, type and content, as far as they are sound.
        damaged: Types of the others whose checksum is wrong.
        whole: Whether the end is there.
        behind: Bytes behind the end.
    """

    pixels: bytes
    side: tuple[Chunk, ...]
    damaged: tuple[bytes, ...]
    whole: bool
    behind: int


def take_apart(data: bytes) -> Parts:
    """Separate pixels from side data; nothing is decoded."""
    kept, side, damaged = [PNG_SIGNATURE], [], []
    at, whole = len(PNG_SIGNATURE), False
    while at + 12 <= len(data) and not whole:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if kind in _PIXELS | _ANIMATION:
            kept.append(data[at:end])
        elif zlib.crc32(data[at + 4 : end - 4]) == int.from_bytes(data[end - 4 : end], "big"):
            side.append((kind, data[at + 8 : end - 4]))
        else:
            damaged.append(kind)
        at, whole = end, kind == b"IEND"
    return Parts(
        pixels=b"".join(kept),
        side=tuple(side),
        damaged=tuple(damaged),
        whole=whole,
        behind=len(data) - at if whole else 0,
    )


def hdr(parts: Parts) -> str | None:
    """Name the HDR transfer function that the picture states, PQ or HLG; None for others."""
    cicp = next((body for kind, body in parts.side if kind == b"cICP"), b"")
    return _PQ_HLG.get(cicp[1]) if len(cicp) > 1 else None


def read(parts: Parts) -> tuple[Metadata, list[str]]:
    """Collect the metadata, and a note for each block that is left out."""
    notes = [f"a damaged {kind.decode('latin-1')} chunk is dropped" for kind in parts.damaged]
    blocks = dict(reversed(parts.side))
    icc = None
    if b"iCCP" in blocks:
        icc = _profile(blocks[b"iCCP"])
        if icc is None:
            notes.append("the colour profile is damaged or too long and is dropped")
    exif, packet, texts = blocks.get(b"eXIf"), None, []
    left = _MOST_TEXT
    for kind, body in parts.side:
        if kind not in _TEXTS:
            continue
        keyword = _keyword(body)
        text = _inflated(kind, body, _MOST_PROFILE if keyword in {_XMP, *_EXIF_TEXTS} else None)
        if text is None or len(text) > left:
            notes.append(
                f"the text {keyword[:40]!r} is damaged, or longer than PNG readers take, "
                "and is dropped"
            )
            continue
        left -= len(text)
        if keyword == _XMP:
            notes += ["a second XMP packet is dropped"] if packet else []
            packet = packet or text
        elif keyword in _EXIF_TEXTS:
            exif = exif or _unhexed(text)
            if exif is None:
                notes.append("the EXIF data is damaged and is dropped")
        else:
            texts.append((kind, body))
    other = {kind for kind, _ in parts.side} - _COLOUR - _TEXTS - _OWN
    if other:
        names = ", ".join(sorted(kind.decode("latin-1") for kind in other))
        notes.append(f"PNG chunks that do not fit the new pixels are dropped: {names}")
    if parts.behind:
        notes.append(f"{parts.behind:,} bytes behind the end of the PNG are dropped")
    metadata = Metadata(
        exif=exif,
        icc=icc,
        xmp=packet,
        dpi=_dpi(blocks.get(b"pHYs", b"")),
        colour=tuple(chunk for chunk in parts.side if chunk[0] in _COLOUR),
        text=tuple(texts),
    )
    return metadata, notes


def text_of(chunk: Chunk) -> str:
    """Give keyword and text of a text chunk; a text that cannot be read is left out."""
    text = _inflated(*chunk, None)
    return f"{_keyword(chunk[1])}\n" + ("" if text is None else text.decode("utf-8", "replace"))


def with_metadata(encoded: bytes, blocks: Metadata) -> bytes:
    """Put metadata into an encoded PNG that has none, behind its header."""
    chunks: list[Chunk] = []
    if blocks.icc:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(blocks.icc)))
    chunks += blocks.colour
    if blocks.dpi:
        across, down = (round(value / _INCH_M) for value in blocks.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if blocks.exif:
        chunks.append((b"eXIf", blocks.exif))
    if blocks.xmp:
        chunks.append((b"iTXt", _XMP.encode() + b"\0\0\0\0\0" + blocks.xmp))
    chunks += blocks.text
    header_end = len(PNG_SIGNATURE) + 25
    made = b"".join(_packed(*chunk) for chunk in chunks)
    return encoded[:header_end] + made + encoded[header_end:]


def _packed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _profile(body: bytes) -> bytes | None:
    _, found, packed = body.partition(b"\0")
    return _inflate(packed[1:], _MOST_PROFILE) or None if found else None


def _inflate(packed: bytes, most: int) -> bytes | None:
    """Decompress; None for what is damaged, cut short or longer than `most`."""
    machine = zlib.decompressobj()
    try:
        plain = machine.decompress(packed, most)
    except zlib.error:
        return None
    return plain if machine.eof else None


def _inflated(kind: bytes, body: bytes, most: int | None) -> bytes | None:
    """Give the text of a chunk; None for a compressed one that is damaged or too long."""
    _, found, rest = body.partition(b"\0")
    if not found:
        return None
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _inflate(rest[1:], most or MOST_INFLATED)
    packed = rest[:1] == b"\1"
    rest = rest[2:]
    for _ in ("language", "translated keyword"):
        _, found, rest = rest.partition(b"\0")
    return _inflate(rest, most or MOST_INFLATED) if packed else rest


def _keyword(body: bytes) -> str:
    return body.split(b"\0", 1)[0].decode("latin-1")


def _unhexed(text: bytes) -> bytes | None:
    """Read ImageMagick's way of writing a block: a name, a length, and hexadecimal digits."""
    try:
        block = bytes.fromhex("".join(text.decode("latin-1").split("\n")[3:]))
    except ValueError:
        return None
    return block.removeprefix(b"Exif\0\0") or None


def _dpi(body: bytes) -> tuple[float, float] | None:
    if len(body) != 9 or body[8] != 1:
        return None
    across, down = struct.unpack(">II", body[:8])
    return across * _INCH_M, down * _INCH_M
