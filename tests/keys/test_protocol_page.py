"""docs/protocol.md carries exactly what scripts/protocol_vectors.py prints."""

import re
import runpy
from pathlib import Path

import pytest

from imuge.keys import PRESENCE_THRESHOLD, read_key
from imuge.results import EXIT_STATUS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page():
    return (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def test_the_vectors_are_those_the_command_prints(page, capsys):
    runpy.run_path(str(ROOT / "scripts" / "protocol_vectors.py"), run_name="__main__")
    assert f"```text\n{capsys.readouterr().out}```\n" in page


def test_the_example_key_file_is_one(page, tmp_path):
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "example.key"
    path.write_text(example)
    path.chmod(0o600)
    key = read_key(path)
    assert f"key id = {key.key_id}\n" in page
    assert f"root recover = {key.root('recover').hex()}\n" in page


def test_the_verdict_table_has_the_exit_statuses(page):
    table = dict(re.findall(r"^\| `(\w+)` \| .* \| (\d+) \|$", page, re.MULTILINE))
    assert table == {finding: str(status) for finding, status in EXIT_STATUS.items()}


def test_the_threshold_is_the_stated_one(page):
    assert PRESENCE_THRESHOLD == 1e-6
    assert "below 10^-6" in page
