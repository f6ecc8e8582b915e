"""Turn a picture that Pillow has opened into upright RGB pixels, or say why not.

    opened ─ check_kind ─ check_size ─ decoded ─ upright ─ RGB ─► Picture

Pillow's habits differ: TIFF and HEIF come out of it upright, JPEG, PNG, WebP and AVIF as stored
(for AVIF it restates the container's own turn in the EXIF block).
"""

import hashlib
import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin

from imuge.errors import ImageError
from imuge.image import metadata, sniff
from imuge.image.containers import webp_chunks
from imuge.image.formats import FORMATS
from imuge.image.picture import Picture

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
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
_SUBFILE_TAG, _BITS_TAG, _ORIENTATION_TAG, _DNG_TAG, _MPF_TAG = 254, 258, 274, 50706, 0xB002


def to_picture(image: Image.Image, data: bytes, *, max_pixels: int, min_side: int) -> Picture:
    """Decode an opened picture.

    Args:
        image: As opened by Pillow, or made from memory.
        data: The file's bytes; b"" for a picture from memory.
        max_pixels: Largest width × height taken.
        min_side: Smallest width and height taken.

    Raises:
        ImageError: The picture is of a kind or size that imuge does not take.
    """
    check_kind(image)
    sniff.check_size(*image.size, max_pixels=max_pixels, min_side=min_side)
    notes = _left_behind(image, data)
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else None
    turned = tags.get(_ORIENTATION_TAG, 1) if tags is not None else 1
    image.load()
    blocks, damaged = metadata.read(image, data)
    notes += damaged
    lossless = _is_lossless(image, data)
    name = "JPEG" if image.format == "MPO" else image.format
    if tags is None:
        turned = metadata.orientation(blocks)
        image = _transposed(image, turned)
    if turned in _TURNS:
        notes.append(
            f"the picture was stored turned (EXIF orientation {turned}); it is upright now"
        )
    blocks = metadata.upright(blocks, turned)
    image, icc, converted = _rgb(image, blocks.icc)
    pixels, alpha = _split(image)
    return Picture(
        pixels=pixels,
        alpha=alpha,
        metadata=replace(blocks, icc=icc),
        format=name if name is not None and name in FORMATS else "PNG",
        lossless=lossless,
        notes=(*notes, *converted),
        sha256=hashlib.sha256(data).hexdigest() if data else "",
    )


def check_kind(image: Image.Image) -> None:
    """Refuse what is not one still 8-bit RGB, grey or palette picture.

    Raises:
        ImageError: Several pictures, a gain map, more than 8 bits, or print colours.
    """
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        _check_jpeg(image)
    elif isinstance(image, TiffImagePlugin.TiffImageFile):
        _check_tiff(image)
    elif getattr(image, "n_frames", 1) > 1:
        what = "holds several pictures" if image.format == "HEIF" else "is animated"
        raise ImageError(f"the file {what}; {sniff.STILL}")
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
    if any(not preview for preview in _further_pictures(image)):
        raise ImageError(f"the file holds several pictures; {sniff.STILL}")


def _check_tiff(image: TiffImagePlugin.TiffImageFile) -> None:
    if image.tag_v2.get(_SUBFILE_TAG, 0) & 1 or _DNG_TAG in image.tag_v2:
        raise ImageError(
            "the file is a camera raw whose first picture is only a preview; "
            "develop it to a JPEG or an 8-bit TIFF and use that"
        )
    if image.n_frames > 1:
        raise ImageError(f"the file has {image.n_frames} pages; {sniff.STILL}")
    bits = max(image.tag_v2.get(_BITS_TAG, (1,)))
    if bits > 8:
        raise ImageError(f"the picture has {bits} bits per channel; {sniff.EIGHT_BIT}")


def _further_pictures(image: Image.Image) -> list[bool]:
    """Say of each further picture in a multi-picture JPEG whether it is only a preview."""
    if not isinstance(image, MpoImagePlugin.MpoImageFile) or image.mpinfo is None:
        return []
    entries = image.mpinfo[_MPF_TAG][1:]
    return ["Large Thumbnail" in str(entry["Attribute"]["MPType"]) for entry in entries]


def _left_behind(image: Image.Image, data: bytes) -> list[str]:
    """Say what of the file has no place in a Picture."""
    packet = image.info.get("xmp") or b""
    motion = isinstance(packet, bytes) and any(
        mark in packet for mark in (b'MotionPhoto="1"', b'MicroVideo="1"')
    )
    left = {
        "the C2PA manifest is dropped: it would not match the marked pixels": (
            metadata.has_manifest(image, data)
        ),
        "the camera's preview picture is dropped": bool(_further_pictures(image)),
        "the moving part of this motion photo is dropped": motion,
        "the depth map is dropped": bool(image.info.get("depth_images")),
        "the colours are in a wide gamut that is stated without a profile, and are taken as sRGB": (
            not image.info.get("icc_profile") and sniff.is_wide_gamut(data)
        ),
    }
    return [note for note, applies in left.items() if applies]


def _is_lossless(image: Image.Image, data: bytes) -> bool:
    if image.format == "TIFF":
        return image.info.get("compression", "raw") in _TIFF_LOSSLESS
    if image.format == "WEBP":
        return any(kind == b"VP8L" for kind, _ in webp_chunks(data))
    return image.format not in {"JPEG", "MPO", "AVIF", "HEIF"}


def _transposed(image: Image.Image, turned: int) -> Image.Image:
    return image.transpose(_TURNS[turned]) if turned in _TURNS else image


def _rgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, bytes | None, list[str]]:
    """Convert to RGB or RGBA; return the colour profile that fits, and what was converted."""
    notes = []
    grey = image.convert("L") if image.mode in {"1", "L", "LA", "La"} else None
    if image.mode in _CONVERTED:
        notes.append(f"the picture was {_CONVERTED[image.mode]}; it is RGB now")
    elif image.mode == "RGB" and image.has_transparency_data:
        notes.append("the picture's transparent colour is an alpha channel now")
    rgb = image.convert("RGBA" if image.has_transparency_data else "RGB")
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


def _split(image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Separate colour from alpha.

    Raises:
        ImageError: Every pixel is fully transparent.
    """
    channels = np.asarray(image)
    pixels = np.array(channels[..., :3], order="C")
    if image.mode == "RGB":
        return pixels, None
    alpha = np.array(channels[..., 3], order="C")
    if not alpha.any():
        raise ImageError("the picture is fully transparent; there is nothing in it to protect")
    return pixels, alpha
