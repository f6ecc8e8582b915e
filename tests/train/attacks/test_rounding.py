import torch

from imuge.train.attacks.rounding import floor_through, round_to_8_bits


def test_a_picture_is_clamped_and_rounded_and_its_gradient_passes():
    picture = torch.tensor([-0.3, 0.0, 0.4999, 1.0, 1.7], requires_grad=True)
    rounded = round_to_8_bits(picture)
    expected = torch.tensor([0, 0, 127 / 255, 1, 1])
    assert torch.equal(rounded, expected)
    (rounded * torch.arange(5)).sum().backward()
    assert torch.equal(picture.grad, torch.arange(5.0))


def test_every_level_of_8_bits_is_left_as_it_is():
    levels = torch.arange(256, dtype=torch.uint8) / 255
    assert torch.equal(round_to_8_bits(levels), levels)


def test_floor_through_rounds_halves_up_and_clamps():
    x = torch.tensor([-3.5, -1.5, 0.5, 2.2, 9.0], requires_grad=True)
    whole = floor_through(x, low=-2, high=5)
    assert whole.tolist() == [-2, -1, 1, 2, 5]
    whole.sum().backward()
    assert torch.equal(x.grad, torch.ones(5))


def test_floor_through_takes_a_bias_for_each_column():
    x = torch.full((3, 2), 0.5)
    assert floor_through(x, torch.tensor([0.25, 0.5])).tolist() == [[0, 1]] * 3
