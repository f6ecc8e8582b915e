"""What nobody sees: white when published, no evidence when judged."""

import numpy as np
import pytest
from image_samples import LOSSLESS, alpha, file, photo

from imuge.engine.canvas import BLOCK, to_canvas
from imuge.errors import ImageError
from imuge.image import encode, from_array, load


def cut_out(colour):
    array = np.dstack([np.asarray(photo()), alpha()])
    array[alpha() == 0, :3] = colour
    return array


@pytest.mark.parametrize("kind", LOSSLESS)
def test_hidden_colours_make_no_difference_and_are_white_in_the_file(kind):
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (np.count_nonzero(alpha() == 0), 3))
    pictures = [from_array(cut_out(colour)) for colour in (0, 255, 17, noise)]
    files = {encode(picture, format=kind) for picture in pictures}
    assert len(files) == 1
    again = load(files.pop())
    np.testing.assert_array_equal(again.alpha, alpha())
    np.testing.assert_array_equal(again.judged, alpha() > 0)
    assert (again.pixels[~again.judged] == 255).all()


def test_new_pixels_are_white_where_nobody_sees_them():
    picture = from_array(cut_out(0))
    made = picture.with_pixels(np.full_like(picture.samples, 9))
    assert (made.pixels[picture.judged] == 9).all()
    assert (made.pixels[~picture.judged] == 255).all()


def test_a_note_gives_the_share_that_is_not_protected():
    (note,) = from_array(cut_out(0)).notes
    assert note.startswith("24% of the picture is fully transparent")
    assert "neither protected nor judged" in note
    opaque = cut_out(0)
    opaque[..., 3] = 1
    picture = from_array(opaque)
    assert picture.notes == ()
    assert picture.judged.all()
    assert load(file("PNG")).judged.all()


def test_a_wholly_hidden_picture_is_refused():
    array = cut_out(0)
    array[..., 3] = 0
    with pytest.raises(ImageError, match="fully transparent"):
        from_array(array)


def test_the_canvas_counts_only_blocks_that_are_seen_whole():
    picture = from_array(cut_out(0))
    canvas = to_canvas(picture.samples, picture.judged)
    inside = canvas.inside
    assert not inside[: 32 // BLOCK].any()
    assert inside[32 // BLOCK : 136 // BLOCK, : 160 // BLOCK].all()
    nothing = to_canvas(picture.samples, np.zeros_like(picture.judged))
    assert not nothing.inside.any()
