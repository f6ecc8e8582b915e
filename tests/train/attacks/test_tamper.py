"""Tampering in training: what changes, what must not, and that nothing waits for the device."""

import random
from dataclasses import fields, replace

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from imuge.errors import ConfigError
from imuge.settings import parse_settings
from imuge.train.attacks.fill import local_means, push_pull
from imuge.train.attacks.shapes import ShapeBank
from imuge.train.attacks.tamper import patch_hosts, tamper
from imuge.train.attacks.tamper_draw import (
    KINDS,
    TamperDraw,
    TamperMix,
    draw_tampering,
    join,
    visible_groups,
)

SIDE = 64
BATCH = 8
SETTINGS = ("splice", "splice_protected", "copy_move", "fill", "constant", "overlay", "colour")
SETTINGS = (*SETTINGS, "rewrite", "degrade")
FLOORS = dict.fromkeys(SETTINGS, 0.05) | {"fill": 0.02, "rewrite": 0.003, "degrade": 0.005}


@pytest.fixture(scope="module")
def bank():
    return ShapeBank.build(SIDE, count=64, seed=1)


@pytest.fixture(scope="module")
def hosts():
    return _textured(BATCH, 1)


@pytest.fixture(scope="module")
def published(hosts):
    noise = torch.randn(hosts.shape, generator=torch.Generator().manual_seed(2))
    return (hosts + 0.01 * noise).clamp(0, 1).mul(255).round() / 255


def _textured(batch, seed):
    chance = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, 6, 6, generator=chance)
    smooth = functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic")
    return (smooth + 0.05 * torch.randn(smooth.shape, generator=chance)).clamp(0, 1)


def _mix(**shares):
    rest = {"untouched": 0.0, "soft_edges": 0.0}
    return TamperMix(**(dict.fromkeys(SETTINGS, 0.0) | rest | shares))


def _draw(mix, bank, batch=BATCH, *, seed=0, level=1.0, chooser=None):
    torch.manual_seed(seed)
    return draw_tampering(mix, bank, batch, level=torch.tensor(level), chooser=chooser)


@pytest.mark.parametrize("kind", SETTINGS)
def test_inside_is_changed_and_outside_is_not(kind, bank, hosts, published):
    draw = _draw(_mix(**{kind: 1.0}), bank)
    forgery = tamper(hosts, published, draw, bank)
    assert forgery.picture.shape == published.shape
    assert forgery.mask.shape == (BATCH, 1, SIDE, SIDE)
    assert set(forgery.mask.unique().tolist()) == {0.0, 1.0}
    inside = forgery.mask.expand_as(published) > 0
    assert torch.equal(forgery.picture[~inside], published[~inside])
    assert (forgery.picture[inside] - published[inside]).abs().mean() > FLOORS[kind]
    assert 0 <= forgery.picture.min() <= forgery.picture.max() <= 1


@pytest.mark.parametrize("kind", SETTINGS)
def test_no_sample_of_a_kind_is_left_as_it_was(kind, bank, hosts, published):
    draw = _draw(_mix(**{kind: 1.0}), bank, seed=3)
    forgery = tamper(hosts, published, draw, bank)
    change = (forgery.picture - published).abs().sum((1, 2, 3)) / (3 * forgery.mask.sum((1, 2, 3)))
    assert (change > 0.002).all()


def test_colour_change_is_visible_in_each_sample(bank, hosts):
    for value in (0.0, 0.5, 1.0):  # plain grey, where a turned hue does nothing
        plain = torch.full_like(hosts, value)
        forgery = tamper(plain, plain, _draw(_mix(colour=1.0), bank, seed=4), bank)
        inside = forgery.mask > 0
        change = (forgery.picture - plain).abs().amax(1, keepdim=True)
        assert change[inside].min() > 0.07


