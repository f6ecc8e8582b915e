"""What newer weights may switch on, and that the shipped release does not notice any of it."""

import pytest
import torch
from torch.testing import assert_close

from imuge.errors import ConfigError
from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.keying import SIGN_ROUNDS, random_layout
from imuge.model.imuge.localizer import code_clues
from imuge.model.imuge.payload import (
    erase_code,
    gather_code,
    home_code,
    mixing_matrix,
    rotate,
    rotate_back,
    scatter_code,
)
from imuge.model.imuge.system import System
from imuge.model.weights_files import save_weights

CPU = torch.device("cpu")
SWITCHED_ON = {
    "keyed_signs": True,
    "code_evidence": True,
    "template_scales": (1, 1, 1, 1, 2, 4),
    "recoverer_blocks": 7,
    "recoverer_fine_blocks": 3,
    "localizer_blocks": 4,
    "encoder_blocks": 4,
    "coupling_blocks": 5,
}


def random_code(config, batch=2, rows=6, columns=9):
    return torch.randn(batch, config.total_code_channels, rows, columns).clamp(-2.5, 2.5)


def test_a_config_without_options_is_that_of_the_release(system):
    old = ModelConfig.from_json('{"block": 8, "descriptions": 2, "localizer_width": 32}')
    assert old == system.config == ModelConfig()
    assert not old.keyed_signs
    assert not old.code_evidence
    assert old.template_scales == (1, 1, 1, 1, 1, 1)
    assert (old.keyed_template, old.scattered, old.template_evidence) == (True, True, True)
    assert old.localizer == "network"
    assert not any("localizer.code_stem" in name for name in System(old).state_dict())


def test_a_config_comes_back_from_its_text():
    config = ModelConfig(**SWITCHED_ON)
    assert ModelConfig.from_json(config.to_json()) == config
    assert ModelConfig.parse({"template_scales": [1, 1, 2, 2, 2, 2]}).template_scales[2] == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keyed_signs": 1}, "keyed_signs to be true or false, got 1"),
        ({"code_evidence": "yes"}, "code_evidence to be true or false"),
        ({"template_scales": (1, 2, 1, 1, 1, 1)}, "begin with 1, 1"),
        ({"template_scales": (1, 1, 1, 1, 1)}, "each of 6 template_channels, got 5"),
        ({"template_scales": (1, 1, 1, 1, 1, 0)}, "positive integers"),
        (
            {"template_scales": (1, 1, 1, 1, 1, 2.0)},
            "template_scales to be a whole number, got 2.0",
        ),
        ({"template_scales": 2}, "template_scales to be a list, got 2"),
        ({"template_channels": 4}, "each of 4 template_channels, got 6"),
        ({"recoverer_blocks": 0}, "recoverer_blocks to be a positive integer"),
        ({"localizer_blocks": True}, "localizer_blocks to be a whole number, got True"),
        ({"localizer": "unet"}, "localizer to be one of network, threshold, got 'unet'"),
        ({"localizer": "threshold", "code_evidence": True}, "code_evidence = True"),
        ({"localizer": "threshold", "template_evidence": False}, "template_evidence = False"),
        ({"numbers_apart": True, "keyed_signs": True}, "without keyed_signs with numbers_apart"),
        ({"numbers_apart": True, "scattered": False}, "scattered = False, keyed_signs = False"),
        ({"keyed_template": False, "template_scales": [1, 1, 1, 1, 2, 4]}, "no signs to share"),
    ],
)
def test_options_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        ModelConfig.parse(settings)


def test_old_weights_with_everything_switched_on_compute_what_they_did(system, tmp_path):
    (file,) = save_weights(system.config, system.state_dict(), tmp_path / "old.safetensors")
    larger = System(ModelConfig(**SWITCHED_ON))
    added = larger.start_from(file)
    assert "localizer.code_stem.weight" in added
    assert "inn.blocks.4.phi.conv1.weight" in added
    assert all(name not in system.state_dict() for name in added)
    old = System.load(file)
    larger.eval()
    torch.manual_seed(0)
    image, mask = torch.rand(1, 3, 64, 96), (torch.rand(1, 1, 64, 96) < 0.3).float()
    payload, codes = torch.randn(1, 30, 8, 12), torch.randn(1, 26, 8, 12)
    template, clues = torch.randn(1, 6, 8, 12).sign(), torch.randn(1, 48, 8, 12)
    assert torch.equal(larger.encode(image), old.encode(image))
    for ours, theirs in zip(
        larger.embed(image, payload, torch.tensor(1.0)),
        old.embed(image, payload, torch.tensor(1.0)),
        strict=True,
    ):
        assert torch.equal(ours, theirs)
    assert torch.equal(larger.reveal(image), old.reveal(image))
    assert torch.equal(larger.recover(image, mask, codes), old.recover(image, mask, codes))
    expected = old.localize(image, payload, template)
    assert torch.equal(larger.localize(image, payload, template, clues), expected)
    assert torch.equal(larger.localize(image, payload, template), expected)


