"""Rates and capacities from times that are given, and one small run through real workers."""

import json

import numpy as np
import pytest
from PIL import Image

from imuge.bench import throughput
from imuge.bench.throughput import (
    Clocked,
    capacity,
    capacity_page,
    efficiency,
    host_folder,
    main,
    to_markdown,
)
from imuge.errors import ConfigError


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
        "command": "python -m imuge.bench.throughput",
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
        "large": [{"megapixels": 1.0, "immunize_s": 9.0, "verify_s": 4.5, "peak_gb": 0.7}],
    }


def test_rates_begin_when_every_worker_has_finished_a_picture():
    meter = Clocked()
    meter.ticks = [(5.0, 1.0), (6.0, 1.0), (8.0, 2.0), (10.0, 2.0)]
    run = meter.run(workers=2)
    assert (run.start_s, run.pictures_per_s, run.megapixels_per_s) == (6.0, 0.5, 1.0)


def test_a_million_is_the_seconds_of_one_on_busy_cores():
    found = capacity(9.0, 1.0, efficiency=0.9, price=0.05)
    assert found.seconds == pytest.approx(10.0)
    assert found.per_hour == pytest.approx(360.0)
    assert found.core_hours == pytest.approx(1e7 / 3600)
    assert found.cost == pytest.approx(1e7 / 3600 * 0.05)


def test_efficiency_is_what_a_second_worker_leaves(result):
    assert efficiency(result["rates"]) == pytest.approx(0.9)
    assert efficiency(result["rates"][:1]) == 1.0
    assert efficiency([row("local", 2, 1.0, 2.4)]) == 1.0  # noise is no gain


def test_the_page_says_price_command_and_numbers(result):
    page = capacity_page(result)
    assert "python -m imuge.bench.throughput" in page
    assert "At an assumed 0.05 for one core for one hour" in page
    assert "| 1.0 | 10.0 | 10.00 | 360 | 2,778 | 139 | 0.7 |" in page
    assert "| 1.0 | 5.0 | 5.00 | 720 | 1,389 | 69 | 0.7 |" in page
    assert "was busy" not in page
    assert "**The machine was busy" in capacity_page(result | {"load": 3.0})
    assert "| local, 2 x 1 | 1.44 | 0.36 | 1.80 | 3 |" in to_markdown(result)


def test_too_few_photographs_are_said(data, tmp_path):
    with pytest.raises(ConfigError, match="has 4 photographs of 128 pixels and more, 5 are wanted"):
        host_folder(data, tmp_path / "hosts", pictures=5, side=128)


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