def test_splice_takes_the_partners_content(bank, hosts, published):
    draw = _draw(_mix(splice=1.0, splice_protected=1.0), bank)
    draw = replace(draw, in_place=torch.ones(BATCH).bool(), brightness=torch.zeros(BATCH))
    forgery = tamper(hosts, published, draw, bank)
    for group, source in zip(draw.groups[:2], (hosts, published), strict=True):
        inside = forgery.mask[group].expand(-1, 3, -1, -1) > 0
        wanted = source[draw.partner[group]]
        torch.testing.assert_close(
            forgery.picture[group][inside], wanted[inside], rtol=0, atol=1e-4
        )


def test_unscaled_copies_are_exact_and_come_from_16_pixels_away_or_more(bank, hosts, published):
    draw = _draw(_mix(copy_move=1.0), bank)
    draw = replace(draw, scale=torch.ones(BATCH))
    forgery = tamper(hosts, published, draw, bank)
    for number in range(BATCH):
        down, across = (int(step) for step in draw.shift[number])
        source = published[number].flip(2) if draw.mirrored[number] else published[number]
        turned = -across if not draw.mirrored[number] else across
        wanted = source.roll((-down, turned), (1, 2))
        inside = forgery.mask[number].expand(3, -1, -1) > 0
        got = forgery.picture[number]
        torch.testing.assert_close(got[inside], wanted[inside], rtol=0, atol=1e-4)
        far = [16 <= step <= SIDE - 16 for step in (down, across)]
        assert far[0] or (far[1] and not draw.mirrored[number])


def test_a_place_is_degraded_in_three_ways_that_leave_its_content(bank, hosts, published):
    draw = _draw(_mix(degrade=1.0), bank, batch=BATCH, seed=5, chooser=random.Random(1))
    sharp = published.clone().requires_grad_()
    forgery = tamper(hosts, sharp, draw, bank)
    inside = forgery.mask > 0
    for kind in ("soften", "median", "recompress"):
        group = draw.groups[KINDS.index(kind)]
        assert len(group), "every way occurs"
        where = inside[group].expand(-1, 3, -1, -1)
        change = (forgery.picture[group] - published[group])[where]
        assert 0.003 < change.abs().mean() < 0.08
    forgery.picture.sum().backward()
    outside = ~inside.expand_as(published)
    assert (sharp.grad[outside] == 1).all()


def test_content_that_is_seen_differs_in_some_kinds_and_not_in_others(bank):
    draw = _draw(_mix(splice=1.0, rewrite=1.0, degrade=1.0, untouched=0.2), bank)
    shown = torch.cat(visible_groups(draw))
    assert sorted(shown.tolist()) == sorted(draw.groups[KINDS.index("splice")].tolist())


def test_rewrite_is_the_host_with_little_noise(bank, hosts, published):
    forgery = tamper(hosts, published, _draw(_mix(rewrite=1.0), bank), bank)
    inside = forgery.mask.expand_as(hosts) > 0
    assert (forgery.picture - hosts)[inside].abs().mean() < 0.01


def test_overlay_mask_is_where_something_visibly_changed(bank):
    draw = _draw(_mix(overlay=1.0), bank)
    layer = bank.overlays[draw.overlay].flatten(2).float() / 255
    # On a ground of the colour an overlay has somewhere, it changes nothing there.
    opaque = layer[:, 3].argmax(1).view(-1, 1, 1).expand(-1, 3, -1)
    ground = layer[:, :3].gather(2, opaque)[..., None].expand(-1, -1, SIDE, SIDE)
    forgery = tamper(ground, ground, draw, bank)
    changed = (forgery.picture - ground).abs().amax(1, keepdim=True)
    assert torch.equal(forgery.mask, (changed > 0).float())
    assert changed[forgery.mask > 0].min() >= 0.99 / 255
    assert (forgery.mask.mean((1, 2, 3)) < bank.overlay_areas[draw.overlay]).all()


@pytest.mark.parametrize(("level", "largest"), [(0.0, 0.2), (0.5, 0.35), (1.0, 0.5)])
def test_masks_grow_with_the_level(level, largest, bank, hosts, published):
    mix = _mix(constant=1.0)
    areas = torch.cat(
        [
            tamper(hosts, published, _draw(mix, bank, seed=seed, level=level), bank).mask
            for seed in range(12)
        ]
    ).mean((1, 2, 3))
    assert areas.min() >= 0.0019
    assert largest - 0.12 < areas.max() <= largest
    assert (areas < 0.03).any()


