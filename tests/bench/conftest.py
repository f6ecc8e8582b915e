"""Untrained networks of both architectures, as weights files; property tests without a deadline."""

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # how fast this machine is today is no bug
settings.load_profile("unhurried")

CONFIGS = {"imuge": "tiny", "imuge_plus": "imuge_plus_tiny"}


@pytest.fixture(scope="session")
def both_weights(request, tmp_path_factory):
    """Weights files of tiny untrained networks, by the name of their architecture."""
    # Imported here: the other tests of the bench need no torch.
    import torch

    from imuge.model.architectures import build_networks
    from imuge.model.weights_files import save_weights
    from imuge.train.architectures import read_config

    folder = tmp_path_factory.mktemp("weights")
    paths = {}
    for architecture, name in CONFIGS.items():
        config = read_config(request.config.rootpath / f"configs/{name}.toml").model
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            networks = build_networks(config)
        paths[architecture] = folder / f"{architecture}.safetensors"
        save_weights(config, networks.state_dict(), paths[architecture])
    return paths


@pytest.fixture(params=CONFIGS)
def tiny_weights(request, both_weights):
    """One of them after the other."""
    return both_weights[request.param]
