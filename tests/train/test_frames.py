"""What is told of weights on copies of frames, where it is known: bits, and what is said twice."""

import pytest
import torch

from imuge.train.frames import neighbours_alike, shared_bits

NOISE = 1 / 3**0.5  # at which a number of spread 1 tells one bit: log2(1 + 3) / 2


@pytest.fixture
def numbers():
    return torch.randn(6, 40_000, generator=torch.Generator().manual_seed(0))


def test_each_number_with_noise_a_third_as_strong_tells_a_bit(numbers):
    sent, noise = numbers[:3], NOISE * numbers[3:]
    assert shared_bits(sent, sent + noise) == pytest.approx(3, abs=0.05)


def test_a_number_sent_twice_tells_less_than_two_numbers(numbers):
    sent, noise = numbers[:1].repeat(2, 1), NOISE * numbers[2:4]
    assert shared_bits(sent, sent + noise) == pytest.approx(1.40, abs=0.05)  # log2(1 + 6) / 2


def test_a_mixture_tells_what_its_parts_do(numbers):
    sent, noise = numbers[:3], NOISE * numbers[3:]
    mixed = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, -1.0], [1.0, 0.0, 3.0]]) @ (sent + noise)
    assert shared_bits(sent, mixed) == pytest.approx(3, abs=0.05)


def test_what_came_of_something_else_tells_nothing(numbers):
    assert shared_bits(numbers[:3], numbers[3:]) == pytest.approx(0, abs=0.01)


def test_neighbours_that_share_half_of_what_they_say_are_alike_by_half(numbers):
    noise = numbers.view(1, 6, 200, 200)
    assert neighbours_alike(noise) == pytest.approx(0, abs=0.01)
    assert neighbours_alike(noise + noise.roll(1, 3)) == pytest.approx(0.5, abs=0.01)
    means = torch.tensor([3.0, -1, 0, 2, 5, 7]).view(1, 6, 1, 1)
    assert neighbours_alike(noise + means) == pytest.approx(0, abs=0.01), "a mean is said once"