def test_largest_area_limits_masks_and_overlays(bank, hosts, published):
    mix = _mix(constant=1.0, overlay=1.0, largest_area=0.05)
    for seed in range(6):
        mask = tamper(hosts, published, _draw(mix, bank, seed=seed), bank).mask
        assert mask.mean((1, 2, 3)).max() <= 0.05


def test_masks_are_turned_as_drawn(bank, hosts, published):
    draw = _draw(_mix(constant=1.0), bank)
    turns = torch.tensor([[False, False], [False, True], [True, False], [True, True]] * 2)
    mask = tamper(hosts, published, replace(draw, shape_turned=turns), bank).mask
    for number, (upside_down, mirrored) in enumerate(turns.tolist()):
        axes = [axis for axis, turned in ((1, upside_down), (2, mirrored)) if turned]
        wanted = bank.masks[draw.shape[number]].flip(axes)
        assert torch.equal(mask[number] > 0, wanted)


def test_untouched_samples_are_as_many_as_asked_and_bit_for_bit_the_same(bank, hosts, published):
    draw = _draw(_mix(splice=1.0, untouched=0.25, soft_edges=1.0), bank)
    forgery = tamper(hosts, published, draw, bank)
    spared = forgery.mask.sum((1, 2, 3)) == 0
    assert spared.sum() == 2
    assert set(draw.groups[-1].tolist()) == set(spared.nonzero().flatten().tolist())
    assert torch.equal(forgery.picture[spared], published[spared])


def test_every_kind_gets_its_turn_and_its_share(bank):
    chooser = random.Random(0)
    mix = TamperMix()
    counts = torch.zeros(len(KINDS) + 1)
    for seed in range(200):
        draw = _draw(mix, bank, 2, seed=seed, chooser=chooser)
        counts += torch.tensor([float(len(group)) for group in draw.groups])
    shares = torch.tensor(mix.shares())
    wanted = torch.cat([shares / shares.sum() * 0.85, torch.tensor([0.15])])
    torch.testing.assert_close(counts / counts.sum(), wanted, rtol=0, atol=0.06)
    assert (counts > 0).all()


def test_nobody_is_his_own_partner_and_everybody_gives_once(bank):
    for seed in range(20):
        for batch in (2, 3, 8):
            partner = _draw(_mix(splice=1.0), bank, batch, seed=seed).partner
            assert (partner != torch.arange(batch)).all()
            assert sorted(partner.tolist()) == list(range(batch))


def test_soft_edges_change_the_seam_and_nothing_far_from_it(bank, hosts, published):
    hard = _draw(_mix(splice=1.0), bank)
    soft = replace(hard, seam_sigma=torch.full((BATCH,), 2.0))
    sharp, blurred = (tamper(hosts, published, draw, bank) for draw in (hard, soft))
    assert torch.equal(sharp.mask, blurred.mask)
    near = functional.max_pool2d(sharp.mask, 15, 1, 7).expand_as(hosts) > 0
    assert torch.equal(blurred.picture[~near], published[~near])
    outside = near & (sharp.mask.expand_as(hosts) == 0)
    assert (blurred.picture - published)[outside].abs().max() > 0.02


def test_share_and_sigma_of_soft_edges(bank):
    sigma = torch.cat([_draw(TamperMix(), bank, 64, seed=seed).seam_sigma for seed in range(8)])
    assert (sigma > 0).float().mean() == pytest.approx(0.3, abs=0.07)
    assert 0.8 <= sigma[sigma > 0].min() < 1.0
    assert 2.3 < sigma.max() <= 2.5


def test_gradient_reaches_what_is_published(bank, hosts, published):
    draw = _draw(_mix(splice=1.0, copy_move=1.0, colour=1.0, overlay=1.0), bank)
    leaf = published.clone().requires_grad_()
    forgery = tamper(hosts, leaf, draw, bank)
    assert not forgery.mask.requires_grad
    outside = (forgery.mask == 0).expand_as(leaf)
    forgery.picture[outside].sum().backward(retain_graph=True)
    assert (leaf.grad[outside] >= 1).all()
    for name in ("copy_move", "colour", "overlay"):
        group = draw.groups[KINDS.index(name)]
        leaf.grad = None
        (forgery.picture * forgery.mask)[group].sum().backward(retain_graph=True)
        assert (leaf.grad[group].abs().sum((1, 2, 3)) > 0).any()


