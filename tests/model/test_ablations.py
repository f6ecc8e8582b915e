"""What is left with a part of the method taken away works as the whole does."""

import itertools
import tomllib
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from imuge.errors import WeightsError
from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.keying import random_layout
from imuge.model.imuge.localizer import (
    Localizer,
    ThresholdLocalizer,
    code_clues,
    evidence,
)
from imuge.model.imuge.payload import erase_code, gather_code, home_code, scatter_code
from imuge.model.imuge.system import System
from imuge.model.weights_files import save_weights

CPU = torch.device("cpu")
VARIANTS = Path(__file__).parents[2] / "configs" / "variants" / "ablations.toml"
SMALL = {
    "coupling_blocks": 1,
    "coupling_width": 8,
    "encoder_width": 8,
    "encoder_blocks": 1,
    "recoverer_width": 8,
    "recoverer_blocks": 1,
    "recoverer_fine_width": 4,
    "recoverer_fine_blocks": 1,
    "localizer_width": 4,
    "localizer_blocks": 1,
}
TAKEN_AWAY = {
    name: table.get("model", {})
    for name, table in tomllib.loads(VARIANTS.read_text()).items()
    if "config" not in table  # another architecture's
}
COMBINED = {
    "everything": {
        "descriptions": 1,
        "scattered": False,
        "keyed_template": False,
        "template_evidence": False,
    },
    "secret_in_place": {"scattered": False, "keyed_signs": True, "code_evidence": True},
    "apart": {"numbers_apart": True, "descriptions": 3, "code_evidence": True},
    "one_of_each": {
        "descriptions": 1,
        "keyed_signs": True,
        "code_evidence": True,
        "template_channels": 3,
        "template_scales": [1, 1, 2],
    },
}


def networks(settings):
    """Networks in which every layer does something."""
    torch.manual_seed(0)
    system = System(ModelConfig.parse(SMALL | settings))
    for parameter in system.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    return system


def test_the_first_variant_takes_nothing_away():
    assert ModelConfig.parse(TAKEN_AWAY["base"]) == ModelConfig()


@pytest.mark.parametrize("name", [*TAKEN_AWAY, *COMBINED])
def test_a_picture_goes_all_the_way_and_gradients_come_back(name):
    system = networks((TAKEN_AWAY | COMBINED)[name]).train()
    config = system.config
    code_channels, grid = config.total_code_channels, (4, 6)
    layout = random_layout(config, 2, *grid, device=CPU)
    hosts = torch.rand(2, 3, 32, 48)
    mask = torch.zeros(2, 1, 32, 48)
    mask[:, :, 8:24, 16:32] = 1
    with torch.enable_grad():
        code = system.encode(hosts)
        assert code.shape == (2, code_channels, *grid)
        scattered = scatter_code(code, layout.permutations, layout.signs)
        payload = torch.cat([scattered, layout.template], 1)
        assert payload.shape == (2, config.payload_channels, *grid)
        immunized, null = system.embed(hosts, payload, torch.tensor(1.0))
        assert null.shape == payload.shape
        received = torch.where(mask > 0, hosts.flip(0), immunized)
        revealed = system.reveal(received)
        assert revealed.shape == payload.shape
        home = home_code(revealed[:, :code_channels], layout.inverses, layout.signs)
        clues = code_clues(home, code) if config.code_evidence else None
        logits = system.localize(received, revealed, layout.template, clues)
        assert logits.shape == mask.shape
        erased = torch.nn.functional.max_pool2d(mask, 8)
        codes = erase_code(home, erased, layout.inverses, descriptions=config.descriptions)
        assert codes.shape == (2, config.descriptions * (config.code_channels + 1), *grid)
        recovered = system.recover(received, mask, codes)
        assert recovered.shape == hosts.shape
        loss = (immunized - hosts).square().mean() + null.square().mean()
        loss = loss + (recovered - hosts).abs().mean() + (revealed - payload).abs().mean()
        loss = loss + torch.nn.functional.binary_cross_entropy_with_logits(logits, mask)
        loss.backward()
    for parameter_name, parameter in system.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", [*TAKEN_AWAY, *COMBINED])
