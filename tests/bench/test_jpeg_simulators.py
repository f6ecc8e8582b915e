"""The simulators of JPEG beside a real encoder: what the measurement says of what is known."""

import json

import pytest
import torch

from imuge.bench.jpeg import gradients as jpeg_gradients
from imuge.bench.jpeg import run as bench
from imuge.train.attacks.jpeg.distilled import save_student
from imuge.train.attacks.jpeg.student import Student, StudentConfig

NAMES = ["exact", "smooth", "distilled"]


@pytest.fixture(scope="module")
def result(tmp_path_factory, request):
    """One picture of 64x64, and a network that passes pictures on as they are."""
    folder = tmp_path_factory.mktemp("bench")
    torch.manual_seed(0)
    sizes = StudentConfig(widths=(4, 8, 12), blocks=1, condition_width=8)
    weights = save_student(Student(sizes, normalized=False), folder / "student.safetensors")
    data = request.config.rootpath / "tests" / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench, "SIDE", 64)
        patch.setattr(bench, "REPEATS", 3)
        patch.setattr(jpeg_gradients, "ENCODINGS", 4)
        options = ["--data", str(data), "--out", str(folder), "--pictures", "1"]
        bench.main([*options, "--weights", str(weights), "--plot", str(folder / "plot.svg")])
        bench.main([*options[:3], str(folder / "without"), *options[4:]])
    return folder


@pytest.fixture(scope="module")
def measured(result):
    return json.loads((result / "jpeg_simulators.json").read_text())


def test_every_simulator_is_measured(measured):
    assert list(measured["fidelity"]) == ["no simulation", *NAMES]
    assert list(measured["gradients"]) == ["real encoder, again", "no simulation", *NAMES]
    assert list(measured["speed"]) == NAMES
    assert measured["network"]["config"]["widths"] == [4, 8, 12]
    assert len(measured["pictures"]) == 1


def test_an_untrained_network_is_no_simulation(measured):
    rows = measured["fidelity"]
    for quality, none in rows["no simulation"].items():
        assert rows["distilled"][quality]["median"] == pytest.approx(none["median"], abs=1e-3)
        assert rows["exact"][quality]["median"] > none["median"]
        assert rows["exact"][quality]["worst"] <= rows["exact"][quality]["median"]
    none, distilled = (measured["gradients"][name] for name in ("no simulation", "distilled"))
    assert distilled["cosine"] == pytest.approx(none["cosine"], abs=1e-3)
    assert distilled["length"] == pytest.approx(none["length"], abs=1e-3)


def test_gradients_are_sane(measured):
    rows = measured["gradients"]
    for name in NAMES:
        assert rows[name]["finite"]
        assert rows[name]["zeros"] < 0.01
    again, exact, none = (
        rows[name]["cosine"] for name in ("real encoder, again", "exact", "no simulation")
    )
    assert all(1 > again[quality] > exact[quality] > none[quality] for quality in exact)


def test_ratios_are_to_exact(measured):
    assert measured["speed"]["exact"]["both_ratio"] == 1
    assert measured["speed"]["distilled"]["both_ratio"] > 1


def test_the_derivative_is_that_of_the_simulator(photograph):
    """Of a simulator that doubles pixels, J·d is 2 d."""
    pixels = photograph[:16, :16]
    change = (pixels > 100) * 8.0 - 4.0

    def doubling(picture, *_, **__):
        return 2 * picture

    along, gradient = jpeg_gradients.derivative(doubling, pixels, change, 50)
    torch.testing.assert_close(along, 2 * jpeg_gradients.to_levels(change))
    assert gradient.min() > 0


def test_without_weights_the_network_is_left_out(result):
    without = json.loads((result / "without" / "jpeg_simulators.json").read_text())
    assert list(without["speed"]) == NAMES[:2]
    assert "network" not in without
    assert "distilled" not in bench.to_markdown(without)


def test_the_tables_and_the_plot_show_all(result, measured):
    text = bench.to_markdown(measured)
    assert "| quality | no simulation | exact | smooth | distilled |" in text
    assert text.count("\n| 95 |") == 1
    assert "widths 4, 8, 12" in text
    assert "median PSNR" in (result / "plot.svg").read_text()
