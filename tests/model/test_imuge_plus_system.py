"""The paper's networks together: which pixels count, and that they can be trained."""

import copy

import pytest
import torch
from torch.testing import assert_close

from imuge.model.imuge_plus.config import ImugePlusConfig
from imuge.model.imuge_plus.system import ImugePlusSystem

QUARTER = ImugePlusConfig(outer_width=16, growth=8, stem_channels=4, localizer_widths=(8, 16, 32))


@pytest.fixture
def system():
    torch.manual_seed(0)
    system = ImugePlusSystem(QUARTER)
    for name, parameter in system.inn.named_parameters():
        if ".last." in name:
            torch.nn.init.normal_(parameter, std=0.005)
    return system


def test_pixels_under_the_mask_do_not_count_and_all_others_do(system):
    received = torch.rand(1, 3, 64, 64)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:40, 16:40] = 1
    recovered, edges = system.recover(received, mask)
    assert recovered.shape == (1, 3, 64, 64)
    assert edges.shape == (1, 1, 64, 64)
    tampered = torch.where(mask > 0, torch.rand(1, 3, 64, 64), received)
    for ours, theirs in zip(system.recover(tampered, mask), (recovered, edges), strict=True):
        assert torch.equal(ours, theirs)
    elsewhere = torch.where(mask > 0, received, torch.rand(1, 3, 64, 64))
    assert (system.recover(elsewhere, mask)[0] - recovered).abs().max() > 0.1


def test_what_was_hidden_comes_back_with_the_true_null(system):
    image = torch.rand(2, 3, 32, 48)
    edges = system.edges(image)
    immunized, null = system.immunize(image, edges)
    assert null.shape == (2, 1, 32, 48)
    assert (immunized - image).abs().max() > 0.01
    restored = system.inn.reverse(torch.cat([immunized, null], 1))
    assert_close(restored, torch.cat([image, edges], 1), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_every_weight_has_a_finite_gradient(system):
    image = torch.rand(2, 3, 32, 32)
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    with torch.enable_grad():
        immunized, null = system.immunize(image, system.edges(image))
        # Twice before the backward pass, and once copied, as an average of weights is.
        logits = system.localize(immunized) + copy.deepcopy(system).localize(immunized)
        recovered, edges = system.recover(immunized, mask)
        parts = (immunized, null, logits, system.localize(image), recovered, edges)
        sum(part.square().mean() for part in parts).backward()
    for name, parameter in system.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_half_precision_stops_at_sums_and_traces(system):
    image = torch.rand(1, 3, 64, 64)
    system.eval()
    logits = system.localize(image)
    x = torch.cat([image, system.edges(image)], 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert system.localize(image).dtype == torch.float32
        assert_close(system.localize(image), logits, rtol=0, atol=0.02)
        assert_close(system.inn.reverse(system.inn(x)), x, rtol=0, atol=5e-3)
