"""Hostile and damaged files: a Picture or an ImageError of one sentence, nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_samples import FORMATS, ICC, XMP, deep_file, exif_block, file, with_png_chunks

from imuge.errors import ImageError
from imuge.image import Limits, Picture, encode, from_array, load

WHOLE = {
    kind: file(kind, exif=None if kind == "TIFF" else exif_block(6), icc=ICC, xmp=XMP)
    for kind in FORMATS
}
DEEP = {
    "PNG": with_png_chunks(deep_file("PNG"), (b"eXIf", exif_block(6))),
    "TIFF": deep_file("TIFF"),
}
PIXELS = 1000 * 1000
SMALL = from_array(np.zeros((128, 128, 3), np.uint8))


def check_message(error):
    message = str(error)
    assert message.splitlines() == [message]


def refused(data):
    """Load; return whether it was refused, and check what came either way."""
    try:
        picture = load(data, limits=Limits(max_pixels=PIXELS))
    except ImageError as error:
        check_message(error)
        return True
    assert isinstance(picture, Picture)
    assert min(picture.pixels.shape[:2]) >= 128
    return False


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", FORMATS)
def test_truncated_files_are_refused(kind, kept):
    data = WHOLE[kind]
    with pytest.raises(ImageError):
        load(data[: int(len(data) * kept)])


def test_png_without_its_end_is_refused():
    with pytest.raises(ImageError):
        load(WHOLE["PNG"][:-12])


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(FORMATS),
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
    early=st.booleans(),
    cut=st.one_of(st.none(), st.integers(0, 10**6)),
)
def test_mutated_files_give_a_picture_or_a_refusal(kind, edits, early, cut):
    data = bytearray(WHOLE[kind])
    for at, value in edits:
        data[at % (min(600, len(data)) if early else len(data))] = value
    refused(bytes(data[: cut % len(data)] if cut is not None else data))


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "TIFF"]),
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=6),
    early=st.booleans(),
    cut=st.one_of(st.none(), st.integers(0, 10**6)),
)
def test_mutated_files_of_16_bits_give_a_picture_or_a_refusal(kind, edits, early, cut):
    data = bytearray(DEEP[kind])
    for at, value in edits:
        data[at % (min(400, len(data)) if early else len(data))] = value
    refused(bytes(data[: cut % len(data)] if cut is not None else data))


@settings(max_examples=100, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=6),
    target=st.sampled_from(["PNG", "TIFF", "AVIF"]),
    policy=st.sampled_from(["keep", "no-gps", "none"]),
)
def test_hostile_metadata_is_written_or_refused(edits, target, policy):
    block = bytearray(exif_block(6))
    for at, value in edits:
        block[at % len(block)] = value
    metadata = replace(SMALL.metadata, exif=bytes(block))
    try:
        assert encode(replace(SMALL, metadata=metadata), format=target, metadata=policy)
    except ImageError as error:
        check_message(error)


@settings(max_examples=150, deadline=None)
@given(
    head=st.sampled_from([b"", *(WHOLE[kind][:16] for kind in FORMATS)]),
    tail=st.binary(max_size=300),
)
def test_random_bytes_are_refused(head, tail):
    assert refused(head + tail)