def test_same_seed_same_forgery(bank, hosts, published):
    first, second, third = (
        tamper(hosts, published, _draw(TamperMix(), bank, seed=seed), bank) for seed in (1, 1, 2)
    )
    assert torch.equal(first.picture, second.picture)
    assert torch.equal(first.mask, second.mask)
    assert not torch.equal(first.mask, third.mask)


def test_joined_draws_do_to_joined_batches_what_they_do_to_each(bank):
    mix = TamperMix(patched_hosts=0.5)
    draws = [_draw(mix, bank, 11, seed=seed) for seed in (1, 2)]
    pictures = [(_textured(11, seed), _textured(11, seed + 9)) for seed in (3, 4)]
    parts = [tamper(*pair, draw, bank) for pair, draw in zip(pictures, draws, strict=True)]
    both = [torch.cat(pair) for pair in zip(*pictures, strict=True)]
    whole = tamper(*both, join(*draws), bank)
    torch.testing.assert_close(
        whole.picture, torch.cat([part.picture for part in parts]), rtol=0, atol=1e-6
    )
    assert torch.equal(whole.mask, torch.cat([part.mask for part in parts]))
    patched = [patch_hosts(pair[0], draw, bank) for pair, draw in zip(pictures, draws, strict=True)]
    assert torch.equal(patch_hosts(both[0], join(*draws), bank), torch.cat(patched))


def test_patched_hosts_are_foreign_inside_the_mask_only(bank, hosts, published):
    mix = _mix(splice=1.0, overlay=0.3, untouched=0.2, patched_hosts=0.5)
    draw = _draw(mix, bank)
    patched = patch_hosts(hosts, draw, bank)
    mask = tamper(hosts, published, draw, bank).mask
    changed = (patched != hosts).any(1, keepdim=True)
    assert not (changed & (mask == 0)).any()
    touched = mask.sum((1, 2, 3)) > 0
    assert torch.equal(changed.any(3).any(2).any(1), draw.patched & touched)
    assert 0 < (draw.patched & touched).sum() < BATCH
    wanted = hosts[draw.partner[draw.partner]].flip(3)
    inside = changed.expand_as(hosts)
    assert torch.equal(patched[inside], wanted[inside])
    # A splice afterwards must not paste what was patched in.
    forgery = tamper(patched, patched, draw, bank)
    change = (forgery.picture - patched).abs().sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)))
    assert (change[touched] > 0.05).all()


def test_hosts_are_left_alone_by_default(bank, hosts):
    assert torch.equal(patch_hosts(hosts, _draw(TamperMix(), bank), bank), hosts)


def test_push_pull_forgets_what_was_inside():
    mask = torch.zeros(2, 1, 50, 37)
    mask[0, :, 10:45, 5:30] = 1
    mask[1, :, :49] = 1
    pictures = torch.rand(2, 3, 50, 37)
    filled = push_pull(pictures, mask)
    other = push_pull(torch.where(mask > 0, torch.rand_like(pictures), pictures), mask)
    assert torch.equal(filled, other)
    known = (mask == 0).expand_as(pictures)
    assert torch.equal(filled[known], pictures[known])
    # Averages of known values, so never beyond them.
    low, high = (
        torch.where(known, pictures, fallback).flatten(2).aminmax(dim=2)[position][..., None, None]
        for position, fallback in enumerate((1.0, 0.0))
    )
    assert (filled >= low - 1e-4).all()
    assert (filled <= high + 1e-4).all()


def test_push_pull_continues_a_plain_surrounding():
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 20:44, 12:52] = 1
    filled = push_pull(torch.full((1, 3, 64, 64), 0.3), mask)
    torch.testing.assert_close(filled, torch.full((1, 3, 64, 64), 0.3))