def test_clues_that_are_missing_are_zeros():
    torch.manual_seed(1)
    system = System(ModelConfig(code_evidence=True, localizer_width=4)).eval()
    for parameter in system.localizer.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    image, payload = torch.rand(1, 3, 32, 48), torch.randn(1, 30, 4, 6)
    template, clues = torch.randn(1, 6, 4, 6).sign(), torch.randn(1, 48, 4, 6)
    without = system.localize(image, payload, template)
    zeros = system.localize(image, payload, template, torch.zeros(1, 48, 4, 6))
    assert torch.equal(without, zeros)
    assert (system.localize(image, payload, template, clues) - zeros).abs().max() > 1e-3


def test_clues_are_difference_and_product_within_limits():
    gathered = torch.tensor([2.0, -3.0, 0.5, 0.0]).view(1, 4, 1, 1)
    visible = torch.tensor([2.0, 2.5, -1.0, 1.0]).view(1, 4, 1, 1)
    expected = [0.0, -3.0, 1.5, -1.0, 3.0, -3.0, -0.5, 0.0]
    assert code_clues(gathered, visible).flatten().tolist() == expected


def test_unsigned_code_comes_home_untouched():
    torch.manual_seed(2)
    layout, code = random_layout(ModelConfig(), 2, 6, 9, device=CPU), random_code(ModelConfig())
    hidden = scatter_code(code, layout.permutations, layout.signs)
    assert torch.equal(home_code(hidden, layout.inverses, layout.signs), code)


def test_signed_code_comes_home():
    torch.manual_seed(2)
    config = ModelConfig(keyed_signs=True)
    layout, code = random_layout(config, 2, 6, 9, device=CPU), random_code(config)
    hidden = scatter_code(code, layout.permutations, layout.signs)
    assert hidden.abs().max() > 3  # further out than the code, so it may not be limited there
    assert_close(home_code(hidden, layout.inverses, layout.signs), code, rtol=0, atol=1e-5)
    assert home_code(9 * hidden, layout.inverses, layout.signs).abs().max() == 3
    erased = (torch.rand(2, 1, 6, 9) < 0.3).float()
    gathered = gather_code(hidden, erased, layout.inverses, layout.signs, descriptions=2)
    expected = erase_code(code, erased, layout.inverses, descriptions=2)
    assert_close(gathered, expected, rtol=0, atol=1e-5)
    for k in range(2):
        flag = gathered[:, 13 * k + 12 : 13 * k + 13]
        own = code[:, 12 * k : 12 * k + 12] * flag
        assert_close(gathered[:, 13 * k : 13 * k + 12], own, rtol=0, atol=1e-5)
        lost = scatter_code((1 - flag).repeat(1, 2, 1, 1), layout.permutations)[:, k : k + 1]
        assert torch.equal(lost, erased)


def test_numbers_that_lie_apart_come_home_and_are_lost_one_by_one():
    torch.manual_seed(2)
    config = ModelConfig(numbers_apart=True)
    layout, code = random_layout(config, 2, 6, 9, device=CPU), random_code(config)
    assert layout.permutations.shape == (2, 24, 54)
    hidden = scatter_code(code, layout.permutations, layout.signs)
    assert torch.equal(home_code(hidden, layout.inverses, layout.signs), code)
    erased = torch.zeros(2, 1, 6, 9)
    erased[:, :, 2, 3] = 1
    gathered = gather_code(hidden, erased, layout.inverses, descriptions=2)
    for k in range(2):
        own, flag = gathered[:, 13 * k : 13 * k + 12], gathered[:, 13 * k + 12 : 13 * k + 13]
        left = own == code[:, 12 * k : 12 * k + 12]
        assert (own[~left] == 0).all()
        assert (~left).flatten(2).sum(2).eq(1).all(), "of every number one block's is lost"
        assert_close(flag, left.float().mean(1, keepdim=True), rtol=0, atol=1e-6)


