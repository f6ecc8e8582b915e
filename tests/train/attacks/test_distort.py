import random
import re

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from imuge.errors import ImageError
from imuge.train.attacks.distort import DistortMix, distort, draw_distortions, join
from imuge.train.attacks.distort_mix import CHAINS, DRAWING, STEPS
from imuge.train.attacks.jpeg import SIMULATORS
from imuge.train.attacks.rounding import round_to_8_bits

CPU = torch.device("cpu")
THROUGH_FILES = ["webp", "avif", "grown-jpeg", "grown-webp+misalign", "grown-avif+jpeg"]
EVERY = [*CHAINS, *THROUGH_FILES]
CHANGING = [chain for chain in EVERY if chain != "none"]


class NoSync(TorchDispatchMode):
    """Refuse what makes a program wait for a GPU, or gives shapes that depend on values."""

    REFUSED = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().removeprefix("aten::").partition(".")[0]
        assert not name.startswith(self.REFUSED), f"{name} waits for the device"
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def batch(photograph, other_photograph):
    pictures = np.stack([photograph[:64, :96], other_photograph[:64, :96]])
    return torch.from_numpy(pictures).movedim(3, 1) / 255


def drawn(mix, batch, level=1.0, seed=0):
    torch.manual_seed(seed)
    count, _, height, width = batch.shape
    level = torch.tensor(float(level))
    return draw_distortions(mix, count, height, width, device=CPU, level=level)


def values_of(draw, name):
    """Everything that was drawn from one range, (B, how many)."""
    names = [n for stage in draw.stages for n in STEPS[stage.step]]
    return draw.values[:, [index for index, n in enumerate(names) if n == name]]


@pytest.mark.parametrize(
    ("chain", "simulator"),
    [(chain, "exact") for chain in CHANGING] + [("resize+jpeg", name) for name in SIMULATORS],
)
def test_every_chain_changes_the_picture_and_lets_gradients_through(batch, chain, simulator):
    draw = drawn(DistortMix(chains={chain: 1}, simulator=simulator), batch)
    picture = batch.clone().requires_grad_()
    result = distort(picture, draw)
    assert result.shape == batch.shape
    assert torch.equal(result, round_to_8_bits(result))
    assert not torch.equal(result, batch)
    assert (result - batch).abs().mean() < 0.1
    (result * torch.rand_like(result)).sum().backward()
    assert torch.isfinite(picture.grad).all()
    assert (picture.grad != 0).float().mean() > 0.25  # a median drops most pixels


@pytest.mark.parametrize("chain", EVERY)
def test_next_to_nothing_happens_at_level_0(batch, chain):
    result = distort(batch, drawn(DistortMix(chains={chain: 1}), batch, level=0))
    if {"jpeg", "webp", "avif"} & set(re.split(r"[+-]", chain.replace("444", ""))):
        error = 255 * (result - batch).abs()
        assert error.mean() < 5
    else:
        torch.testing.assert_close(result, batch, rtol=0, atol=1.01 / 255)


def test_a_recorded_copy_is_about_what_the_encoder_makes(photograph):
    many = to_batch(photograph)
    real = drawn(DistortMix(chains={"grown-jpeg": 1}), many, seed=4)
    simulated = drawn(DistortMix(chains={"grown-jpeg": 1}, real_encoders=False), many, seed=4)
    assert torch.equal(real.values, simulated.values)
    with NoSync():
        recorded = distort(many, simulated)
    saved = distort(many, real)
    damage = (saved - many).flatten()
    assert torch.corrcoef(torch.stack([damage, (recorded - many).flatten()]))[0, 1] > 0.9
    assert 255 * (recorded - saved).abs().mean() < 1


def test_a_recorded_copy_lets_gradients_through(batch):
    mix = DistortMix(chains={"grown-jpeg": 1}, real_encoders=False)
    picture = batch.clone().requires_grad_()
    result = distort(picture, drawn(mix, batch))
    (result * torch.rand_like(result)).sum().backward()
    assert torch.isfinite(picture.grad).all()
    assert (picture.grad != 0).float().mean() > 0.9


def to_batch(photograph, side=128):
    squares = np.stack([photograph[:side, :side], photograph[-side:, -side:]])
    return torch.from_numpy(squares).movedim(3, 1) / 255


def test_none_only_rounds(batch):
    rough = batch + 0.3 / 255
    result = distort(rough, drawn(DistortMix(chains={"none": 1}), batch))
    assert torch.equal(result, batch)


