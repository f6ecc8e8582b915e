"""One batch through the whole system."""

import dataclasses
import tomllib
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from imuge.train.architectures import read_config
from imuge.train.run import VARIANTS

ASKING = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select"}


class NobodyAsks(TorchDispatchMode):
    """Refuses what would make a GPU answer before it can go on."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert function._schema.name not in ASKING, f"{function} waits for the device"
        return function(*args, **(kwargs or {}))


ROOT = Path(__file__).parents[2]
ABLATIONS = tomllib.loads((ROOT / "configs" / "variants" / "ablations.toml").read_text())
OWN = {name: table["model"] for name, table in ABLATIONS.items() if "model" in table}
EVERY_OPTION = {
    "model": {"code_evidence": True, "keyed_signs": True, "template_scales": (1, 1, 2, 2, 4, 4)},
    "tamper": {"patched_hosts": 0.5},
    "curriculum": {"context_masking": 0.2, "protected_again": 0.4, "cropped": 0.3},
    "publication": {"shaped": 0.7, "pilot": 0.8},
}


class OneDevice(TorchDispatchMode):
    """Refuses tensors of another device: to bring them over cannot be recorded."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for value in tree_leaves((args, kwargs, out)):
            where = value.device.type if isinstance(value, torch.Tensor) else "meta"
            assert where == "meta", f"{function} on {where}"
        return out


class NoOptimizer:
    def __init__(self, parameters, **_):
        self._parameters = list(parameters)
        self.state = {}

    def zero_grad(self, **_):
        for parameter in self._parameters:
            parameter.grad = None

    def step(self):
        pass


@pytest.fixture
def without_numbers(monkeypatch):
    """Runs on a device without numbers: what a GPU would be, as far as we can."""
    monkeypatch.setattr("imuge.train.run.choose_device", lambda *_: torch.device("meta"))
    monkeypatch.setattr(torch.optim, "AdamW", NoOptimizer)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())


@pytest.mark.slow
@pytest.mark.usefixtures("without_numbers")
@pytest.mark.parametrize("architecture", ["imuge", "imuge_plus"])
def test_after_a_first_time_a_step_stays_on_its_device(make_run, tiny_paper, architecture):
    ours = architecture == "imuge"
    run = make_run(batch=24, **EVERY_OPTION) if ours else make_run(base=tiny_paper, batch=24)
    run.chooser = None
    for variant in range(VARIANTS):
        run.step(ours, variant)  # makes what is kept of constants
    with OneDevice():
        for variant in range(VARIANTS):
            run.step(ours, variant)
            run.step(False, variant)


@pytest.mark.slow
@pytest.mark.usefixtures("without_numbers")
@pytest.mark.parametrize("stage", ["code", "carry", "whole"])
def test_the_recipes_for_a_gpu_can_be_recorded(make_run, tiny, stage):
    """No real encoders, and no step that leaves its device."""
    recipe = read_config(ROOT / "configs" / f"imuge_{stage}.toml")
    tables = ("losses", "tamper", "distort", "curriculum", "publication", "optimization")
    data = dataclasses.replace(tiny.data, toned=recipe.data.toned)
    settings = {name: getattr(recipe, name) for name in tables}
    run = make_run(batch=recipe.batch, data=data, **settings)
    assert not run.config.distort.uses_files
    run.chooser = None
    for variant in range(VARIANTS):
        run.step(False, variant)
    with OneDevice(), NobodyAsks():
        for variant in range(VARIANTS):
            run.step(False, variant)


@pytest.mark.slow
@pytest.mark.parametrize("auxiliary", [False, True])
def test_a_step_never_asks_the_device_for_a_number(make_run, auxiliary):
    run = make_run(**EVERY_OPTION)
    run.chooser = None
    run.step(auxiliary, 0)  # the first makes constants and the optimizer's memory
    # The optimizer's own code for processors reads its numbers; that for GPUs does not.
    for optimizer in run.updater.optimizers:
        optimizer.step = lambda: None
    with NobodyAsks():
        run.step(auxiliary, 0)


