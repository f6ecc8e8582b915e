"""docs/tutorial.md shows what its commands print and what its script draws."""

import re

import numpy as np
import pytest
import tutorial_pictures
from page_session import kept, session, steps

from imuge.engine import Engine

load_session = Engine.session
IMAGES = tutorial_pictures.DOCS / "images"
LARGEST = 150_000  # bytes
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)")


@pytest.fixture(scope="module")
def told(tmp_path_factory, guard):
    """The page after everything on it was done, and a reader of the files that came of it."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch, session(folder) as terminal:
        # Every guard uses the models that are loaded already: half a second each.
        patch.setattr("imuge.guard.load_release", lambda _: guard.engine._release)
        patch.setattr(Engine, "session", lambda _, name: load_session(guard.engine, name))
        page = terminal.rewritten(tutorial_pictures.PAGE.read_text())
    return page, lambda name: tutorial_pictures.read(folder / name)


@pytest.mark.slow
def test_the_page_says_what_its_commands_print(told):
    page = tutorial_pictures.PAGE.read_text()
    # Other processors round otherwise, and a region gets a pixel more: words must be the same.
    assert NUMBER.sub("N", told[0]) == NUMBER.sub("N", page), "run scripts/tutorial_pictures.py"
    for now, shown in zip(NUMBER.findall(told[0]), NUMBER.findall(page), strict=True):
        assert abs(float(now) - float(shown)) <= max(3, 0.1 * float(shown)), (now, shown)


def test_the_case_is_the_one_that_is_told():
    page = tutorial_pictures.PAGE.read_text()
    shown = [
        step
        for block in re.findall(r"```console\n(.*?)```", page, re.DOTALL)
        for step in steps(block)
    ]
    answers = dict(shown)
    assert "2 regions" in answers["imuge verify suspicious.jpg --key newsdesk --out report"]
    for name in ("shared", "cropped", "turned"):
        assert answers[f"imuge verify {name}.jpg"].startswith("intact: No change was found")
    assert "it shows 64% of what was published." in answers["imuge verify cropped.jpg"]
    assert "it is mirrored and is turned by 90°." in answers["imuge verify turned.jpg"]
    assert answers["imuge verify small.jpg"].startswith("unprotected: No protection")
    assert (
        "is protected with key newsdesk already"
        in answers["imuge immunize suspicious.jpg -o laundered.jpg --key newsdesk"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", tutorial_pictures.PICTURES)
def test_pictures_are_those_that_the_script_draws(told, name, tmp_path):
    again = tmp_path / name
    tutorial_pictures.save(tutorial_pictures.PICTURES[name](told[1]), again)
    drawn, shown = (tutorial_pictures.read(path).astype(int) for path in (again, IMAGES / name))
    assert shown.shape == drawn.shape
    assert np.abs(shown - drawn).mean() < 1  # grey levels
    assert (IMAGES / name).stat().st_size < LARGEST


def test_every_picture_is_shown():
    shown = re.findall(r"!\[[^\]]+\]\(images/([^)]+)\)", tutorial_pictures.PAGE.read_text())
    assert shown == list(tutorial_pictures.PICTURES)


def test_open_parts_of_an_output_are_kept():
    assert kept("key … made\n", "key 12ab made\n") == "key … made\n"
    assert kept("key … made\n", "no key\n") == "no key\n"
    assert kept("old\n", "new\n") == "new\n"


def test_a_page_cannot_run_anything_else(tmp_path):
    with session(tmp_path) as terminal, pytest.raises(ValueError, match="got 'rm"):
        terminal.console("rm photo.jpg")
