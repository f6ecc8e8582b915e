"""The network that imitates JPEG, and the simulator around it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode

from imuge.errors import ConfigError, ImageError, WeightsError
from imuge.train.attacks.distort import DistortMix, distort, draw_distortions
from imuge.train.attacks.jpeg import DISTILLED, exact, simulator_of
from imuge.train.attacks.jpeg.distilled import Distilled, load_student, save_student
from imuge.train.attacks.jpeg.student import (
    CLASSES,
    Student,
    StudentConfig,
    class_shares,
    haar,
    haar_back,
)
from imuge.train.attacks.rounding import round_to_8_bits

SMALL = StudentConfig(widths=(4, 8, 12), blocks=1, condition_width=8)
ASKING = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select"}


class NobodyAsks(TorchDispatchMode):
    """Refuses what would make a GPU answer before it can go on."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function._schema.name not in ASKING, f"{function} waits for the device"
        return function(*args, **(kwargs or {}))


@pytest.fixture
def student():
    """A small network, as in training, that does something to a picture."""
    torch.manual_seed(0)
    made = Student(SMALL, normalized=True)
    torch.nn.init.normal_(made.last.weight, std=0.3)
    return made


@pytest.fixture
def batch(photograph, other_photograph):
    pictures = np.stack([photograph[:64, :96], other_photograph[:64, :96]])
    return torch.from_numpy(pictures).movedim(3, 1) / 255


def test_the_papers_size():
    weights = sum(
        weight.numel() for weight in Student(StudentConfig(), normalized=False).parameters()
    )
    assert weights == pytest.approx(11.2e6, rel=0.03)


def test_a_quality_is_a_share_of_the_classes_around_it():
    shares = class_shares(torch.tensor([1.0, 10.0, 40.0, 85.0, 100.0]))
    expected = torch.zeros(5, len(CLASSES))
    expected[0, 0] = expected[1, 0] = expected[4, 5] = 1
    expected[2, 1:3] = 0.5
    expected[3, 3:5] = torch.tensor([0.25, 0.75])
    torch.testing.assert_close(shares, expected)


def test_haar_bands_hold_the_picture_and_its_energy(batch):
    bands = haar(batch)
    assert bands.shape == (2, 12, 32, 48)
    torch.testing.assert_close(haar_back(bands), batch)
    torch.testing.assert_close(bands.square().sum(), batch.square().sum())
    flat = haar(torch.full((1, 3, 2, 2), 0.25))
    torch.testing.assert_close(flat.flatten(), torch.tensor([0.5, 0, 0, 0] * 3))


def test_an_untrained_network_passes_a_picture_on(batch):
    made = Student(SMALL, normalized=True)
    assert torch.equal(made(batch, torch.tensor([30.0, 90.0]), torch.ones(2)), batch)


def test_quality_and_sampling_matter_sample_by_sample(student, batch):
    student.eval()
    picture = batch[:1].expand(4, -1, -1, -1)
    quality = torch.tensor([30.0, 90.0, 60.0, 30.0])
    made = student(picture, quality, torch.tensor([1.0, 1.0, 1.0, 0.0]))
    changes = [(made[0] - other).abs().max() for other in made[1:]]
    assert min(changes) > 1e-5
    alone = student(picture[:1], quality[1:2], torch.ones(1))
    torch.testing.assert_close(made[1:2], alone)


def test_a_teacher_knows_nothing_but_its_features(student, batch):
    features = student.eval().encode(batch)
    assert features.shape == (2, SMALL.widths[-1], 8, 12)
    assert student.rebuild(features).shape == batch.shape
    flat = student.rebuild(torch.zeros_like(features))
    assert torch.equal(flat[0], flat[1])


@pytest.mark.parametrize("shape", [(1, 3, 12, 16), (1, 3, 16, 20), (1, 1, 16, 16), (3, 16, 16)])
def test_a_shape_without_whole_blocks_is_refused(student, shape):
    with pytest.raises(ImageError, match="multiples of"):
        student(torch.zeros(shape), torch.tensor([75.0]), torch.ones(1))
    with pytest.raises(ImageError, match="multiples of"):
        Distilled(student)(torch.zeros(shape), torch.tensor([75.0]), subsampled=True)


@pytest.mark.parametrize("change", [{"widths": (4, 6, 8)}, {"widths": (0, 4, 8)}, {"blocks": 0}])
def test_sizes_that_build_no_network_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        replace(SMALL, **change)


@pytest.mark.parametrize("subsampled", [True, False])
def test_value_of_the_decoder_gradient_of_the_network(student, batch, subsampled):
    simulator = Distilled(student)
    quality = torch.tensor([40.0, 95.0])
    weights = torch.rand(batch.shape, generator=torch.Generator().manual_seed(0))
    batch.requires_grad_()
    shown = simulator(batch, quality, subsampled=subsampled)
    assert torch.equal(shown, exact(batch, quality, subsampled=subsampled))
    assert torch.equal(shown, round_to_8_bits(shown))
    (found,) = torch.autograd.grad((shown * weights).sum(), batch)
    own = simulator.simulate(batch, quality, subsampled=subsampled)
    (expected,) = torch.autograd.grad((own * weights).sum(), batch)
    assert torch.equal(found, expected)
    assert not torch.allclose(found, weights), "not that of no compression"
    assert found.isfinite().all()