def test_without_the_signs_the_hidden_code_says_nothing():
    torch.manual_seed(3)
    config = ModelConfig(keyed_signs=True)
    # A plain picture: the same number nearly everywhere, where a wrong order alone hides little.
    code = torch.full((1, 24, 64, 64), 1.5) + 0.1 * torch.randn(1, 24, 64, 64)
    layout = random_layout(config, 1, 64, 64, device=CPU)
    hidden = scatter_code(code, layout.permutations, layout.signs)
    stolen = home_code(hidden, layout.inverses)
    agreement = (stolen * code).mean((2, 3)) / (code * code).mean((2, 3))
    assert agreement.abs().max() < 5 / 64
    assert_close(home_code(hidden, layout.inverses, layout.signs), code, rtol=0, atol=1e-5)


def nearest(known, wanted):
    """For each block of `wanted` (C, h, w) the number of the nearest one of `known`."""
    return torch.cdist(wanted.flatten(1).T, known.flatten(1).T).argmin(1)


@pytest.mark.parametrize("keyed", [True, False])
def test_without_the_signs_magnitudes_do_not_tell_where_a_block_belongs(keyed):
    torch.manual_seed(6)
    config = ModelConfig(keyed_signs=keyed)
    code, layout = random_code(config, 1, 32, 32), random_layout(config, 1, 32, 32, device=CPU)
    hidden = scatter_code(code, layout.permutations, layout.signs)
    hidden = hidden + 0.1 * torch.randn(hidden.shape)
    for k, places in enumerate(layout.permutations[0]):
        known, wanted = (part[0, 12 * k : 12 * k + 12] for part in (code, hidden))
        for guess in (nearest(known, wanted), nearest(known.abs(), wanted.abs())):
            found = (guess == places).float().mean()
            assert found < 0.02 if keyed else found > 0.9


def test_a_gradient_comes_back_turned():
    torch.manual_seed(7)
    layout = random_layout(ModelConfig(keyed_signs=True), 1, 2, 3, device=CPU)
    assert layout.signs is not None
    mixing_matrix.cache_clear()
    with torch.inference_mode():  # it may be made here first, and serves training all the same
        mixing_matrix(12, CPU)
    with torch.enable_grad():
        code = random_code(ModelConfig(), 1, 2, 3).requires_grad_()
        direction = torch.randn(1, 24, 2, 3)
        (rotate(code, layout.signs, 2) * direction).sum().backward()
    assert_close(code.grad, rotate_back(direction, layout.signs, 2), rtol=0, atol=1e-5)


@pytest.mark.parametrize("grid", [(6, 9), (16, 16), (1, 5)])
def test_a_random_layout_is_one_a_key_could_draw(grid):
    torch.manual_seed(4)
    config = ModelConfig(keyed_signs=True, template_scales=(1, 1, 1, 2, 3, 4))
    layout = random_layout(config, 3, *grid, device=CPU)
    assert layout.template.shape == (3, 6, *grid)
    assert layout.signs is not None
    assert layout.signs.shape == (3, SIGN_ROUNDS * 24, *grid)
    assert set(layout.template.unique().tolist()) == {-1.0, 1.0}
    assert set(layout.signs.unique().tolist()) == {-1.0, 1.0}
    places = torch.arange(grid[0] * grid[1]).expand(3, 2, -1)
    assert torch.equal(layout.permutations.sort(-1).values, places)
    assert torch.equal(layout.permutations.gather(-1, layout.inverses), places)
    for channel, scale in enumerate(config.template_scales):
        firsts = [torch.arange(size) // scale * scale for size in grid]
        spread = layout.template[:, channel][:, firsts[0]][:, :, firsts[1]]
        assert torch.equal(layout.template[:, channel], spread)


def test_random_signs_are_fair_and_unlike():
    torch.manual_seed(5)
    layout = random_layout(ModelConfig(keyed_signs=True), 2, 64, 64, device=CPU)
    assert layout.signs is not None
    flat = torch.cat([layout.signs, layout.template], 1).flatten(0, 1).flatten(1)
    correlation = flat @ flat.T / 4096 - torch.eye(len(flat))
    assert correlation.abs().max() < 6 / 64
    assert flat.mean(1).abs().max() < 6 / 64
    assert not torch.equal(layout.permutations[0, 0], layout.permutations[0, 1])


def test_layouts_join():
    config = ModelConfig()
    one, two = (random_layout(config, batch, 4, 5, device=CPU) for batch in (1, 2))
    joined = one.join(two)
    assert joined.signs is None
    assert torch.equal(joined.template, torch.cat([one.template, two.template]))
    assert torch.equal(joined.permutations[1:], two.permutations)
    assert torch.equal(joined.inverses[:1], one.inverses)
    signed = random_layout(ModelConfig(keyed_signs=True), 1, 4, 5, device=CPU)
    assert signed.join(signed).signs.shape == (2, SIGN_ROUNDS * 24, 4, 5)
    with pytest.raises(AssertionError, match="signs"):
        signed.join(one)
