"""Rates and capacities from times that are given, and one small run through real workers."""

import json

import numpy as np
import pytest
from PIL import Image

from imuge.bench.speed import capacity as large_pictures
from imuge.bench.speed import throughput
from imuge.bench.speed.capacity import capacity, capacity_page, to_markdown
from imuge.bench.speed.throughput import Run, host_folder, main
from imuge.errors import ConfigError, ImugeError


@pytest.fixture
def data(tmp_path, photograph, other_photograph):
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(4):
        pixels = np.roll((photograph, other_photograph)[number % 2], number, axis=1)
        Image.fromarray(pixels[:128, :128]).save(folder / f"{number}.png")
    return folder


def row(engine, workers, rate, ratio):
    return {
        "engine": engine,
        "workers": workers,
        "threads": 1,
        "start_s": 3.0,
        "pictures_per_s": rate * 4,
        "megapixels_per_s": rate,
        "ratio": ratio,
    }


@pytest.fixture
def result():
    return {
        "command": "python -m imuge.bench.speed.throughput",
        "version": "0",
        "machine": "a machine",
        "processors": 2,
        "date": "2026-01-01",
        "load": 0.1,
        "price_per_core_hour": 0.05,
        "pictures": 16,
        "side": 512,
        "rounds": 3,
        "rates": [row("local", 1, 0.2, 1.0), row("local", 2, 0.36, 1.8), row("ray", 2, 0.3, 1.5)],
        "large": [
            {
                "megapixels": 1.0,
                "immunize_s": 10.0,
                "verify_s": 5.0,
                "report_s": 8.0,
                "peak_gb": 0.7,
            }
        ],
    }


def test_rates_begin_when_every_worker_has_finished_a_picture():
    run = Run.of([10.0, 5.0, 8.0, 6.0], workers=2, megapixels=2.0)
    assert (run.start_s, run.pictures_per_s, run.megapixels_per_s) == (6.0, 0.5, 1.0)


def test_a_million_is_the_core_seconds_of_one_a_million_times():
    found = capacity(10.0, price=0.05)
    assert found.per_hour == pytest.approx(360.0)
    assert found.core_hours == pytest.approx(1e7 / 3600)
    assert found.cost == pytest.approx(1e7 / 3600 * 0.05)


def test_the_page_says_price_command_and_numbers(result):
    page = capacity_page(result)
    assert "python -m imuge.bench.speed.throughput" in page
    assert "At an assumed 0.05 for one core for one hour" in page
    assert "| 1.0 | 10.0 | 10.00 | 360 | 2,778 | 139 | 0.7 |" in page
    assert "| 1.0 | 5.0 | 5.00 | 720 | 1,389 | 69 | 0.7 |" in page
    assert "### Verify, a changed picture, with its report" in page
    assert "was busy" not in page
    assert "**The machine was busy" in capacity_page(result | {"load": 3.0})
    assert "| local, 2 x 1 | 1.44 | 0.36 | 1.80 | 3 |" in to_markdown(result)


def test_too_few_photographs_are_said(data, tmp_path):
    with pytest.raises(ConfigError, match="has 4 photographs of 128 pixels and more, 5 are wanted"):
        host_folder(data, tmp_path / "hosts", pictures=5, side=128)


@pytest.mark.slow
def test_a_small_measurement_through_real_workers(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(throughput, "ARRANGEMENTS", throughput.ARRANGEMENTS[:1])
    out = tmp_path / "out"
    options = ["--pictures", "3", "--side", "128", "--rounds", "1", "--engines", "local"]
    main(["--data", str(data), "--out", str(out), *options, "--sizes"])
    (found,) = json.loads((out / "throughput.json").read_text())["rates"]
    assert found["ratio"] == 1.0
    assert 0 < found["pictures_per_s"] < 1000
    assert found["megapixels_per_s"] == pytest.approx(found["pictures_per_s"] * 128 * 128 / 1e6)
    assert (out / "capacity.md").read_text() == capsys.readouterr().out


@pytest.mark.slow
def test_one_small_picture_is_measured_in_a_process_of_its_own(monkeypatch, capsys):
    monkeypatch.setitem(large_pictures.SIZES, "1", (256, 192))
    large_pictures.main(["1"])
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {*large_pictures.VERBS, "peak_gb"}
    assert min(found.values()) > 0


def test_copies_at_once_give_their_mean(monkeypatch):
    rows = iter([1.0, 3.0])

    class Process:
        returncode = 0

        def __init__(self, command, **_):
            assert command[-2:] == ["imuge.bench.speed.capacity", "12"]

        def communicate(self):
            value = next(rows)
            return json.dumps(
                {**dict.fromkeys(large_pictures.VERBS, value), "peak_gb": value}
            ), None

    monkeypatch.setattr(large_pictures.subprocess, "Popen", Process)
    found = large_pictures.large("12", copies=2)
    assert (found["immunize_s"], found["peak_gb"]) == (2.0, 3.0)
    assert found["megapixels"] == pytest.approx(12.0)


def test_a_size_that_cannot_be_measured_is_said(monkeypatch):
    class Process:
        returncode = 1

        def __init__(self, *_, **__):
            pass

        def communicate(self):
            return "", None

    monkeypatch.setattr(large_pictures.subprocess, "Popen", Process)
    with pytest.raises(ImugeError, match="12 megapixels could not be measured"):
        large_pictures.large("12", copies=1)
