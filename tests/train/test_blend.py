"""Weights between two trained ones."""

import re
from pathlib import Path

import pytest
import torch

from imuge.errors import ConfigError, WeightsError
from imuge.model.architectures import build_networks, load_networks
from imuge.model.imuge.config import ModelConfig
from imuge.model.weights_files import save_weights
from imuge.train.blend import blend, main
from imuge.train.frames import COPIES

PHOTOGRAPHS = Path(__file__).parents[1] / "data"
SMALL = ModelConfig(
    coupling_width=16, encoder_width=16, encoder_blocks=1, recoverer_width=16, localizer_width=16
)


@pytest.fixture
def ends(tmp_path):
    """Two weights files: one with every number 1, one with every number 3."""
    made = []
    for number in (1.0, 3.0):
        networks = build_networks(SMALL)
        tensors = {
            name: torch.full_like(tensor, number) for name, tensor in networks.state_dict().items()
        }
        made.append(tmp_path / f"{number:.0f}.safetensors")
        save_weights(SMALL, tensors, made[-1])
    return made


def numbers(networks, name):
    """All there are in the weights of a network."""
    tensors = getattr(networks, name).state_dict().values()
    return {float(number) for tensor in tensors for number in tensor.unique()}


def test_every_network_gets_its_share(ends):
    mixed = blend(*ends, 0.25, {"localizer": 1.0, "inn": 0.5})
    assert not mixed.training
    assert numbers(mixed, "payload_encoder") == numbers(mixed, "recoverer") == {1.5}
    assert numbers(mixed, "localizer") == {3.0}
    assert numbers(mixed, "inn") == {2.0}


def test_the_command_writes_weights_and_says_where(ends, tmp_path, capsys):
    out = tmp_path / "mixed.safetensors"
    given = [*map(str, ends), "--share", "0", "--network", "inn=1", "--out", str(out)]
    assert main(given) == 0
    assert capsys.readouterr().out == f"{out}\n"
    mixed = load_networks(out)
    assert (numbers(mixed, "localizer"), numbers(mixed, "inn")) == ({1.0}, {3.0})


def test_scored_as_training_scores_its_weights(tmp_path, monkeypatch, capsys):
    """Of the same weights twice every blend is the same."""
    for name in set(COPIES) - {"none"}:
        monkeypatch.delitem(COPIES, name)
    torch.manual_seed(0)
    same = tmp_path / "first.safetensors"
    save_weights(SMALL, build_networks(SMALL).state_dict(), same)
    scored = []
    for share in ("0", "0.5"):
        given = [str(same), str(same), "--share", share, "--out", str(tmp_path / share)]
        assert main([*given, "--validate", str(PHOTOGRAPHS), "--validate-pictures", "2"]) == 0
        scored.append(capsys.readouterr().out.splitlines()[:-1])
    assert scored[0] == scored[1]
    assert re.fullmatch(r"the code's neighbours are alike by -?[01]\.\d\d", scored[0][1])
    told = ["recovered:", "kept:", "noise:", "bits:", "bits_of_one:"]
    assert [line.split(" none ")[0] for line in scored[0][2:]] == told


@pytest.mark.parametrize(
    ("share", "shares", "said"),
    [
        (1.5, {}, "expected a share from 0 to 1, got 1.5"),
        (0.5, {"inn": -0.1}, "expected a share from 0 to 1, got -0.1"),
        (0.5, {"decoder": 0.1}, "unknown networks decoder; there are .*localizer"),
    ],
)
def test_shares_that_mean_nothing_are_refused(ends, share, shares, said):
    with pytest.raises(ConfigError, match=said):
        blend(*ends, share, shares)


def test_networks_of_two_configs_are_refused(ends, tmp_path):
    other = ModelConfig(coupling_width=24)
    save_weights(other, build_networks(other).state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="are of two"):
        blend(ends[0], tmp_path / "other.safetensors", 0.5, {})


def test_the_papers_networks_cannot_be_scored_on_frames(tiny_paper, tmp_path, capsys):
    paper, out = tmp_path / "paper.safetensors", tmp_path / "mixed"
    save_weights(tiny_paper.model, build_networks(tiny_paper.model).state_dict(), paper)
    given = [str(paper), str(paper), "--share", "0.5", "--out", str(out)]
    assert main([*given, "--validate", str(PHOTOGRAPHS)]) != 0
    assert "got those of imuge_plus; leave --validate out" in capsys.readouterr().err
    assert not out.exists()


def test_a_share_that_is_no_number_is_said(ends, tmp_path, capsys):
    out = tmp_path / "mixed"
    given = [*map(str, ends), "--share", "0", "--network", "inn:1", "--out", str(out)]
    assert main(given) != 0
    assert "expected --network as NAME=SHARE, got 'inn:1'" in capsys.readouterr().err
    assert not out.exists()
