"""Contract: a weights file rebuilds its own network, strictly, or is refused with the reason."""

import pytest
import torch
from safetensors.torch import save_file

from imuge.errors import ConfigError, WeightsError
from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.system import System

TINY = ModelConfig(
    coupling_blocks=1,
    coupling_width=4,
    encoder_width=4,
    encoder_blocks=1,
    recoverer_width=8,
    localizer_width=4,
)


@pytest.fixture
def stored(tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_file(System(TINY).state_dict(), path, metadata={"config": TINY.to_json()})
    return path


def test_weights_rebuild_their_network(stored):
    loaded = System.load(stored)
    assert loaded.config == TINY
    assert not loaded.training


def test_missing_weights_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="cannot read weights"):
        System.load(tmp_path / "none.safetensors")


def test_weights_that_are_no_weights_are_refused(tmp_path):
    path = tmp_path / "text.safetensors"
    path.write_text("not tensors")
    with pytest.raises(WeightsError, match="cannot read weights"):
        System.load(path)


def test_weights_without_config_are_refused(tmp_path):
    path = tmp_path / "bare.safetensors"
    save_file(System(TINY).state_dict(), path)
    with pytest.raises(WeightsError, match="carries no config"):
        System.load(path)


def test_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "wrong.safetensors"
    save_file(System(TINY).state_dict(), path, metadata={"config": ModelConfig().to_json()})
    with pytest.raises(WeightsError, match="does not fit"):
        System.load(path)


def test_a_missing_tensor_is_refused(tmp_path):
    tensors = System(TINY).state_dict()
    del tensors["inn.gain"]
    path = tmp_path / "short.safetensors"
    save_file(tensors, path, metadata={"config": TINY.to_json()})
    with pytest.raises(WeightsError, match=r"inn\.gain"):
        System.load(path)


def test_a_misspelt_setting_is_refused():
    with pytest.raises(ConfigError, match="unknown settings in model: localiser_width"):
        ModelConfig.parse({"localiser_width": 32})


@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_a_size_that_builds_nothing_is_refused(value):
    with pytest.raises(ConfigError, match="coupling_width"):
        ModelConfig.parse({"coupling_width": value})


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "settings of a model in JSON"), ("[1, 2]", r"as an object, got \[1, 2\]")],
)
def test_a_text_that_is_no_config_is_refused(text, message):
    with pytest.raises(ConfigError, match=message):
        ModelConfig.from_json(text)


def test_training_moves_the_running_moments_and_evaluation_does_not():
    system = System(TINY)
    image = torch.rand(2, 3, 32, 32)
    system.train()
    system.encode(image)
    moved = system.payload_encoder.norm.running_mean.clone()
    assert moved.abs().max() > 0
    system.eval()
    system.encode(image)
    assert torch.equal(system.payload_encoder.norm.running_mean, moved)