def test_inpainting_does_not_see_what_it_replaces(bank, hosts, published):
    draw = _draw(_mix(fill=1.0), bank)
    first = tamper(hosts, published, draw, bank)
    scrambled = torch.where(first.mask > 0, torch.rand_like(published), published)
    second = tamper(hosts, scrambled, draw, bank)
    group = draw.groups[KINDS.index("inpaint")]
    assert torch.equal(first.picture[group], second.picture[group])


def test_local_means_keep_the_mean_and_lose_detail():
    pictures = torch.rand(3, 3, 64, 64)
    means = local_means(pictures, torch.arange(3))
    torch.testing.assert_close(means.mean((1, 2, 3)), pictures.mean((1, 2, 3)), rtol=0, atol=0.01)
    spread = means.std((1, 2, 3))
    assert spread[0] < 0.1
    assert spread[0] > spread[1] > spread[2]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"splcie": 1.0}, "unknown settings in tamper: splcie"),
        ({"splice": -0.1}, "splice to be a number from 0 to inf, got -0.1"),
        ({"untouched": 1.5}, "untouched to be a number from 0 to 1, got 1.5"),
        ({"soft_edges": float("nan")}, "soft_edges"),
        ({"largest_area": 0.6}, "largest_area to be a number from 0 to 0.5"),
        ({"largest_area": 0}, "largest_area to be above 0"),
        ({"fill": True}, "fill"),
        ({"fill": "much"}, "fill"),
        (dict.fromkeys(SETTINGS, 0), "all are 0"),
    ],
)
def test_wrong_settings_are_refused_and_the_message_says_which(table, message):
    with pytest.raises(ConfigError, match=message):
        parse_settings(TamperMix, table, name="tamper")


def test_settings_are_read():
    mix = parse_settings(TamperMix, {"splice": 2, "untouched": 0.1}, name="tamper")
    assert mix == TamperMix(splice=2, untouched=0.1)


def test_one_picture_has_nobody_to_exchange_with(bank):
    with pytest.raises(ValueError, match="at least 2 pictures"):
        _draw(TamperMix(), bank, 1)


def test_pictures_of_another_size_are_refused(bank):
    draw = _draw(TamperMix(), bank)
    wrong = torch.rand(BATCH, 3, SIDE, SIDE + 2)
    with pytest.raises(ValueError, match=r"got \(8, 3, 64, 66\)"):
        tamper(wrong, wrong, draw, bank)
    with pytest.raises(ValueError, match=r"got \(8, 3, 64, 66\)"):
        patch_hosts(wrong, draw, bank)


class _NothingReadBack(TorchDispatchMode):
    """Refuse what makes the host wait for the device, or a shape depend on a value."""

    FORBIDDEN = frozenset(
        ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "unique")
    )

    def __torch_dispatch__(self, func, _types, args=(), kwargs=None):
        name = func.name().split("::")[1].split(".")[0]
        assert name not in self.FORBIDDEN, name
        index = args[1] if name in ("index", "index_put", "index_put_") else []
        assert not any(part is not None and part.dtype == torch.bool for part in index), name
        return func(*args, **(kwargs or {}))


def test_nothing_is_read_back_from_the_device(bank):
    batch = 16
    hosts = _textured(batch, 5)
    published = hosts.clone().requires_grad_()
    level = torch.tensor(0.5)
    with _NothingReadBack():
        mix = TamperMix(patched_hosts=0.5)
        draw = join(*(draw_tampering(mix, bank, 8, level=level) for _ in range(2)))
        patched = patch_hosts(hosts, draw, bank)
        tamper(patched, published, draw, bank).picture.square().sum().backward()
    assert published.grad.abs().sum() > 0
    with pytest.raises(AssertionError, match="_local_scalar_dense"), _NothingReadBack():
        level.item()


def test_a_draw_is_made_of_tensors_on_the_banks_device(bank):
    draw = _draw(TamperMix(), bank)
    for field in fields(TamperDraw):
        value = getattr(draw, field.name)
        for tensor in value if isinstance(value, tuple) else (value,):
            assert tensor.device == bank.masks.device
