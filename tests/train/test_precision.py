"""Bfloat16 on a processor: only convolutions, only where it helps, and it can be switched off."""

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional

from imuge.train.precision import Half, has_half
from imuge.train.processes import Processes
from imuge.train.profile import profile

CPU = torch.device("cpu")


def test_what_a_processor_can_is_asked(monkeypatch):
    for able in ("avx512_bf16", "amx_bf16"):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {able: True})
        assert has_half(CPU)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "amx_bf16": False})
    assert not has_half(CPU)
    assert has_half(torch.device("cuda"))


@pytest.fixture
def capable(monkeypatch):
    """Autocast works on any processor, if not faster."""
    monkeypatch.setattr("imuge.train.run.has_half", lambda _: True)


@pytest.mark.usefixtures("capable")
def test_networks_round_and_the_transform_does_not(make_run):
    run = make_run(optimization={"half_on_processors": True})
    exact = make_run()
    exact.system.load_state_dict(run.system.state_dict())
    picture = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        whole, half = (r.system.eval().coefficients(picture) for r in (exact, run))
        assert torch.equal(whole, half)
        whole, half = (r.system.encode(picture) for r in (exact, run))
        assert half.dtype == torch.float32
        assert not torch.equal(whole, half)
        assert (half - whole).abs().mean() < 0.1, "of numbers of unit variance"
        rounded = (half - whole).abs().mean()
        run.half.on = False
        assert (run.system.encode(picture) - whole).abs().mean() < rounded / 50
    assert all(p.dtype == torch.float32 for p in run.system.parameters())
    assert run.averaged_system().eval().encode(picture).dtype == torch.float32


def test_nothing_is_rounded_unless_asked_for_and_able(make_run, monkeypatch):
    assert make_run().half is None
    monkeypatch.setattr("imuge.train.run.has_half", lambda _: False)
    assert make_run(optimization={"half_on_processors": True}).half is None


class _Alone(nn.Conv2d):
    """One convolution as a whole system of networks."""

    def halves(self):
        return [self]


@pytest.mark.parametrize(("on", "close"), [(False, 1e-6), (True, 0.02)])
def test_channels_of_zeros_change_no_gradient(monkeypatch, on, close):
    torch.manual_seed(3)
    plain, spared = _Alone(64, 8, 3), _Alone(64, 8, 3)
    spared.load_state_dict(plain.state_dict())
    Half(spared, CPU).on = on
    seen = []

    def conv2d(x, weight, *rest, run=functional.conv2d):
        seen.append(weight.shape[1])
        return run(x, weight, *rest)

    monkeypatch.setattr(functional, "conv2d", conv2d)
    picture = torch.randn(2, 64, 16, 16)
    for convolution in (plain, spared):
        convolution(picture).square().mean().backward()
    assert seen == [64, 80 if on else 64]
    apart = (spared.weight.grad - plain.weight.grad).abs().max()
    assert apart < close * plain.weight.grad.abs().max()
    spared.requires_grad_(False)
    spared(picture)
    assert seen[-1] == 64, "what is not trained has no gradient that would be slow"


@pytest.mark.slow
@pytest.mark.usefixtures("capable")
def test_a_profile_shows_both(tiny, options):
    optimization = dataclasses.replace(tiny.optimization, half_on_processors=True)
    config = dataclasses.replace(tiny, optimization=optimization)
    told = profile(config, options, Processes(), steps=1)
    assert "networks in bfloat16" in told
    assert "all of it in float32" in told
    assert "float32" not in profile(tiny, options, Processes(), steps=1)
