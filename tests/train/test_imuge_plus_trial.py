"""The paper's system in the common trainer."""

import dataclasses

import pytest
import torch
from test_trial import NobodyAsks


@pytest.fixture
def run(make_run, tiny_paper):
    return make_run(base=tiny_paper, curriculum={"attack_steps": 1})


def gradients(part):
    return [p.grad for p in part.parameters() if p.grad is not None and p.grad.any()]


def test_the_localizer_learns_from_its_own_loss_alone(run):
    """Task decoupling: what the INN's losses ask for does not move it."""
    torch.manual_seed(1)
    draw = run._draw(0)
    run._trial.eval()  # or the spectral norms would take another turn in between
    seen = run._trial.run(draw)
    torch.nn.functional.binary_cross_entropy_with_logits(seen.logits, seen.mask).backward()
    expected = [p.grad.clone() for p in run.system.localizer.parameters()]
    assert not gradients(run.system.inn), "the localizer's loss stops at the received picture"
    run.system.zero_grad()
    run._trial(draw, auxiliary=False).loss.backward()
    for parameter, alone in zip(run.system.localizer.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, alone)
    assert gradients(run.system.inn)


def test_the_inn_is_told_of_the_mask_by_a_tiny_gradient(run):
    weights = run.config.losses
    none = dict.fromkeys(("immunized", "null", "recovered", "recovered_masked", "edges"), 0.0)
    config = dataclasses.replace(run.config, losses=dataclasses.replace(weights, **none))
    run._trial.config = config
    run._trial(run._draw(0), auxiliary=False).loss.backward()
    found = gradients(run.system.inn)
    assert found
    assert max(float(g.abs().max()) for g in found) < 1e-2
    run.system.zero_grad()
    off = dataclasses.replace(config.losses, location=0.0)
    run._trial.config = dataclasses.replace(config, losses=off)
    run._trial(run._draw(0), auxiliary=False).loss.backward()
    assert not gradients(run.system.inn)


def test_recovery_counts_as_much_as_fidelity_allows(run):
    """A third at 33 dB, a quarter more for each decibel above, never more than all."""
    seen = run._trial.run(run._draw(0))
    still = dataclasses.replace(seen, immunized=seen.hosts, null=torch.zeros_like(seen.null))

    def loss(psnr_db):
        return float(run._trial._inn_loss(still, torch.tensor(10 ** (-psnr_db / 10))).detach())

    assert loss(33) == pytest.approx(0.333 * loss(60), rel=1e-4)
    assert loss(34) == pytest.approx(1.25 * loss(33), rel=1e-4)
    assert loss(30) == pytest.approx(loss(33) / 1.25**3, rel=1e-4)


def test_each_part_is_moved_by_an_optimizer_of_its_own(run):
    assert len(run.updater.optimizers) == 2
    assert run.state.norm.shape == (2,)
    before = {name: value.clone() for name, value in run.system.state_dict().items()}
    run.step(False)
    # An explosion in one leaves the other's step alone.
    run.state.norm.copy_(torch.tensor([1e9, 1e9]))
    hook = run.system.inn.middle[0].shift_first.register_full_backward_hook(
        lambda _module, taken, _given: tuple(None if g is None else g * float("nan") for g in taken)
    )
    halfway = {name: value.clone() for name, value in run.system.state_dict().items()}
    run.step(False)
    hook.remove()
    assert float(run.state.skipped) == 1
    for name, parameter in run.system.named_parameters():
        still = torch.equal(parameter, halfway[name])
        assert still == name.startswith("inn."), name
    moved = [n for n, p in run.system.named_parameters() if not torch.equal(p, before[n])]
    assert any(name.startswith("inn.") for name in moved)


def test_a_step_never_asks_the_device_for_a_number(run):
    run.chooser = None
    run.step(False, 0)  # the first makes constants and the optimizers' memory
    for optimizer in run.updater.optimizers:
        optimizer.step = lambda: None
    with NobodyAsks():
        run.step(False, 0)


@pytest.mark.slow
def test_averaged_networks_have_settled_norms(run):
    for _ in range(3):
        run.step(False)
    averaged = run.averaged_system().localizer
    for module in averaged.modules():
        if isinstance(module, torch.nn.Conv2d) and hasattr(module, "parametrizations"):
            weight = module.weight.detach().flatten(1)
            assert float(torch.linalg.matrix_norm(weight, 2)) == pytest.approx(1, abs=0.02)


def test_the_localizer_alone_can_be_trained(make_run, tiny_paper):
    run = make_run(base=tiny_paper, optimization={"parts": ("localizer",)})
    before = {name: value.clone() for name, value in run.system.inn.state_dict().items()}
    run.step(False)
    assert run.state.norm.shape == (1,)
    for name, value in run.system.inn.state_dict().items():
        assert torch.equal(value, before[name]), name