def test_weights_rebuild_these_networks_and_new_ones_start_from_them(name, tmp_path):
    system = networks((TAKEN_AWAY | COMBINED)[name])
    save_weights(system.config, system.state_dict(), tmp_path / "part", full_precision=True)
    again = System.load(tmp_path / "part")
    assert again.config == system.config
    deeper = System(
        ModelConfig.parse(SMALL | (TAKEN_AWAY | COMBINED)[name] | {"coupling_blocks": 2})
    )
    added = deeper.start_from(tmp_path / "part")
    assert added
    assert all(part.startswith("inn.blocks.1.") for part in added)
    for key, tensor in system.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor)
        assert torch.equal(deeper.state_dict()[key], tensor)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("one_description", "descriptions = 2 there, 1 here"),
        ("no_template_evidence", "template_evidence = True there, False here"),
        ("fixed_template", "localizer = network there, threshold here"),
    ],
)
def test_weights_of_the_whole_method_do_not_fit_and_the_message_says_why(name, message, tmp_path):
    whole = networks({})
    save_weights(whole.config, whole.state_dict(), tmp_path / "whole")
    with pytest.raises(WeightsError, match=message):
        networks(TAKEN_AWAY[name]).start_from(tmp_path / "whole")


@pytest.mark.parametrize("descriptions", [1, 2, 3])
@pytest.mark.parametrize("keyed_signs", [True, False])
def test_code_in_place_stays_where_it_is(descriptions, keyed_signs):
    config = ModelConfig(scattered=False, descriptions=descriptions, keyed_signs=keyed_signs)
    torch.manual_seed(1)
    layout = random_layout(config, 2, 5, 7, device=CPU)
    places = torch.arange(35).expand(2, descriptions, -1)
    assert torch.equal(layout.permutations, places)
    assert torch.equal(layout.inverses, places)
    code = torch.randn(2, config.total_code_channels, 5, 7).clamp(-2.5, 2.5)
    hidden = scatter_code(code, layout.permutations, layout.signs)
    assert_close(home_code(hidden, layout.inverses, layout.signs), code, rtol=0, atol=1e-5)
    if not keyed_signs:
        assert torch.equal(hidden, code)
    changed = code.clone()
    changed[:, :, 2, 3] += 1
    moved = (scatter_code(changed, layout.permutations, layout.signs) != hidden).any(1)
    assert moved.nonzero()[:, 1:].tolist() == [[2, 3], [2, 3]]


def test_code_in_place_is_lost_with_its_block():
    config = ModelConfig(scattered=False)
    layout = random_layout(config, 1, 4, 5, device=CPU)
    erased = torch.zeros(1, 1, 4, 5)
    erased[:, :, 1:3, 2:4] = 1
    gathered = gather_code(torch.ones(1, 24, 4, 5), erased, layout.inverses, descriptions=2)
    assert torch.equal(gathered, (1 - erased).expand(-1, 26, -1, -1))


def test_a_template_without_key_is_the_same_everywhere():
    config = ModelConfig(keyed_template=False)
    for batch, rows, columns in ((1, 4, 5), (3, 16, 9)):
        layout = random_layout(config, batch, rows, columns, device=CPU)
        assert torch.equal(layout.template, torch.ones(batch, 6, rows, columns))


def test_what_else_is_drawn_does_not_change_with_a_part_taken_away():
    """Of one seed, so that variants of one run see the same keys as far as they have them."""
    drawn = {}
    for name in ("base", "no_template_evidence", "in_place"):
        torch.manual_seed(2)
        drawn[name] = random_layout(ModelConfig(**TAKEN_AWAY[name]), 2, 4, 5, device=CPU)
    assert torch.equal(drawn["base"].template, drawn["in_place"].template)
    assert torch.equal(drawn["base"].template, drawn["no_template_evidence"].template)
    assert torch.equal(drawn["base"].permutations, drawn["no_template_evidence"].permutations)
    assert not torch.equal(drawn["base"].permutations, drawn["in_place"].permutations)


@pytest.mark.parametrize("descriptions", [1, 2])
@pytest.mark.parametrize("shown", [True, False])
def test_evidence_has_as_many_channels_as_the_localizer_takes(descriptions, shown):
    config = ModelConfig(descriptions=descriptions, template_evidence=shown)
    revealed = 4 * torch.randn(1, config.payload_channels, 2, 3)
    template = torch.randn(1, 6, 2, 3).sign()
    seen = evidence(revealed, template, with_template=shown)
    code = config.total_code_channels
    assert seen.shape[1] == code + (12 if shown else 0) == config.evidence_channels
    assert Localizer(config).evidence_stem.in_channels == config.evidence_channels
    assert torch.equal(seen[:, -code:], revealed[:, :code].clamp(-3, 3))