@pytest.mark.slow
@pytest.mark.parametrize("change", OWN.values(), ids=OWN)
def test_every_ablation_trains(make_run, change):
    run = make_run(model=change)
    for _ in range(2):
        run.step(True)
    assert float(run.state.skipped) == 0
    still = [n for n, p in run.system.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == [], "some weights have no gradient"
    for optimizer in run.updater.optimizers:
        optimizer.step = lambda: None
    run.chooser = None
    run.step(True, 0)
    with NobodyAsks():
        run.step(True, 0)


def test_every_option_trains(make_run):
    run = make_run(
        **EVERY_OPTION
        | {"curriculum": EVERY_OPTION["curriculum"] | {"attack_steps": 1}}
        | {"distort": {"chains": {"grown-jpeg": 1, "webp+misalign": 1, "avif": 1, "none": 2}}},
        losses={"template": 0.1},
    )
    for _ in range(3):
        run.step(True)
    assert float(run.state.skipped) == 0
    still = [n for n, p in run.system.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == [], "some weights have no gradient"


def test_the_template_is_hidden_as_strongly_as_the_publication_says(make_run):
    run = make_run(publication={"template": (1.2, 1.6)})
    draw = run._draw(0)
    hidden = run._trial.run(draw).hidden[:, -draw.layout.template.shape[1] :]
    gain = draw.publication.template.view(-1, 1, 1, 1)
    torch.testing.assert_close(hidden, gain * draw.layout.template)


def test_without_a_channel_encoder_and_recoverer_learn_a_code(make_run):
    run = make_run(
        optimization={"parts": ("payload_encoder", "recoverer")},
        curriculum={"channel": False, "auxiliary_kept": (0.9, 0.5), "auxiliary_noise": (0.1, 0.3)},
    )
    draw = run._draw(0)
    assert 0.499 < float(draw.kept.min()) < float(draw.kept.max()) < 0.901
    assert 0.1 < float(draw.noise.std()) < 0.3
    seen = run._trial.run(draw)
    assert torch.equal(seen.published, seen.hosts), "nothing is embedded"
    assert torch.equal(seen.revealed, seen.hidden * draw.kept + draw.noise)
    before = {name: value.clone() for name, value in run.system.state_dict().items()}
    for _ in range(2):
        run.step(False)
    assert float(run.state.skipped) == 0
    moved = {n.split(".")[0] for n, v in run.system.state_dict().items() if (v != before[n]).any()}
    assert moved == {"payload_encoder", "recoverer"}
    still = [n for n, p in run.system.named_parameters() if p.requires_grad and not p.grad.any()]
    assert still == []


def test_the_recoverer_sees_no_picture_where_it_must_not(make_run):
    run = make_run(curriculum={"context_masking": 1.0})
    seen = run.look()
    assert seen.context.min() == 1
    assert (seen.erased.amax((1, 2, 3)) > 0).float().mean() < 1, "the untouched keep their code"


def hide_something(run):
    """New couplings do nothing yet."""
    for block in run.system.inn.blocks:
        torch.nn.init.normal_(block.phi.conv3.weight, std=0.05)
        torch.nn.init.normal_(block.eta.conv3.weight, std=0.05)


def test_a_forger_embeds_again_what_was_published(make_run):
    run = make_run(
        curriculum={"protected_again": 1.0, "attack_steps": 1},
        tamper={"rewrite": 0.0, "degrade": 0.0, "untouched": 0.2, "soft_edges": 0.0},
        distort={"chains": {"none": 1}},
    )
    draw = run._draw(0)
    plain = dataclasses.replace(draw, again=draw.again[:0])
    hide_something(run)
    system = run.system.eval()
    with torch.no_grad():
        again, once = run._trial.run(draw), run._trial.run(plain)
        assert torch.equal(again.mask, once.mask), "it is not as published, protected or not"
        untouched = draw.tampering.groups[-1].tolist()
        assert sorted(draw.again.tolist() + untouched) == list(range(8))
        changed = (again.received != once.received).any(1, keepdim=True)
        assert not changed[again.mask == 0].any()
        assert changed[again.mask > 0].float().mean() > 0.2
        # Inside the edit the picture is that of the published payload embedded over it.
        number = int(draw.again[0])
        payload = system.reveal(once.published[number : number + 1])
        edited = once.received[number : number + 1]
        marked, _ = system.embed(edited, payload, edited.new_ones(()))
        inside = again.mask[number].expand(3, -1, -1) > 0
        error = (again.received[number] - marked[0])[inside].abs()
        assert error.mean() < 1.5 / 255


def test_of_a_part_only_what_came_back_is_judged(make_run):
    run = make_run(
        model={"code_evidence": True},
        curriculum={"cropped": 1.0, "attack_steps": 1},
        tamper={"untouched": 0.0},
    )
    hide_something(run)
    seen_by_localizer = []
    run.system.localizer.register_forward_pre_hook(
        lambda _, inputs: seen_by_localizer.append(inputs)
    )
    draw = dataclasses.replace(run._draw(0), clued=torch.ones(8, 1, 1, 1))
    draw = dataclasses.replace(draw, windows=torch.tensor([[16, 64, 0, 44]]).expand(8, -1))
    run._trial.eval()
    seen = run._trial.run(draw)
    template = draw.layout.template
    assert torch.equal(seen.revealed[:, -6:, :2], template[:, :, :2])
    assert torch.equal(seen.revealed[:, -6:, :, 5:], template[..., 5:])
    assert not torch.equal(seen.revealed[:, -6:, 2:, :5], template[:, :, 2:, :5])
    assert (seen.revealed[:, :-6, :2] == 0).all()
    assert (seen.erased[:, :, :2] == 1).all()
    assert (seen.erased[..., 5:] == 1).all()
    # A clue is missing exactly where the code lay outside.
    lost = torch.ones(8, 2, 8, 8)
    lost[:, :, 2:, :5] = 0
    home = torch.stack(
        [lost[:, k].flatten(1).gather(1, draw.layout.inverses[:, k]) for k in (0, 1)]
    )
    clues = seen_by_localizer[0][3].flatten(2)
    for k in (0, 1):
        missing = home[k][:, None].expand(-1, 12, -1) > 0
        for part in (clues[:, 12 * k : 12 * k + 12], clues[:, 24 + 12 * k : 36 + 12 * k]):
            assert (part[missing] == 0).all()
            assert (part[~missing] != 0).float().mean() > 0.9
    rim = torch.ones(8, 1, 64, 64)
    rim[:, :, 24:, :36] = 0
    assert (seen.mask[rim > 0] == 0).all()
    assert seen.mask.sum() > 0
    seen.logits.sum().backward()
    assert (seen.logits[rim > 0] == -20).all()
    assert torch.equal(seen.received[:, :, :16], seen.received[:, :, 16:32].flip(2))


def test_what_stays_hidden_as_it_was_is_not_judged(make_run):
    run = make_run(optimization={"parts": ("localizer", "recoverer")})
    draw = run._draw(0)
    louder = dataclasses.replace(run.config.losses, structure=100.0, null=100.0, payload=100.0)
    before = run._trial(draw, auxiliary=False).loss
    object.__setattr__(run._trial.config, "losses", louder)
    assert torch.equal(run._trial(draw, auxiliary=False).loss, before)


@pytest.mark.slow
def test_fifty_steps_on_copies_of_frames_make_the_loss_fall(make_run):
    mix = read_config(ROOT / "configs" / "imuge_next.toml")
    run = make_run(
        **{name: dataclasses.asdict(getattr(mix, name)) for name in ("publication", "distort")},
        model={"code_evidence": True},
        tamper={"untouched": 0.25, "degrade": 0.08},
        curriculum={"protected_again": 0.12, "cropped": 0.12, "attack_steps": 1},
        optimization={"parts": ("localizer", "recoverer"), "half_on_processors": True},
    )
    losses = []
    for _ in range(50):
        run.sums.zero_()
        run.step(False)
        losses.append(float(run.sums[0]))
    assert float(run.state.skipped) == 0
    assert sum(losses[-10:]) < 0.85 * sum(losses[:10])


def test_looking_changes_nothing(make_run):
    run = make_run()
    run.step(True)
    before = run.checkpoint(0, 0.0)
    seen = run.look()
    assert seen.published.shape == (8, 3, 64, 64)
    after = run.checkpoint(0, 0.0)
    assert before.choosers == after.choosers
    for name, tensor in before.tensors.items():
        assert torch.equal(tensor, after.tensors[name]), name


@pytest.mark.slow
def test_measures_and_pictures_tell_the_same(make_run):
    run = make_run()
    for _ in range(3):
        run.step(False)
    torch.manual_seed(5)
    draw = run._draw(0)
    result = run._trial(draw, auxiliary=False)
    with torch.no_grad():
        seen = run._trial.run(draw)
    measures = dict(zip(run.measures, result.measures.tolist(), strict=True))
    found = seen.logits > 0
    true = seen.mask > 0
    f1 = 2 * (found & true).sum() / (found.sum() + true.sum())
    assert measures["f1"] == pytest.approx(float(f1), abs=1e-3)
    assert measures["false_area"] == pytest.approx(float(found[~true].float().mean()), abs=1e-3)
    error = (seen.immunized - draw.hosts).square().mean()
    assert measures["psnr"] == pytest.approx(float(-10 * error.log10()), abs=1e-3)


def test_two_draws_joined_are_one_of_both(make_run):
    run = make_run()
    run.state.count.fill_(300)
    first, second = run._draw(0), run._draw(0)
    joined = first.join(second)
    run._trial.eval()  # batch statistics would be those of one batch or of both
    parts = [run._trial.run(draw) for draw in (first, second)]
    whole = run._trial.run(joined)
    for item in dataclasses.fields(whole):
        expected = torch.cat([getattr(part, item.name) for part in parts])
        torch.testing.assert_close(getattr(whole, item.name), expected, rtol=0, atol=2e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_compiled_attacks_and_losses_give_the_same(make_run):
    run = make_run()
    for _ in range(2):
        run.step(False)
    draw = run._draw(0)
    expected = run._trial(draw, auxiliary=False)
    trial = type(run._trial)(run.system, run.config, run.shapes, run.state, compiled=True)
    result = trial(draw, auxiliary=False)
    torch.testing.assert_close(result.loss, expected.loss, rtol=1e-3, atol=1e-3)
    result.loss.backward()
    assert all(p.grad.isfinite().all() for p in run.system.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("parts", [("localizer",), ("localizer", "recoverer")])
def test_what_is_not_trained_stays_bit_for_bit(make_run, parts):
    run = make_run(optimization={"parts": parts})
    before = {name: value.clone() for name, value in run.system.state_dict().items()}
    for _ in range(2):
        run.step(False)
    run.look()
    run.step(False)
    for name, value in run.system.state_dict().items():
        trained = name.split(".")[0] in parts
        assert torch.equal(value, before[name]) != trained, name
        if not trained:
            assert torch.equal(run.updater.averaged[name], before[name]), name
