"""Say what of a file has no place in a picture: nothing is left behind without a word."""

from collections.abc import Iterable

from PIL import Image, JpegImagePlugin, MpoImagePlugin, TiffImagePlugin

from imuge.image import jpeg, png, sniff, tiff
from imuge.image.containers import iso_boxes, webp_chunks

C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA 2.2, annex A
_MPF_TAG = 0xB002
_WEBP_KNOWN = {
    *(b"ANIM", b"ANMF", b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"EXIF", b"XMP ", b"C2PA")
}
_ISO_KNOWN = {*(b"ftyp", b"meta", b"mdat", b"free", b"skip", b"wide", b"idat", b"uuid")}
_MOVING = (b'MotionPhoto="1"', b'MicroVideo="1"', b"MotionPhoto>1<", b"MicroVideo>1<")


def left_behind(image: Image.Image, data: bytes, parts: png.Parts | None) -> list[str]:
    """List what is dropped, one plain sentence each.

    Args:
        image: As opened by Pillow.
        data: The file's bytes; b"" for a picture from memory.
        parts: Of a PNG; its own side data has notes elsewhere.
    """
    packet = image.info.get("xmp") or b""
    moving = isinstance(packet, bytes) and any(mark in packet for mark in _MOVING)
    previews = bool(further_pictures(image))
    left = {
        "the C2PA manifest is dropped: it would not match the marked pixels": (
            _has_manifest(image, data, parts)
        ),
        "the camera's preview picture is dropped": previews,
        "the moving part of this motion photo is dropped": moving,
        "the depth map is dropped": bool(image.info.get("depth_images")),
        "the mattes and other auxiliary pictures are dropped": bool(image.info.get("aux")),
        "the colours are in a wide gamut that is stated without a profile, and are taken as sRGB": (
            not image.info.get("icc_profile") and sniff.is_wide_gamut(data)
        ),
    }
    notes = [note for note, applies in left.items() if applies]
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        notes += _named("JPEG segments are", jpeg.unknown_segments(image.applist))
        if data and not previews:
            notes += _behind(data[jpeg.outline(data).end or len(data) :], "JPEG")
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        notes += _named("TIFF tags are", tiff.left_out(image.tag_v2))
    elif image.format == "WEBP":
        kinds = (kind for kind, _ in webp_chunks(data) if kind not in _WEBP_KNOWN)
        notes += _named("WebP chunks are", _labels(kinds))
    elif image.format in {"AVIF", "HEIF"}:
        kinds = (kind for kind, _ in iso_boxes(data) if kind not in _ISO_KNOWN)
        notes += _named(f"{image.format} boxes are", _labels(kinds))
    return notes


def further_pictures(image: Image.Image) -> list[bool]:
    """Say of each further picture in a multi-picture JPEG whether it is only a preview."""
    if not isinstance(image, MpoImagePlugin.MpoImageFile) or image.mpinfo is None:
        return []
    entries = image.mpinfo[_MPF_TAG][1:]
    return ["Large Thumbnail" in str(entry["Attribute"]["MPType"]) for entry in entries]


def _has_manifest(image: Image.Image, data: bytes, parts: png.Parts | None) -> bool:
    """Say whether the file carries a C2PA manifest, which changed pixels would make invalid."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return any(name == "APP11" and b"jumb" in body[:32] for name, body in image.applist)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return tiff.C2PA_TAG in image.tag_v2
    if parts is not None:
        return any(kind == b"caBX" for kind, _ in parts.side)
    if image.format == "WEBP":
        return any(kind == b"C2PA" for kind, _ in webp_chunks(data))
    return any(kind == b"uuid" and body[:16] == C2PA_BOX for kind, body in iso_boxes(data))


def _behind(trailer: bytes, name: str) -> list[str]:
    if not trailer.strip(b"\0"):
        return []
    what = ", a video," if b"ftyp" in trailer[:64] else ""
    return [f"{len(trailer):,} bytes{what} behind the end of the {name} are dropped"]


def _labels(kinds: Iterable[bytes]) -> list[str]:
    return sorted({kind.decode("ascii", "replace").strip() for kind in kinds})


def _named(what: str, names: list[str]) -> list[str]:
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return [f"{what} dropped: {shown}"] if names else []