def test_a_localizer_without_template_evidence_cannot_see_the_template():
    system = networks(TAKEN_AWAY["no_template_evidence"])
    image, revealed = torch.rand(1, 3, 32, 48), torch.randn(1, 30, 4, 6)
    template = torch.randn(1, 6, 4, 6).sign()
    logits = system.localize(image, revealed, template)
    assert torch.equal(system.localize(image, revealed, -template), logits)
    other = torch.cat([revealed[:, :24], -revealed[:, 24:]], 1)
    assert torch.equal(system.localize(image, other, template), logits)
    other = torch.cat([-revealed[:, :24], revealed[:, 24:]], 1)
    assert not torch.equal(system.localize(image, other, template), logits)


class TestThresholdLocalizer:
    """Two numbers instead of a network."""

    template = torch.ones(1, 6, 8, 10)
    image = torch.rand(1, 3, 64, 80)

    def revealed(self, found):
        return torch.cat([torch.randn(1, 24, 8, 10), found], 1)

    def test_it_has_two_trained_numbers(self):
        assert {name: tuple(p.shape) for name, p in ThresholdLocalizer().named_parameters()} == {
            "threshold": (),
            "log_gain": (),
        }

    def test_at_first_a_block_that_reveals_nothing_is_tampered_and_one_that_agrees_is_not(self):
        localizer = ThresholdLocalizer()
        nothing = localizer(self.image, self.revealed(0 * self.template), self.template)
        agreeing = localizer(self.image, self.revealed(self.template), self.template)
        assert nothing.shape == (1, 1, 64, 80)
        assert nothing.min() > 0 > agreeing.max()

    @pytest.mark.parametrize("log_gain", [-2.0, 0.0, 2.0])
    def test_the_further_from_the_template_the_higher_the_logit(self, log_gain):
        localizer = ThresholdLocalizer()
        localizer.log_gain.fill_(log_gain)
        means = [
            localizer(self.image, self.revealed(scale * self.template), self.template).mean()
            for scale in (1.0, 0.5, 0.0, -1.0, -2.0)
        ]
        assert all(low < high for low, high in itertools.pairwise(means))
        # Too much of what should be there is as far away as too little.
        above = localizer(self.image, self.revealed(1.5 * self.template), self.template).mean()
        assert_close(above, means[1])

    def test_it_answers_where_the_template_disagrees(self):
        found = self.template.clone()
        found[:, :, 2:6, 5:9] = 0
        logits = ThresholdLocalizer()(self.image, self.revealed(found), self.template)
        assert (logits[:, :, 24:40, 48:64] > 0).all()  # a block further in
        outside = torch.ones_like(logits, dtype=torch.bool)
        outside[:, :, 8:56, 32:80] = False  # a block further out
        assert (logits[outside] < 0).all()
        assert 0.8 < (logits > 0).sum() / (32 * 32) < 1.2

    def test_one_wild_block_does_not_decide_for_all_around_it(self):
        found = self.template.clone()
        found[:, :, 4, 4] = 1e6
        localizer = ThresholdLocalizer()
        logits = localizer(self.image, self.revealed(found), self.template)
        assert_close(logits.max(), localizer.log_gain.exp() * (3 / 9 - localizer.threshold))

    def test_neither_picture_nor_code_matters(self):
        localizer, found = ThresholdLocalizer(), torch.randn(1, 6, 8, 10)
        logits = localizer(self.image, self.revealed(found), self.template)
        again = localizer(1 - self.image, self.revealed(found), self.template)
        assert torch.equal(logits, again)

    def test_training_sets_the_threshold_between_the_two_kinds_of_blocks(self):
        torch.manual_seed(3)
        localizer = ThresholdLocalizer()
        localizer.threshold.fill_(2.0)
        mask = torch.zeros(1, 1, 64, 80)
        mask[:, :, 16:48, 40:72] = 1
        found = self.template - torch.nn.functional.max_pool2d(mask, 8)
        with torch.enable_grad():
            optimizer = torch.optim.Adam(localizer.parameters(), lr=0.05)
            for _ in range(200):
                noisy = self.revealed(found + 0.2 * torch.randn(found.shape))
                logits = localizer(self.image, noisy, self.template)
                loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, mask)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        assert 0.3 < localizer.threshold < 0.9
        assert localizer.log_gain.exp() > 4
        assert ((logits > 0) == (mask > 0)).float().mean() > 0.9
