"""Oracle: the one table of formats against Pillow's and Python's own."""

import mimetypes

import pytest
from PIL import Image

from imuge.image import FORMATS, SUFFIXES

Image.init()


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_names_are_those_that_pillow_knows(form):
    assert form.suffix == form.suffixes[0]
    for suffix in form.suffixes:
        assert SUFFIXES[suffix] == form.name
        if form.name != "HEIF":  # a plug-in's
            assert Image.registered_extensions()[suffix] == form.name
    if form.name != "HEIF":
        assert Image.MIME[form.name] == form.media_type
    known = mimetypes.MimeTypes(strict=False).guess_type(f"a{form.suffix}", strict=False)[0]
    assert known in (None, form.media_type)


def test_no_suffix_stands_for_two_formats():
    assert len(SUFFIXES) == sum(len(form.suffixes) for form in FORMATS.values())
