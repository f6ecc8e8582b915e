"""The released networks in torch, rebuilt from the ONNX files of the package."""

import pytest
import torch

from imuge.model.system import System
from imuge.train.export import read_weights
from imuge.weights import GRAPHS, release_folder


@pytest.fixture(scope="session")
def system():
    config, weights = read_weights(release_folder() / f"{name}.onnx" for name in GRAPHS)
    rebuilt = System(config)
    rebuilt.load_state_dict(weights, strict=True)
    return rebuilt.eval()


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield
