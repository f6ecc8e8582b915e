"""`Guard` over unusual files: 16 bits, transparent grounds, other limits, Pillow's metadata."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from imuge.errors import TooLargeError
from imuge.guard import Guard
from imuge.image import Limits, encode, from_array, load
from imuge.protection.frame import published_frame
from imuge.protection.recover import SEAM

SIDE = 256


@pytest.fixture(scope="module")
def small(photograph):
    return np.ascontiguousarray(photograph[:SIDE, :SIDE])


def deep(pixels):
    """16-bit samples that 8 bits cannot hold: a slow ramp lies below the last of them."""
    ramp = np.arange(pixels.size, dtype=np.int64).reshape(pixels.shape) % 257
    return np.clip(pixels.astype(np.int64) * 257 + ramp - 128, 0, 65535).astype(np.uint16)


def as_file(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bits_stay_16_bits_and_the_change_is_as_small(guard, small, kind):
    source = from_array(deep(small))
    made = guard.immunize(encode(source, format=kind))
    assert made.verdict.verdict == "intact"
    published = load(made.image)
    assert (published.bits, published.format) == (16, kind)
    assert len(np.unique(published.samples)) > 256
    change = published.samples.astype(int) - source.samples
    assert 36 < 10 * np.log10(65535**2 / np.mean(change.astype(float) ** 2)) < 44


@pytest.mark.slow
def test_what_was_not_tampered_with_keeps_all_of_its_16_bits(guard, small):
    made = guard.immunize(deep(small)).image
    assert made.dtype == np.uint16
    forged = made.copy()
    forged[64:160, 64:160] = made[:96, 160:256]
    verdict = guard.verify(forged)
    assert verdict.verdict == "tampered"
    recovered = guard.recover(forged)
    reach = round((SEAM[1] + 2) * SIDE / published_frame(SIDE, SIDE).width)  # 2 of interpolation
    seam = ndimage.binary_dilation(ndimage.binary_fill_holes(verdict.mask), np.ones((3, 3)), reach)
    assert not seam.all()
    np.testing.assert_array_equal(recovered[~seam], forged[~seam])
    assert (recovered[verdict.mask] != forged[verdict.mask]).any()


def cut_out(pixels):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    seen = (rows - 128) ** 2 + (columns - 128) ** 2 < 120**2
    return np.dstack([pixels, np.where(seen, 255, 0).astype(np.uint8)])


@pytest.mark.slow
def test_a_cut_out_is_not_accused_for_what_nobody_sees(guard, small):
    # Fine, for WebP leaves too little of the smaller frame to read it every time.
    made = guard.immunize(as_file(Image.fromarray(cut_out(small)), "PNG"), detail="fine")
    assert any("neither protected nor judged" in warning for warning in made.warnings)
    published = np.asarray(Image.open(io.BytesIO(made.image)))
    hidden = published[..., 3] == 0
    assert (published[hidden, :3] == 255).all()
    for colour in (0, 90):
        treated = published.copy()
        treated[hidden, :3] = colour
        copies = [as_file(Image.fromarray(treated), "PNG")]
        copies.append(as_file(Image.fromarray(treated), "WEBP", quality=90))
        for copy in copies:
            assert guard.verify(copy, recover=False).verdict == "intact"


@pytest.mark.slow
def test_a_change_of_what_is_seen_is_found_beside_what_is_not(guard, small):
    made = guard.immunize(cut_out(small)).image
    forged = made.copy()
    forged[96:160, 96:160, :3] = small[:64, 192:256]
    verdict = guard.verify(forged, recover=False)
    assert verdict.verdict == "tampered"
    assert not verdict.mask[forged[..., 3] == 0].any()


@pytest.mark.slow
def test_a_picture_is_read_back_under_its_own_limits(guard, small):
    data = as_file(Image.fromarray(small[:120, :]), "PNG")
    picture = load(data, limits=Limits(min_side=64))
    assert guard.immunize(picture).verdict.verdict == "intact"


def test_the_guard_has_limits_of_its_own(guard, key, small):
    data = as_file(Image.fromarray(small), "PNG")
    strict = Guard(key, limits=Limits(max_pixels=SIDE * SIDE - 1))
    for call in (strict.immunize, strict.verify):
        for given in (data, small, Image.fromarray(small)):
            with pytest.raises(TooLargeError, match="raise the limit"):
                call(given)
    assert guard.verify(data, recover=False).verdict == "unprotected"


@pytest.mark.slow
def test_pillow_pictures_come_back_with_their_profile_and_resolution(guard, small):
    profile = b"\0" * 12 + b"mntrRGB XYZ " + bytes(300)
    given = Image.open(
        io.BytesIO(as_file(Image.fromarray(small), "JPEG", icc_profile=profile, dpi=(300, 300)))
    )
    made = guard.immunize(given).image
    assert made.info["icc_profile"] == profile
    assert made.info["dpi"] == (300, 300)


@pytest.mark.slow
def test_paths_of_any_kind_and_rewound_files_are_taken(guard, small, tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(as_file(Image.fromarray(small), "PNG"))

    class FileLike:
        def __fspath__(self):
            return str(path)

    with path.open("rb") as stream:
        stream.read()
        for given in (FileLike(), stream):
            assert guard.verify(given, recover=False).verdict == "unprotected"


@pytest.mark.slow
def test_blocks_that_are_left_out_are_warned_of(guard, small):
    source = from_array(small)
    source = replace(source, metadata=replace(source.metadata, xmp=b"<x>" + b" " * 70_000))
    made = guard.immunize(source, format="JPEG")
    assert any("the XMP is 70,003 bytes long" in warning for warning in made.warnings)
