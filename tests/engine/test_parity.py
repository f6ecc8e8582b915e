"""Oracle: the engine on the released graphs against the same networks in torch."""

import numpy as np
import pytest
import torch

from imuge.engine import Engine
from imuge.errors import WeightsError
from imuge.model.imuge.system import System
from imuge.weights import GRAPHS, release_folder

RNG = np.random.default_rng(0)
SIZES = [(128, 128), (144, 208)]


@pytest.fixture(scope="module")
def engine():
    return Engine()


def feeds(photograph, height, width):
    rows, columns = height // 8, width // 8
    image = photograph[:height, :width].transpose(2, 0, 1).astype(np.float32) / 255
    return {
        "image": np.ascontiguousarray(image),
        "payload": RNG.normal(size=(30, rows, columns)).astype(np.float32),
        "template": RNG.choice([-1, 1], (6, rows, columns)).astype(np.float32),
        "mask": (RNG.random((1, height, width)) < 0.3).astype(np.float32),
        "codes": RNG.normal(size=(26, rows, columns)).astype(np.float32),
    }


@pytest.mark.parametrize("size", SIZES)
def test_every_graph_gives_what_torch_gives(engine, system, photograph, size):
    given = feeds(photograph, *size)
    tensor = {name: torch.from_numpy(array)[None] for name, array in given.items()}
    image, payload = given["image"], given["payload"]
    with torch.no_grad():
        pairs = {
            "encode": (engine.encode(image), system.encode(tensor["image"])),
            "embed": (
                engine.embed(image, payload, 0.8),
                system.embed(tensor["image"], tensor["payload"], torch.tensor(0.8))[0],
            ),
            "reveal": (engine.reveal(image), system.reveal(tensor["image"])),
            "localize": (
                engine.localize(image, payload, given["template"]),
                system.localize(tensor["image"], tensor["payload"], tensor["template"]),
            ),
            "recover": (
                engine.recover(image, given["mask"], given["codes"]),
                system.recover(tensor["image"], tensor["mask"], tensor["codes"]),
            ),
        }
    assert set(pairs) == set(GRAPHS)
    for name, (ours, expected) in pairs.items():
        tolerance = 1e-3 if name == "localize" else 1e-4
        np.testing.assert_allclose(ours, expected[0].numpy(), rtol=0, atol=tolerance, err_msg=name)


def test_weights_of_unlike_graphs_are_not_mixed(tmp_path):
    encode = (release_folder() / "encode.onnx").read_bytes()
    path = tmp_path / "encode.onnx"
    path.write_bytes(encode.replace(b"config", b"konfig"))
    with pytest.raises(WeightsError, match="carries no config"):
        System.load(tmp_path)
    path.write_bytes(encode)
    reveal = (release_folder() / "reveal.onnx").read_bytes()
    other = reveal.replace(b'"encoder_width": 160', b'"encoder_width": 161')
    assert other != reveal
    (tmp_path / "reveal.onnx").write_bytes(other)
    with pytest.raises(WeightsError, match="exported from another network than its neighbours"):
        System.load(tmp_path)
    path.write_bytes(b"not a graph")
    with pytest.raises(WeightsError, match="cannot read weights"):
        System.load(tmp_path)
