"""A study that is given the wrong thing says so in one sentence."""

import re
import runpy
import sys

import pytest

from imuge.bench.command import as_command
from imuge.errors import ConfigError, WeightsError


@pytest.mark.parametrize(("error", "status"), [(ConfigError, 2), (WeightsError, 1)])
def test_the_status_tells_wrong_input_from_failure(error, status, capsys):
    def main():
        raise error("what came, what was wanted")

    with pytest.raises(SystemExit) as ended:
        as_command(main)
    assert ended.value.code == status
    assert capsys.readouterr().err == "what came, what was wanted\n"


def test_what_is_no_fault_of_the_callers_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        as_command(lambda: 1 // 0)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
@pytest.mark.parametrize(
    "study", ["copies", "content", "int8", "recovery", "geometry", "presence", "security"]
)
def test_a_study_of_a_folder_that_is_not_there(study, monkeypatch, tmp_path, capsys):
    given = ["study", "--data", str(tmp_path / "nowhere"), "--out", str(tmp_path)]
    if study == "int8":
        given += ["--train", str(tmp_path / "nowhere")]
    monkeypatch.setattr(sys, "argv", given)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"imuge.bench.{study}", run_name="__main__")
    assert ended.value.code == 2
    assert re.fullmatch(r"[^\n]*nowhere[^\n]*\n", capsys.readouterr().err)
