"""Scans are counted without decoding, and junk has an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serve_client import encoded

from imuge.serve.jpeg_scans import count_scans


def test_scans_of_what_encoders_write(photograph):
    pixels = photograph[:128, :160]
    assert count_scans(encoded(pixels, "JPEG"), 100) == 1
    assert 5 <= count_scans(encoded(pixels, "JPEG", progressive=True), 100) <= 12
    assert count_scans(encoded(pixels, "PNG"), 100) == 0


def test_a_preview_in_the_metadata_and_what_follows_the_end_do_not_count(photograph):
    pixels = photograph[:128, :160]
    inner = encoded(pixels[:64, :64], "JPEG", progressive=True)
    outer = encoded(pixels, "JPEG", exif=b"Exif\0\0" + inner)
    assert count_scans(outer, 100) == 1
    assert count_scans(outer + inner, 100) == 1


def test_counting_ends_above_the_limit():
    scan = b"\xff\xda\x00\x02\x00"
    assert count_scans(b"\xff\xd8" + scan * 1000, 7) == 8


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xda\xff"])
def test_what_is_cut_short(data):
    assert count_scans(data, 100) <= 1


@given(st.binary(max_size=2000))
def test_junk_is_counted_to_an_end(data):
    assert 0 <= count_scans(b"\xff\xd8" + data, 100) <= 101
