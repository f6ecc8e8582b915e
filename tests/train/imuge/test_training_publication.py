"""What is published in training is what the product publishes."""

import dataclasses

import numpy as np
import pytest
import torch

from imuge.errors import ConfigError
from imuge.protection import pilot as product_pilot
from imuge.protection import shaping as product_shaping
from imuge.train.attacks.filters import grey
from imuge.train.imuge import publication
from imuge.train.imuge.publication import (
    Publication,
    PublicationMix,
    draw_publication,
    local_deviation,
    pattern,
    pilot,
    publish,
    shape,
)

CPU = torch.device("cpu")
FULL = PublicationMix(shaped=1.0, pilot=1.0)


@pytest.fixture(scope="module")
def hosts(photograph, other_photograph):
    pictures = np.stack([photograph[:96, :128], other_photograph[:96, :128]])
    return torch.from_numpy(pictures).movedim(3, 1) / 255


@pytest.fixture(scope="module")
def residual(hosts):
    noise = torch.randn(hosts.shape, generator=torch.Generator().manual_seed(3))
    return 0.01 * noise


def drawn(mix, batch=2, strength=1.0, seed=0):
    torch.manual_seed(seed)
    return draw_publication(mix, torch.full((batch,), strength), device=CPU)


def grey_levels(picture):
    return (255 * picture).permute(1, 2, 0).numpy()


def test_the_constants_are_the_products():
    assert product_shaping.SPREAD == publication.SPREAD
    for name in ("WAVES", "RADII", "AMPLITUDE", "FULL_DEVIATION", "MODULATION"):
        assert getattr(product_pilot, name) == getattr(publication, name), name


def test_local_deviation_is_the_products(hosts):  # oracle
    made = local_deviation(255 * grey(hosts))
    for number, picture in enumerate(hosts):
        plane = product_shaping.luminance(grey_levels(picture))
        wanted = product_shaping.local_deviation(plane)
        np.testing.assert_allclose(made[number, 0].numpy(), wanted, atol=0.05)


def test_shaping_is_the_products(hosts, residual):  # oracle
    draw = drawn(FULL)
    deviation = local_deviation(255 * grey(hosts))
    made = shape(residual, deviation, draw)
    for number in range(2):
        curve = product_shaping.Shaping(
            flat=float(draw.flat[number]),
            busy=1.0,
            level=float(draw.level[number]),
            chrominance=float(draw.chrominance[number]),
        )
        wanted = product_shaping.shape(
            grey_levels(residual[number]), deviation[number, 0].numpy(), curve
        )
        np.testing.assert_allclose(grey_levels(made[number]), wanted, atol=1e-3)


def test_the_pilot_is_the_products(hosts):  # oracle
    draw = drawn(FULL)
    deviation = local_deviation(255 * grey(hosts))
    made = pilot(deviation, draw)
    for number in range(2):
        keyed = product_pilot.Waves(*(wave.double().numpy() for wave in draw.waves[number]))
        wanted = product_pilot.pilot(keyed, deviation[number, 0].numpy())
        np.testing.assert_allclose(made[number, 0].numpy(), wanted, atol=2e-3)


def test_waves_are_drawn_as_a_keys_are():
    waves = drawn(FULL, batch=200).waves
    u, v, phase = waves.unbind(1)
    radius = (u * u + v * v).sqrt()
    inner, outer = publication.RADII
    assert inner <= radius.min() < inner + 0.01
    assert outer - 0.01 < radius.max() <= outer + 1e-6
    middle = ((inner**2 + outer**2) / 2) ** 0.5  # uniform in area
    assert 0.48 < (radius < middle).float().mean() < 0.52
    assert v.min() >= -1e-6, "angles up to half a turn"
    assert 0 <= phase.min() < phase.max() <= 2 * np.pi + 1e-6
    assert pattern(waves[:4], 64, 64).std() == pytest.approx(1, abs=0.15)


def test_all_of_it_is_added_in_8_bits_and_gradients_reach_the_residual(hosts, residual):
    draw = drawn(FULL, strength=0.6)
    changing = residual.clone().requires_grad_()
    published = publish(hosts, changing, draw)
    assert torch.equal((published * 255).round() / 255, published)
    deviation = local_deviation(255 * grey(hosts))
    added = shape(0.6 * residual, deviation, draw) + pilot(deviation, draw) / 255
    torch.testing.assert_close(published, (hosts + added).clamp(0, 1), rtol=0, atol=0.51 / 255)
    published.sum().backward()
    assert changing.grad.isfinite().all()
    flat = deviation < deviation.quantile(0.1)
    busy = deviation > deviation.quantile(0.9)
    slope = changing.grad.sum(1, keepdim=True)  # of white: 3 times the gain
    assert slope[flat].mean() < slope[busy].mean()


def test_nothing_is_shaped_where_nothing_was_asked_for(hosts, residual):
    published = publish(hosts, residual, drawn(PublicationMix()))
    torch.testing.assert_close(published, ((hosts + residual).clamp(0, 1) * 255).round() / 255)


def test_shares_and_ranges_are_kept():
    mix = PublicationMix(shaped=0.7, pilot=0.4, flat=(0.6, 0.9), chrominance=(0.5, 0.8))
    draw = drawn(mix, batch=4000)
    assert (draw.flat < 1).float().mean() == pytest.approx(0.7, abs=0.03)
    assert (draw.pilot > 0).float().mean() == pytest.approx(0.4, abs=0.03)
    shaped = draw.flat < 1
    assert 0.6 <= draw.flat[shaped].min() < draw.flat[shaped].max() <= 0.9
    assert 0.5 <= draw.chrominance[shaped].min() < draw.chrominance[shaped].max() <= 0.8
    assert (draw.chrominance[~shaped] == 1).all()
    assert (draw.template == 1).all(), "as strong as the code, where nothing else is said"
    stronger = drawn(PublicationMix(template=(1.2, 1.6)), batch=400).template
    assert 1.2 <= stronger.min() < 1.25 < 1.55 < stronger.max() <= 1.6


def test_two_joined_are_both():
    first, second = drawn(FULL), drawn(FULL, batch=3, seed=1)
    joined = first.join(second)
    for item in dataclasses.fields(Publication):
        pair = [getattr(first, item.name), getattr(second, item.name)]
        assert torch.equal(getattr(joined, item.name), torch.cat(pair))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shaped": 1.5}, "shaped"),
        ({"flat": (0.9, 0.6)}, "flat"),
        ({"level": (0, 1)}, "level"),
        ({"template": (1, 9)}, "template"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        PublicationMix(**change)
