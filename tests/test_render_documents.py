"""Pages that are drawn: the same again from the same seed, and like what they stand for."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
script = importlib.import_module("render_documents")
ROUND = len(script.KINDS)


@pytest.mark.parametrize("number", range(ROUND))
def test_a_page_is_drawn_the_same_again_and_otherwise_from_another_seed(number):
    drawn = np.asarray(script.page(number, 3))
    assert drawn.shape[2] == 3
    assert min(drawn.shape[:2]) >= 1000
    assert (drawn == np.asarray(script.page(number, 3))).all()
    other = np.asarray(script.page(number, 4))
    assert other.shape == drawn.shape
    assert (other != drawn).mean() > 0.01, "something else is written"


@pytest.mark.parametrize("number", [0, 2])
def test_paper_is_flat_as_drawn_and_grey_and_noisy_as_scanned(number):
    drawn, scanned = (np.asarray(script.page(n, 0), int) for n in (number, number + ROUND))
    for pixels, least, most in ((drawn, 0.7, 1.0), (scanned, 0.0, 0.2)):
        assert np.median(pixels) > 180
        flat = (np.abs(np.diff(pixels.sum(2), axis=1)) == 0).mean()
        assert least < flat <= most


def test_kinds_take_turns_and_pages_that_are_there_are_kept(tmp_path, capsys):
    script.main(["--out", str(tmp_path / "pages"), "--count", "2"])
    names = sorted(path.name for path in (tmp_path / "pages").iterdir())
    assert names == ["0-000-letter.png", "0-001-screen.png"]
    (tmp_path / "pages" / names[0]).write_bytes(b"mine")
    script.main(["--out", str(tmp_path / "pages"), "--count", "3"])
    assert "1 pages drawn, 2 were there" in capsys.readouterr().out
    assert (tmp_path / "pages" / names[0]).read_bytes() == b"mine"
    with Image.open(tmp_path / "pages" / "0-002-invoice.png") as third:
        assert third.size == script.PAGE


@pytest.mark.parametrize(
    ("count", "out", "words"),
    [
        ("0", "pages", "expected a --count of 1 or more, got 0"),
        ("1", "file", "cannot make the folder"),
        ("1", "file/pages", "cannot make the folder"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(tmp_path, capsys, count, out, words):
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(SystemExit):
        script.main(["--out", str(tmp_path / out), "--count", count])
    assert words in capsys.readouterr().err
    assert (tmp_path / "file").read_bytes() == b"mine"
