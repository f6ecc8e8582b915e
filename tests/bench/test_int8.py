"""The study of 8-bit graphs: what it loses is told, and the whole of it runs."""

import json

import pytest

from imuge.bench import int8
from imuge.bench.int8 import PROCESSES, to_markdown, with_graphs
from imuge.weights import load_release


def result(loss_f1, loss_db):
    rows = [
        {
            "variant": variant,
            "process": process,
            "f1": 0.9 - f1 * (process == "jpeg:50"),
            "area_db": 20.0 - db * (process == "none"),
        }
        for variant, f1, db in (("float32", 0, 0), ("recover", loss_f1, loss_db))
        for process in PROCESSES
    ]
    facts = {"command": "it", "imuge": "0", "model": "m", "model_sha256": "0" * 64, "pictures": 2}
    facts["processor"] = "one that is quick"
    return {**facts, "ratios": {"recover": 1.8}, "rows": rows}


@pytest.mark.parametrize(
    ("loss_f1", "loss_db", "says"),
    [
        (0.002, 0.05, "+0.002 / +0.05 dB |"),
        (0.004, 0.05, "+0.004 / +0.05 dB, too much |"),
        (0.002, 0.15, "+0.002 / +0.15 dB, too much |"),
    ],
)
def test_what_is_lost_is_the_most_of_any_process(loss_f1, loss_db, says):
    *_, last = to_markdown(result(loss_f1, loss_db)).splitlines()
    assert last.endswith(says)
    assert last.startswith("| recover |")


def test_a_release_with_other_graphs_has_another_hash_and_keeps_the_rest():
    release = load_release()
    made = with_graphs(release, {"recover": b"graph"})
    assert made.graphs["recover"] == b"graph"
    assert made.graphs["reveal"] == release.graphs["reveal"]
    assert made.sha256 != release.sha256


@pytest.mark.slow
def test_the_study_runs_on_two_photographs(tmp_path, request):
    data = str(request.config.rootpath / "tests/data")
    int8.main(["--train", data, "--data", data, "--out", str(tmp_path), "--ranges", "2"])
    found = json.loads((tmp_path / "int8.json").read_text())
    assert set(found["ratios"]) == {"reveal", "localize", "recover"}
    plain, small = (
        next(row for row in found["rows"] if (row["variant"], row["process"]) == (name, "none"))
        for name in ("float32", "localize and recover")
    )
    assert small["f1"] == pytest.approx(plain["f1"], abs=0.05)
    assert small["area_db"] != plain["area_db"]
    assert (tmp_path / "int8.md").read_text() == to_markdown(found)
