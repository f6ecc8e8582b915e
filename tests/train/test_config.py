"""Configs: what they hold, and what they say about a mistake."""

from pathlib import Path

import pytest

from imuge.errors import ConfigError
from imuge.model.imuge.config import ModelConfig
from imuge.train.architectures import parse_config, read_config

FOLDER = Path(__file__).parents[2] / "configs"
CONFIGS = sorted(set(FOLDER.glob("*.toml")) - set(FOLDER.glob("jpeg_simulator*.toml")))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_can_be_read_and_stored(path):
    config = read_config(path)
    assert config.name == path.stem
    assert parse_config(config.to_table(), name="stored") == config


def test_the_default_networks_are_those_of_the_release(system):
    default = parse_config({"name": "x"}, name="x")
    assert default.model == system.config == ModelConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = 'x'\nbatches = 3", r"unknown settings in .*: batches; known are name, seed"),
        ("name = 'x'\n[losses]\nlocaton = 1", r"unknown settings in .*losses: locaton"),
        ("name = 'x'\n[model]\nwidth = 3", r"unknown settings in .*model: width"),
        ("name = 'x'\n[tamper]\nsplices = 1", r"splices"),
        ("name = 'x'\n[distort]\nqualty = [1, 2]", r"qualty"),
        ("name = 'x'\nbatch = 'many'", r"batch to be a whole number, got 'many'"),
        ("name = 'x'\nbatch = 1.5", r"batch to be a whole number, got 1.5"),
        ("name = 'x'\nbatch = 1", r"batch of 2 or more, got 1"),
        ("name = 'x'\n[data]\ncrop = 100", r"data.crop as a multiple of 16 from 64, got 100"),
        ("name = 'x'\n[data]\nshares = [1]", r"data.shares, data.sides and data.squares"),
        ("name = 'x'\n[curriculum]\nstrengths = [1]", r"strengths to hold 2 values"),
        (
            "name = 'x'\n[curriculum]\nchannel = false",
            r"parts of payload_encoder and recoverer alone",
        ),
        ("name = 'x'\n[curriculum]\nauxiliary_kept = [1, 0]", r"auxiliary_kept above 0"),
        ("batch = 4", r"lacks name"),
        ("name = ", r"is not TOML"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_config(path)


def test_a_missing_config_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read the config .*none\.toml: there is no such"):
        read_config(tmp_path / "none.toml")


def test_a_config_says_what_another_leaves_to_be_said(tmp_path):
    (tmp_path / "base.toml").write_text(
        "name = 'base'\nbatch = 4\n[data]\ncrop = 128\n"
        "[distort]\nquality = [50, 60]\n[distort.chains]\nnone = 1\njpeg = 2\n"
    )
    own = tmp_path / "own.toml"
    own.write_text(
        "extends = 'base.toml'\nname = 'own'\n[data]\ntoned = 0.5\n"
        "[losses]\npayload = 2\n[distort.chains]\nwebp = 1\n"
    )
    config = read_config(own)
    assert (config.name, config.batch) == ("own", 4)
    assert (config.data.crop, config.data.toned, config.losses.payload) == (128, 0.5, 2)
    assert config.distort.quality == (50, 60)
    assert dict(config.distort.chains) == {"webp": 1}, "a table in a section is its own or not"
    third = tmp_path / "third.toml"
    third.write_text("extends = 'own.toml'\nname = 'third'\n")
    with pytest.raises(ConfigError, match=r"extend a config that extends none, got .*own\.toml"):
        read_config(third)
