"""Cases of tests/FIELD.md that have no better place, and the table itself."""

import ast
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

TESTS = Path(__file__).parent
TABLE = (TESTS / "FIELD.md").read_text()


def written_in(path):
    return {
        node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
    }


def test_every_case_has_tests_that_exist():
    rows = re.findall(r"^\| (\d+) .*\| (.*) \|$", TABLE, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 22))
    for number, named in rows:
        found = re.findall(r"`([\w/]+\.py)::(test_\w+)`", named)
        assert found, number
        for path, name in found:
            assert name in written_in(TESTS / path), (number, path, name)


@pytest.fixture(scope="module")
def published(guard):
    """A whole portrait of 512x512: turns are not looked for in much smaller pictures."""
    with Image.open(TESTS / "data" / "astronaut.webp") as image:
        return guard.immunize(image.convert("RGB")).image


@pytest.mark.slow
@pytest.mark.parametrize("orientation", [2, 6])
def test_a_tag_set_after_immunizing_is_no_change(guard, published, tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    published.save(tmp_path / "turned.png", exif=exif)
    verdict = guard.verify(tmp_path / "turned.png", recover=False)
    assert verdict.verdict == "intact", verdict.sentence
    assert any(f"orientation {orientation}" in warning for warning in verdict.warnings)


@pytest.mark.slow
def test_one_guard_in_four_threads(guard, published, photograph):
    pictures = [published, Image.fromarray(photograph)] * 2
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda p: guard.verify(p, recover=False, search="off"), pictures))
    assert [verdict.verdict for verdict in found] == ["intact", "unprotected"] * 2
