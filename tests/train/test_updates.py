"""Steps of the weights: clipped, guarded, averaged, paced."""

import copy
import dataclasses

import pytest
import torch

from imuge.errors import ConfigError
from imuge.train.config import Fidelity, Optimization
from imuge.train.updates import TrainState, Updater

CPU = torch.device("cpu")
SETTINGS = Optimization(learning_rate=0.1, warmup_steps=1, average=0.5)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return torch.nn.Linear(4, 3)


@pytest.fixture
def state(tiny):
    return TrainState.start(CPU, fidelity_weight=tiny.first_fidelity_weight)


def loss_of(net, factor=1.0):
    return factor * net(torch.ones(2, 4)).square().sum()


def everything(net, updater):
    held = {f"weights/{k}": v for k, v in net.state_dict().items()}
    held |= {f"moments/{k}": v for k, v in updater.moments().items()}
    return {name: value.clone() for name, value in held.items()}


def test_a_step_is_that_of_adamw_on_the_clipped_gradient(net, state):
    twin = copy.deepcopy(net)
    updater = Updater(net, SETTINGS, state)
    plain = torch.optim.AdamW(
        twin.parameters(), lr=SETTINGS.learning_rate, betas=SETTINGS.betas, weight_decay=1e-5
    )
    for _ in range(3):
        updater.step(loss_of(net))
        plain.zero_grad()
        loss_of(twin).backward()
        norm = torch.nn.utils.clip_grad_norm_(twin.parameters(), SETTINGS.clip_norm)
        assert norm > SETTINGS.clip_norm, "nothing was clipped"
        plain.step()
    for mine, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
    assert float(state.count) == 3
    assert float(state.skipped) == 0


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 1e6])
def test_a_wild_step_is_not_taken_and_counted(net, state, factor):
    updater = Updater(net, SETTINGS, state)
    updater.step(loss_of(net))
    before, norm = everything(net, updater), float(state.norm)
    updater.step(loss_of(net, factor))
    for name, value in everything(net, updater).items():
        assert torch.equal(value, before[name]), name
    assert float(state.skipped) == 1
    assert float(state.norm) == norm
    updater.step(loss_of(net))
    assert float(state.skipped) == 1
    assert not torch.equal(net.weight, before["weights/weight"])


def test_the_average_follows_the_weights(net, state):
    updater = Updater(net, SETTINGS, state)
    expected = net.weight.detach().clone()
    for count in range(5):
        updater.step(loss_of(net))
        decay = min(SETTINGS.average, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * net.weight.detach()
    torch.testing.assert_close(updater.averaged["weight"], expected)


def test_the_learning_rate_warms_up_and_falls_to_its_rest(state):
    settings = dataclasses.replace(SETTINGS, warmup_steps=10)

    def rate(count, progress):
        state.count.fill_(count)
        state.progress.fill_(progress)
        return float(state.learning_rate(settings))

    assert rate(0, 0) == pytest.approx(0.01)
    assert rate(9, 0) == pytest.approx(0.1)
    assert rate(100, 0.5) == pytest.approx(0.1 * (0.02 + 0.98 / 2))
    assert rate(100, 1) == pytest.approx(0.002)


def test_fidelity_counts_more_below_the_target_and_less_above(state):
    settings = Fidelity(target_db=40, start_below_db=6, ramp_steps=100, quiet_steps=5)

    def moved(count, db):
        state.count.fill_(count)
        state.fidelity_weight.fill_(100)
        state.control(settings, torch.tensor(10 ** (-db / 10)))
        return float(state.fidelity_weight)

    assert moved(3, 20) == 100, "quiet at first"
    assert moved(50, 36.9) > 100 > moved(50, 37.1), "half-way up the ramp the target is 37"
    assert moved(1000, 39) > 100 > moved(1000, 41)
    assert moved(1000, 20) == moved(1000, 30), "an error counts for 2 dB at most"
    assert moved(1000, float("nan")) == 100


def test_a_rate_that_can_be_cut_anywhere_falls_at_the_end_of_every_cycle(state):
    settings = Optimization(
        learning_rate=0.1, warmup_steps=5, cycle_steps=100, decay_share=0.2, last_learning_rate=0.05
    )

    def rate(count, progress=0.0):
        state.count.fill_(count)
        state.progress.fill_(progress)
        return float(state.learning_rate(settings))

    assert rate(0) == pytest.approx(0.02)
    for whole in (rate(50), rate(79), rate(150, progress=0.99)):
        assert whole == pytest.approx(0.1)
    assert rate(90) == pytest.approx(0.1 * (0.05 + 0.95 / 2))
    assert 0.005 < rate(99) < 0.011
    assert rate(100) == pytest.approx(0.1)
    assert rate(199) == pytest.approx(rate(99))


@pytest.mark.parametrize("change", [{"cycle_steps": -1}, {"decay_share": 0}, {"decay_share": 1.1}])
def test_a_schedule_that_cannot_be_is_refused(change):
    with pytest.raises(ConfigError, match="cycle_steps"):
        Optimization(**change)
