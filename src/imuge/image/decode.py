"""Turn a picture that Pillow has opened into upright RGB samples, or say why not.

    opened ─ check_kind ─ check_size ─ decoded ─ upright ─ RGB ─► Picture

Pillow's habits differ: TIFF and HEIF come out of it upright, JPEG, PNG, WebP and AVIF as stored
(for AVIF it restates the container's own turn in the EXIF block). Of 16-bit PNG and TIFF Pillow
only reads the header here; the samples come from `deep`, as stored.
"""

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from imuge.errors import ImageError
from imuge.image import deep, leftovers, metadata, sniff
from imuge.image.containers import iso_turn, webp_chunks
from imuge.image.formats import FORMATS
from imuge.image.limits import Limits
from imuge.image.picture import JpegCoding, Metadata, Picture, Samples, neutral
from imuge.image.png import Parts

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_UPRIGHT = {1, 2, 3, 4}  # orientations that keep rows rows
_CONVERTED = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "La": "grey with alpha",
    "P": "in palette colours",
    "PA": "in palette colours",
    "RGBa": "in colours multiplied by alpha",
    "RGBX": "in RGB with an extra channel",
    "YCbCr": "in YCbCr",
}
_DEPTHS = {"I": "32-bit", "F": "floating-point"}
_TIFF_LOSSLESS = {
    *("raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "zstd", "lzma"),
    *("tiff_ccitt", "group3", "group4"),
}
_BAND = 256  # rows handed over at once
_PILLOWS_GUARD = threading.Lock()
_SUBFILE_TAG, _ORIENTATION_TAG, _DNG_TAG = 254, 274, 50706


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """What is known of the file behind an opened picture, beyond what Pillow tells.

    Attributes:
        data: The file's bytes; b"" for a picture from memory.
        pixels: What a decoder needs of them.
        parts: Of a PNG.
        is_deep: Whether its samples have 16 bits.
        has_alpha: Whether a 16-bit TIFF has alpha.
        notes: What was noticed on the way here.
    """

    data: bytes = b""
    pixels: bytes = b""
    parts: Parts | None = None
    is_deep: bool = False
    has_alpha: bool = False
    notes: tuple[str, ...] = ()


def to_picture(image: Image.Image, file: File, limits: Limits) -> Picture:
    """Decode an opened picture.

    Args:
        image: As opened by Pillow, or made from memory.
        file: The file it comes from.
        limits: The sizes taken.

    Raises:
        ImageError: The picture is of a kind or size that imuge does not take.
    """
    check_kind(image, file)
    sniff.check_size(*image.size, limits)
    notes = [*file.notes, *leftovers.left_behind(image, file.data, file.parts)]
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else None
    turned = tags.get(_ORIENTATION_TAG, 1) if tags is not None else 1
    name = "JPEG" if image.format == "MPO" else image.format
    coding = _jpeg_coding(image) if isinstance(image, JpegImagePlugin.JpegImageFile) else None
    # Pillow-heif turns by the container, and has set the EXIF orientation to 1.
    contained = iso_turn(sniff.iso_meta(file.data)) if image.format == "HEIF" else 1
    if not file.is_deep:
        _decode(image)
    blocks, left_out = metadata.read(image, file.parts)
    lossless = _is_lossless(image, file.data)
    turned = metadata.orientation(blocks) if tags is None else turned
    turned = turned if turned in _TURNS else 1
    if file.is_deep:
        samples, alpha, icc, converted = _deep(image, file, blocks, turned)
    else:
        image = image if tags is not None else _transposed(image, turned)
        image, icc, converted = _rgb(image, blocks.icc)
        samples, alpha = _split(image)
    notes += [*left_out, *_turn_note(turned, contained), *converted]
    if alpha is not None:
        notes += _hidden_note(alpha)
    blocks, taken_out = metadata.without_other_pictures(blocks)
    size = samples.shape[1], samples.shape[0]
    blocks = metadata.upright(blocks, max(turned, contained), size)
    return Picture(
        samples=neutral(samples, alpha),
        alpha=alpha,
        metadata=replace(blocks, icc=icc),
        format=name if name is not None and name in FORMATS else "PNG",
        lossless=lossless,
        notes=(*notes, *taken_out),
        sha256=hashlib.sha256(file.data).hexdigest() if file.data else "",
        limits=limits,
        jpeg=coding if coding is None or turned in _UPRIGHT else _turned(coding),
    )


@contextmanager
def without_pillows_limit() -> Iterator[None]:
    """Lift Pillow's limit, which is one for the whole process; ours stands in its place."""
    with _PILLOWS_GUARD:
        theirs, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = theirs


def _decode(image: Image.Image) -> None:
    """Read the pixels. For TIFF, Pillow asks its limit again where it takes the memory."""
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tile:
        with without_pillows_limit():
            image.load_prepare()
    image.load()


def _jpeg_coding(image: JpegImagePlugin.JpegImageFile) -> JpegCoding | None:
    """How a colour JPEG was coded; None where Pillow cannot code another alike."""
    sampling = JpegImagePlugin.get_sampling(image)
    if image.mode != "RGB" or sampling < 0 or image.info.get("adobe_transform", 1) != 1:
        return None
    used = sorted({component[3] for component in image.layer})
    if any(number not in image.quantization for number in used) or len(used) > 2:
        return None
    return JpegCoding(
        tables=tuple(tuple(image.quantization[number]) for number in used),
        subsampling=sampling,
        progressive=bool(image.info.get("progressive")),
    )


def _turned(coding: JpegCoding) -> JpegCoding | None:
    """The coding of a picture whose rows became columns; 4:2:2 would need 4:4:0."""
    if coding.subsampling == 1:
        return None
    across = (np.reshape(table, (8, 8)).T.ravel().tolist() for table in coding.tables)
    return replace(coding, tables=tuple(map(tuple, across)))


def check_kind(image: Image.Image, file: File) -> None:
    """Refuse what is not one still RGB, grey or palette picture of 8 bits, or 16 where read so.

    Raises:
        ImageError: Several pictures, a gain map, more bits, or print colours.
    """
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        _check_jpeg(image)
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiff(image)
    elif getattr(image, "n_frames", 1) > 1:
        what = "holds several pictures" if image.format == "HEIF" else "is animated"
        raise ImageError(f"the file {what}; {sniff.STILL}")
    if file.is_deep:
        return
    bits = image.info.get("bit_depth", 8) if image.format == "HEIF" else 8
    if isinstance(image, PngImagePlugin.PngImageFile):
        bits = max([bits, *(16 for tile in image.tile if ";16" in str(tile.args))])
    depth = f"{bits}-bit" if bits > 8 else _DEPTHS.get(image.mode)
    if depth is not None or image.mode.startswith("I;16"):
        raise ImageError(f"the picture has {depth or '16-bit'} channels; {sniff.EIGHT_BIT}")
    if image.mode not in _CONVERTED and image.mode not in {"RGB", "RGBA"}:
        raise ImageError(
            f"the picture is in {image.mode} colours; "
            "convert it to sRGB in an image editor and use that copy"
        )


def _check_jpeg(image: JpegImagePlugin.JpegImageFile) -> None:
    """Refuse gain maps and stereo or multi-frame files; a camera's own previews may pass."""
    packet = image.info.get("xmp") or b""
    segments = [body for _, body in image.applist]
    if sniff.XMP_GAIN_MAP in packet or any(sniff.JPEG_GAIN_MAP in body[:64] for body in segments):
        raise ImageError(sniff.NO_GAIN_MAP)
    if any(not preview for preview in leftovers.further_pictures(image)):
        raise ImageError(f"the file holds several pictures; {sniff.STILL}")


def _check_tiff(image: TiffImagePlugin.TiffImageFile) -> None:
    if image.tag_v2.get(_SUBFILE_TAG, 0) & 1 or _DNG_TAG in image.tag_v2:
        raise ImageError(
            "the file is a camera raw whose first picture is only a preview; "
            "develop it to a JPEG or a TIFF and use that"
        )
    if image.n_frames > 1:
        raise ImageError(f"the file has {image.n_frames} pages; {sniff.STILL}")


def _is_lossless(image: Image.Image, data: bytes) -> bool:
    if image.format == "TIFF":
        return image.info.get("compression", "raw") in _TIFF_LOSSLESS
    if image.format == "WEBP":
        return any(kind == b"VP8L" for kind, _ in webp_chunks(data))
    return image.format not in {"JPEG", "MPO", "AVIF", "HEIF"}


def _turn_note(turned: int, contained: int) -> list[str]:
    if turned == contained == 1:
        return []
    how = f"orientation {turned}" if turned != 1 else "by its container"
    return [f"the picture was stored turned ({how}); it is upright now"]


def _hidden_note(alpha: Samples) -> list[str]:
    """Say how much of the picture nobody sees.

    Raises:
        ImageError: It is all of it.
    """
    hidden = 1 - np.count_nonzero(alpha) / alpha.size
    if hidden == 1:
        raise ImageError("the picture is fully transparent; there is nothing in it to protect")
    share = f"{hidden:.0%}" if hidden >= 0.01 else "a small part"
    note = (
        f"{share} of the picture is fully transparent: what is there is taken as white, and is "
        "neither protected nor judged; a copy on a ground of another colour shows it as changed"
    )
    return [note] if hidden else []


def _transposed(image: Image.Image, turned: int) -> Image.Image:
    return image.transpose(_TURNS[turned]) if turned in _TURNS else image


def _deep(
    image: Image.Image, file: File, blocks: Metadata, turned: int
) -> tuple[Samples, Samples | None, bytes | None, list[str]]:
    """Give upright RGB and alpha of 16 bits, the profile that fits, and what was converted."""
    is_grey = image.mode not in {"RGB", "RGBA", "RGBX"}
    icc, notes = blocks.icc, []
    space = icc[16:20] if icc is not None else b"RGB "
    samples, alpha = deep.read(
        file.pixels,
        image.format or "",
        has_alpha=file.has_alpha,
        grey_icc=icc if is_grey and space == b"GRAY" else None,
    )
    if is_grey:
        notes.append("the picture was grey; it is RGB now")
    if is_grey and space == b"GRAY":
        icc, notes = None, ["the grey colour profile is applied: the pixels are sRGB now"]
    elif space in {b"GRAY", b"CMYK"}:
        icc, notes = None, [*notes, "the colour profile does not fit RGB pixels and is dropped"]
    upright = None if alpha is None else _turned_array(alpha, turned)
    return _turned_array(samples, turned), upright, icc, notes


def _turned_array(stored: Samples, turned: int) -> Samples:
    """Turn (H, W) or (H, W, 3) as stored under EXIF orientation `turned`."""
    if turned >= 5:
        stored = stored.swapaxes(0, 1)  # what is left then is a flip or two
    if turned in {3, 4, 7, 8}:
        stored = stored[::-1]
    if turned in {2, 3, 6, 7}:
        stored = stored[:, ::-1]
    return cast("Samples", np.ascontiguousarray(stored))


def _rgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None, list[str]]:
    """Convert to RGB or RGBA; return the colour profile that fits, and what was converted."""
    notes = []
    grey = image.convert("L") if image.mode in {"1", "L", "LA", "La"} else None
    if image.mode in _CONVERTED:
        notes.append(f"the picture was {_CONVERTED[image.mode]}; it is RGB now")
    elif image.mode == "RGB" and image.has_transparency_data:
        notes.append("the picture's transparent colour is an alpha channel now")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    rgb = image if image.mode == mode else image.convert(mode)
    if icc is None or icc[16:20] not in {b"GRAY", b"CMYK"}:
        return rgb, icc, notes
    if grey is not None:
        try:
            _paste_srgb(rgb, grey, icc)
        except ImageCms.PyCMSError:
            notes.append("the grey colour profile is damaged and is dropped")
        else:
            notes.append("the grey colour profile is applied: the pixels are sRGB now")
    else:
        notes.append("the colour profile does not fit RGB pixels and is dropped")
    return rgb, None, notes


def _paste_srgb(rgb: Image.Image, grey: Image.Image, icc: bytes) -> None:
    """Overwrite the colours of `rgb`, and not its alpha, with `grey` as `icc` means it."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    target = ImageCms.createProfile("sRGB")
    meant = ImageCms.profileToProfile(grey, source, target, outputMode="RGB")
    if meant is not None:
        alpha = rgb.getchannel("A") if rgb.mode == "RGBA" else None
        rgb.paste(meant)
        if alpha is not None:
            rgb.putalpha(alpha)


def _split(image: Image.Image) -> tuple[Samples, Samples | None]:
    """Separate colour from alpha, in bands: Pillow hands arrays over through two copies."""
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    alpha = None if image.mode == "RGB" else np.empty((height, width), np.uint8)
    for top in range(0, height, _BAND):
        rows = slice(top, min(top + _BAND, height))
        channels = np.asarray(image.crop((0, top, width, rows.stop)))
        pixels[rows] = channels[..., :3]
        if alpha is not None:
            alpha[rows] = channels[..., 3]
    return pixels, alpha