def test_no_weight_learns_and_nothing_runs_without_need(student, batch, monkeypatch):
    simulator = Distilled(student)
    quality = torch.tensor([40.0, 95.0])
    before = {name: value.clone() for name, value in student.state_dict().items()}
    simulator(batch.clone().requires_grad_(), quality, subsampled=True).sum().backward()
    assert all(weight.grad is None for weight in student.parameters())
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())
    monkeypatch.setattr(student, "forward", None)
    simulator(batch, quality, subsampled=True)
    with torch.no_grad():
        simulator(batch.requires_grad_(), quality, subsampled=True)


def test_it_computes_in_full_precision_under_autocast(student, batch):
    simulator, quality = Distilled(student), torch.tensor([40.0, 95.0])
    expected = simulator.simulate(batch, quality, subsampled=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = simulator.simulate(batch, quality, subsampled=True)
    assert torch.equal(found, expected)


def test_weights_rebuild_their_network(student, batch, tmp_path):
    path = save_student(student, tmp_path / "student.safetensors")
    assert save_student(load_student(path), path) == path, "plain ones can be written again"
    loaded = load_student(path)
    assert loaded.config == SMALL
    assert not any(weight.requires_grad for weight in loaded.parameters())
    quality, subsampled = torch.tensor([20.0, 77.0]), torch.tensor([1.0, 0.0])
    expected = student.eval()(batch, quality, subsampled)
    found = loaded(batch, quality, subsampled)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)  # float16


def test_weights_that_float16_cannot_hold_are_not_written(student, tmp_path):
    torch.nn.init.constant_(student.last.bias, 1e6)
    with pytest.raises(WeightsError, match=r"last\.bias"):
        save_student(student, tmp_path / "student.safetensors")
    assert not list(tmp_path.iterdir())
    with pytest.raises(WeightsError, match="cannot write"):
        save_student(Student(SMALL, normalized=False), tmp_path / "missing" / "file")


def test_bad_weights_are_named_with_what_to_do(student, tmp_path):
    path = tmp_path / "student.safetensors"
    how = "python -m imuge.train.jpeg"
    with pytest.raises(WeightsError, match=f"cannot read.*student.*{how}"):
        load_student(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(WeightsError, match=f"cannot read.*{how}"):
        load_student(path)
    tensors = student.plain_state()
    save_file(tensors, path)
    with pytest.raises(WeightsError, match=f"expected the weights of a JPEG simulator.*{how}"):
        load_student(path)
    for text in ("{", "3", '{"depth": 3}'):
        save_file(tensors, path, {"jpeg_student": text})
        with pytest.raises(WeightsError, match=f"describes no JPEG simulator.*{how}"):
            load_student(path)
    larger = {"widths": [4, 8, 16], "blocks": 1, "condition_width": 8}
    save_file(tensors, path, {"jpeg_student": json.dumps(larger)})
    with pytest.raises(WeightsError, match=rf"tensors are missing.*condition\.heads.*{how}"):
        load_student(path)


@pytest.fixture
def mix(student, tmp_path):
    path = save_student(student, tmp_path / "student.safetensors")
    chains = {"none": 1.0, "jpeg": 1.0, "resize+jpeg": 1.0, "jpeg444": 1.0}
    return DistortMix(simulator=DISTILLED, simulator_weights=str(path), chains=chains)


def drawn(mix, batch):
    torch.manual_seed(1)
    level = torch.ones(())
    return draw_distortions(
        mix, *batch.shape[::2], batch.shape[3], device=batch.device, level=level
    )


def test_a_mix_processes_as_with_exact_but_for_gradients(mix, batch):
    batch = batch.repeat(4, 1, 1, 1).requires_grad_()
    draw = drawn(mix, batch)
    plain = replace(mix, simulator="exact", simulator_weights="")
    results = [distort(batch, replace(draw, mix=one)) for one in (mix, plain)]
    assert torch.equal(*results)
    weights = torch.rand(batch.shape, generator=torch.Generator().manual_seed(0))
    found, other = (torch.autograd.grad((one * weights).sum(), batch)[0] for one in results)
    assert found.isfinite().all()
    assert not torch.allclose(found, other)


def test_after_a_first_time_nothing_is_read_or_asked(mix, batch):
    batch = batch.repeat(4, 1, 1, 1).requires_grad_()
    draw = drawn(mix, batch)
    distort(batch, draw)  # reads the weights
    Path(mix.simulator_weights).unlink()
    with NobodyAsks():
        (distort(batch, draw) ** 2).sum().backward()
    assert batch.grad.any()


def test_weights_read_under_inference_mode_serve_training_later(mix, batch):
    with torch.inference_mode():
        simulator_of(DISTILLED, mix.simulator_weights, batch.device)
    batch.requires_grad_()
    distort(batch, drawn(mix, batch)).sum().backward()
    assert batch.grad.any()


@pytest.mark.parametrize(
    "settings",
    [
        {"simulator": "distilled"},
        {"simulator": "exact", "simulator_weights": "student.safetensors"},
    ],
)
def test_weights_belong_to_the_distilled_simulator(settings):
    with pytest.raises(ConfigError, match="simulator_weights"):
        DistortMix(**settings)


def test_missing_weights_end_the_first_call(mix, batch):
    mix = replace(mix, simulator_weights="nowhere/student.safetensors")
    with pytest.raises(WeightsError, match="nowhere/student"):
        distort(batch, drawn(mix, batch))