@pytest.mark.parametrize("name", DRAWING)
def test_numbers_fill_their_range_at_level_1_and_are_mildest_at_level_0(name):
    mix = DistortMix(chains=dict.fromkeys(EVERY, 1))
    many = torch.empty(2000, 3, 1, 1)
    low, high = getattr(mix, name)
    full = values_of(drawn(mix, many), name)
    assert full.min() >= low - 1e-3
    assert full.max() <= high + 1e-3
    assert full.max() - full.min() >= 0.9 * (high - low)
    mildest = torch.full_like(full, DRAWING[name].mildest)
    torch.testing.assert_close(values_of(drawn(mix, many, level=0), name), mildest)
    between = values_of(drawn(mix, many, level=0.3), name)
    assert ((between - mildest).abs() <= (full - mildest).abs() + 1e-4).all()


def test_most_qualities_lie_between_70_and_90():
    quality = values_of(drawn(DistortMix(), torch.empty(2000, 3, 1, 1)), "quality")
    assert 0.55 < ((quality >= 70) & (quality <= 90)).float().mean() < 0.75
    assert (quality < 60).float().mean() > 0.03
    assert not torch.equal(quality[:, 0], quality[:, 1])  # the two JPEGs of a chain differ


def test_factors_shrink_as_often_as_they_enlarge():
    factor = values_of(drawn(DistortMix(), torch.empty(2000, 3, 1, 1)), "factor")
    assert 0.45 < (factor < 1).float().mean() < 0.55


def test_a_seed_repeats_a_draw_and_another_one_does_not(batch):
    mix, many = DistortMix(), batch.repeat(8, 1, 1, 1)
    first, same, other = (drawn(mix, many, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(distort(many, first), distort(many, same))
    assert not torch.equal(first.values, other.values)


def test_a_chooser_settles_how_many_meet_each_chain():
    mix, level = DistortMix(), torch.tensor(1.0)

    def sizes(seed):
        chooser = random.Random(seed)
        draw = draw_distortions(mix, 6, 64, 96, device=CPU, level=level, chooser=chooser)
        return [len(group) for group in draw.groups]

    assert sizes(1) == sizes(1)
    assert any(sizes(1) != sizes(seed) for seed in range(2, 6))
    assert sum(sizes(1)) == 6


def test_each_sample_gets_its_own_chain_and_place(batch):
    many = batch.repeat(4, 1, 1, 1)
    draw = drawn(DistortMix(chains={"none": 1, "noise": 1, "blur+jpeg": 1, "jpeg": 1}), many)
    result = distort(many, draw)
    untouched, noisy, *_ = draw.groups
    assert torch.equal(result[untouched], many[untouched])
    difference = 255 * (result - many)[noisy].std((1, 2, 3))
    sigma = draw.values[noisy, 0]
    torch.testing.assert_close(difference, sigma, rtol=0.2, atol=0.3)


def test_two_draws_joined_do_what_each_does_alone(batch):
    one, two = batch.repeat(9, 1, 1, 1), batch.flip(3).repeat(10, 1, 1, 1)
    mix = DistortMix()
    first, second = drawn(mix, one, seed=1), drawn(mix, two, seed=2)
    together = distort(torch.cat((one, two)), join(first, second))
    apart = torch.cat((distort(one, first), distort(two, second)))
    # Sums of another order may turn a tie, and a tie in JPEG a block.
    assert ((together - apart).abs() > 1e-6).float().mean() < 1e-3
    assert (together - apart).abs().mean() < 1e-5


def test_draws_of_different_mixes_are_not_joined(batch):
    with pytest.raises(ValueError, match="same mix"):
        join(drawn(DistortMix(), batch), drawn(DistortMix(noise=(1, 2)), batch))


def test_nothing_waits_for_the_device(batch):
    many = batch.repeat(10, 1, 1, 1).requires_grad_()
    mix, level = DistortMix(), torch.tensor(0.7)
    with NoSync():
        draw = draw_distortions(mix, 20, 64, 96, device=CPU, level=level)
        more = draw_distortions(mix, 20, 64, 96, device=CPU, level=level)
        distort(many, draw).square().mean().backward()
        join(draw, more)
    with NoSync(), pytest.raises(AssertionError, match="waits"):
        level.item()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*should not be instantiated")  # inside of torch
def test_a_compiler_takes_it_whole_and_changes_nothing(batch):
    many = batch.repeat(10, 1, 1, 1)
    draw = drawn(DistortMix(), many)
    compiled = torch.compile(distort, fullgraph=True, backend="eager")
    assert torch.equal(compiled(many, draw), distort(many, draw))


def test_wrong_batches_and_sizes_are_refused(batch):
    draw = drawn(DistortMix(chains={"jpeg": 1}), batch)
    with pytest.raises(ImageError, match="expected 2 pictures"):
        distort(batch[:1], draw)
    with pytest.raises(ImageError, match="multiples of 16"):
        distort(batch[..., :40], draw)
