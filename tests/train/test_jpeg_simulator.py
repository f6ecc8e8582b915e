"""Teaching a network what JPEG does: the lessons, and the whole run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from imuge.errors import ConfigError
from imuge.train import checkpoint as checkpoints
from imuge.train.__main__ import main as train_system
from imuge.train.attacks.jpeg.distilled import load_student
from imuge.train.attacks.jpeg.exact import exact
from imuge.train.attacks.jpeg.student import CLASSES, StudentConfig
from imuge.train.jpeg.__main__ import main
from imuge.train.jpeg.config import ExampleSettings, LearnerSettings, SimulatorConfig
from imuge.train.jpeg.distillation import Distillation, draw_examples
from imuge.train.jpeg.learner import Learner
from imuge.train.photographs import PhotoBank, find_photographs

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = ROOT / "tests" / "data"
TOML = """
name = "tiny"
batch = 4
log_every = 2
predictor_width = 8

[network]
widths = [4, 8, 16]
blocks = 1
condition_width = 8

[data]
crop = 64
scales = [1.0]
shares = [1.0]
sides = [96]
squares = [2]

[optimization]
steps = 400
teacher_share = 0.5
warmup_steps = 2
"""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorboard.*")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(TOML)
    return path


@pytest.fixture(scope="module")
def config(file):
    return SimulatorConfig.read(file)


@pytest.fixture(scope="module")
def photographs(config):
    cpu = torch.device("cpu")
    paths = find_photographs(PHOTOGRAPHS)
    return PhotoBank.load(paths, config.data, device=cpu, seed=0, say=lambda _: None)


def run(out, *arguments, config):
    given = [] if config is None else ["--config", str(config)]
    common = ["--data", str(PHOTOGRAPHS), "--out", str(out), "--device", "cpu"]
    return main([*given, *common, *arguments])


def log(out, kind):
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


@pytest.mark.parametrize(
    ("name", "least", "most"), [("jpeg_simulator", 11e6, 12e6), ("jpeg_simulator_small", 1e6, 2e6)]
)
def test_our_configs_build_the_sizes_they_promise(name, least, most):
    config = SimulatorConfig.read(ROOT / "configs" / f"{name}.toml")
    student = Distillation.new(config, torch.device("meta")).student
    assert least < sum(weight.numel() for weight in student.parameters()) < most


def test_the_default_is_the_papers_size():
    assert SimulatorConfig.read(ROOT / "configs" / "jpeg_simulator.toml").network == StudentConfig()


def test_examples_are_what_the_codec_makes(photographs, config):
    torch.manual_seed(0)
    examples = draw_examples(photographs, config)
    assert examples.subsampled.tolist() == [1, 1, 1, 0]
    assert torch.equal(examples.quality, examples.quality.round())
    assert 10 <= examples.quality.min() <= examples.quality.max() <= 100
    for number, subsampled in ((0, True), (3, False)):
        one = slice(number, number + 1)
        real = exact(examples.picture[one], examples.quality[one], subsampled=subsampled)
        torch.testing.assert_close(examples.real[one], real, rtol=0, atol=2 / 255)


def test_qualities_are_classes_or_lie_between_as_asked(photographs, config):
    for share, between in ((0.0, False), (1.0, True)):
        wanted = ExampleSettings(between_share=share, lowest_quality=1, subsampled_share=0)
        examples = draw_examples(photographs, replace(config, examples=wanted, batch=64))
        assert examples.subsampled.sum() == 0
        drawn = set(examples.quality.tolist())
        assert (drawn <= set(CLASSES)) != between


@pytest.mark.slow
@pytest.mark.parametrize("teaching", [True, False])
def test_lessons_make_the_loss_fall(photographs, config, teaching):
    torch.manual_seed(0)
    distillation = Distillation.new(config, torch.device("cpu"))
    names = distillation.prepare(teaching=teaching)
    settings = LearnerSettings(learning_rate=3e-3, warmup_steps=2)
    learners = [Learner(distillation.networks()[name], settings) for name in names]
    before = {name: state_of(network) for name, network in distillation.networks().items()}
    examples = draw_examples(photographs, config)
    losses, doubts = [], []
    for _ in range(40):
        loss, measures = (distillation.teach if teaching else distillation.learn)(examples)
        assert measures.isfinite().all()
        losses.append(float(measures[0]))
        doubts.append(float(measures[-1]))
        loss.backward()
        for learner in learners:
            learner.step(0.0)
    assert losses[-1] < 0.95 * losses[0]
    assert not teaching or doubts[-1] < 0.9 * doubts[0], "the predictor learns, too"
    for name, network in distillation.networks().items():
        same = all(torch.equal(a, b) for a, b in zip(before[name], state_of(network), strict=True))
        assert same != (name in names), f"{name} learned: {not same}"


def state_of(network):
    return [value.clone() for value in network.state_dict().values()]


def test_a_step_with_a_gradient_that_is_no_number_is_not_taken(config):
    network = torch.nn.Linear(2, 2)
    before = state_of(network)
    network(torch.tensor([1.0, torch.nan])).sum().backward()
    Learner(network, config.optimization).step(0.0)
    assert all(torch.equal(a, b) for a, b in zip(before, state_of(network), strict=True))


def test_a_run_leaves_what_it_promises(tmp_path, file, capsys):
    out = tmp_path / "run"
    validation = ["--validate", str(PHOTOGRAPHS), "--validate-pictures", "2"]
    assert run(out, "--steps", "8", *validation, config=file) == 0
    assert json.loads((out / "config.json").read_text())["network"]["widths"] == [4, 8, 16]
    assert [line["step"] for line in log(out, "teacher")] == [2, 4]
    assert [line["step"] for line in log(out, "student")] == [6, 8]
    assert min(line["milliseconds"] for line in log(out, "student")) > 1
    teacher, student = (log(out, kind)[-1] for kind in ("teacher", "student"))
    assert teacher["features"] == 0 < student["features"], "each is summed up apart"
    (scores,) = log(out, "validation")
    assert 20 < scores["untouched/10"] < scores["untouched/90"] < 60
    assert scores["student/10"] > 20
    assert load_student(out / "student.safetensors").config.blocks == 1
    assert "validation at step 8" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_goes_on_exactly(tmp_path, file, monkeypatch):
    straight, paused = tmp_path / "straight", tmp_path / "paused"
    assert run(straight, "--steps", "6", config=file) == 0
    for stop in (2, 4):  # while the teacher learns, and while the student does
        with monkeypatch.context() as patch:
            patch.setattr(
                "imuge.train.loop.Loop._paused", lambda loop, stop=stop: loop._step >= stop
            )
            resume = ["--resume"] if stop > 2 else []
            assert run(paused, "--steps", "6", *resume, config=None if resume else file) == 0
        torch.manual_seed(99)  # whatever happened in between
    assert run(paused, "--steps", "6", "--resume", config=file) == 0
    ends = [checkpoints.load(checkpoints.find(o / "checkpoints")[-1]) for o in (straight, paused)]
    assert ends[0].step == ends[1].step == 6
    assert ends[0].tensors.keys() == ends[1].tensors.keys()
    for name, tensor in ends[0].tensors.items():
        assert torch.equal(tensor, ends[1].tensors[name]), name
    files = [(o / "student.safetensors").read_bytes() for o in (straight, paused)]
    assert files[0] == files[1]


def test_minutes_are_a_length_too(tmp_path, file):
    assert run(tmp_path / "run", "--minutes", "0.01", config=file) == 0
    (step,) = checkpoints.find(tmp_path / "run" / "checkpoints")
    assert 1 <= checkpoints.load(step).step < 400


def test_what_cannot_be_run_is_said(tmp_path, file, capsys):
    def refused(*arguments, config=file, status=2):
        assert run(tmp_path / "run", *arguments, config=config) == status
        return capsys.readouterr().err

    assert "no checkpoint to go on from" in refused("--resume")
    assert "expected --config" in refused(config=None)
    assert "--steps above 0" in refused("--steps", "0")
    assert "cannot read the config" in refused(config=tmp_path / "missing.toml")
    assert not (tmp_path / "run").exists()
    assert run(tmp_path / "run", "--steps", "1", config=file) == 0
    assert "holds a run already" in refused("--steps", "1")
    other = tmp_path / "other.toml"
    other.write_text(TOML.replace("blocks = 1", "blocks = 2"))
    message = refused("--resume", "--steps", "2", config=other, status=1)
    assert "network.blocks 1 → 2" in message


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"batch": 0}, "batch"),
        ({"examples": {"between_share": 1.5}}, "between_share"),
        ({"examples": {"lowest_quality": 0}}, "lowest_quality"),
        ({"optimization": {"teacher_share": 1.0}}, "teacher_share"),
        ({"optimization": {"steps": 0}}, "steps"),
        ({"network": {"width": 3}}, "width"),
    ],
)
def test_unfit_settings_are_refused(tmp_path, table, named):
    lines = ['name = "x"']
    for key, value in table.items():
        inner = value.items() if isinstance(value, dict) else [(None, value)]
        lines += [f"[{key}]"] if isinstance(value, dict) else []
        lines += [f"{name or key} = {number}" for name, number in inner]
    path = tmp_path / "bad.toml"
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=named):
        SimulatorConfig.read(path)


def test_a_config_that_is_no_toml_is_refused(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("name = ")
    with pytest.raises(ConfigError, match="is not TOML"):
        SimulatorConfig.read(path)


def test_a_system_trains_through_a_simulator_made_here(tmp_path, file, capsys):
    out = tmp_path / "simulator"
    assert run(out, "--steps", "1", config=file) == 0
    text = (ROOT / "configs" / "tiny.toml").read_text()
    common = ["--data", str(PHOTOGRAPHS), "--device", "cpu", "--steps", "2"]
    for name, status in (("student", 0), ("missing", 1)):
        weights = out / f"{name}.safetensors"
        config = tmp_path / f"{name}.toml"
        config.write_text(
            f'{text}\n[distort]\nsimulator = "distilled"\nsimulator_weights = "{weights}"\n'
        )
        arguments = ["--config", str(config), "--out", str(tmp_path / name), *common]
        assert train_system(arguments) == status
    assert "missing.safetensors" in capsys.readouterr().err
