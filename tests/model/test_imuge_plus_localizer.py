"""The paper's localizer: its constraints hold, and it is as large as the paper says."""

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized
from torch.testing import assert_close

from imuge.model.imuge_plus.config import ImugePlusConfig
from imuge.model.imuge_plus.localizer import BayarConvolution, ImugePlusLocalizer
from imuge.model.imuge_plus.mask import rectify

QUARTER = ImugePlusConfig(outer_width=16, growth=8, stem_channels=4, localizer_widths=(8, 16, 32))


@pytest.fixture
def localizer():
    torch.manual_seed(0)
    return ImugePlusLocalizer(QUARTER)


@pytest.mark.slow
def test_it_has_the_papers_size():
    with torch.device("meta"):
        localizer = ImugePlusLocalizer(ImugePlusConfig())
    assert sum(p.numel() for p in localizer.parameters()) == pytest.approx(2.42e6, rel=0.003)


def test_filters_predict_a_pixel_from_its_surroundings():
    torch.manual_seed(1)
    stem = BayarConvolution(3, 4)
    torch.nn.init.normal_(stem.weight)
    filters = stem.constrained()
    assert_close(filters[..., 2, 2], torch.full((4, 3), -1.0))
    assert_close(filters.sum((-2, -1)), torch.zeros(4, 3), rtol=0, atol=1e-5)
    flat = torch.rand(1, 3, 1, 1).expand(1, 3, 16, 16)
    assert_close(stem(flat), torch.zeros(1, 4, 16, 16), rtol=0, atol=1e-5)


def norms(localizer):
    """The largest singular value of every normalized weight, output channels against the rest."""
    values = []
    for part in localizer.modules():
        if is_parametrized(part, "weight"):
            transposed = isinstance(part, torch.nn.ConvTranspose2d)
            weight = part.weight.transpose(0, 1) if transposed else part.weight
            values.append(torch.linalg.matrix_norm(weight.flatten(1), 2))
    return torch.stack(values)


@pytest.mark.slow
def test_settling_brings_every_norm_to_one_and_keeps_the_mode(localizer):
    localizer.eval()
    for name, parameter in localizer.named_parameters():
        if name.endswith("original"):
            torch.nn.init.normal_(parameter)  # as if other weights had been loaded
    before = {name: value.clone() for name, value in localizer.named_parameters()}
    assert norms(localizer).max() > 1.5
    localizer.settle()
    assert_close(norms(localizer), torch.ones(3 * 4 + 4 * 2 + 3 * 4), rtol=0, atol=0.01)
    assert not any(part.training for part in localizer.modules())
    localizer.train().settle()
    assert all(part.training for part in localizer.modules())
    for name, value in localizer.named_parameters():
        assert torch.equal(value, before[name])


def test_a_batch_turns_a_norm_once_in_training_and_never_in_evaluation(localizer):
    norms = localizer.middle[0].conv1.parametrizations.weight
    torch.nn.init.normal_(norms.original)
    start, image = norms[0]._u.clone(), torch.rand(1, 3, 32, 32)
    localizer.eval()(image)
    assert torch.equal(norms[0]._u, start)
    once = torch.nn.functional.normalize(norms.original.flatten(1) @ norms[0]._v, dim=0)
    localizer.train()(image)
    assert_close(norms[0]._u, once)
    assert (once - start).abs().max() > 0.01


@pytest.mark.parametrize("size", [512, 256, 64])
def test_rectifying_removes_a_speck_and_keeps_a_blob_and_its_rim(size):
    unit = size // 64
    probability = torch.full((2, 1, size, size), 0.4)
    probability[0, :, 4 * unit : 5 * unit, 4 * unit : 5 * unit] = 0.9  # a speck
    probability[0, :, 20 * unit : 40 * unit, 30 * unit :] = 0.6  # a blob at the border
    mask = rectify(probability)
    expected = torch.zeros_like(mask)
    expected[0, :, 19 * unit : 41 * unit, 29 * unit :] = 1
    assert torch.equal(mask, expected)
