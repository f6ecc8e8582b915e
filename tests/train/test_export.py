"""Whole tool: `imuge export` turns a weights file into a release that the engine runs."""

import dataclasses

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from imuge.cli.app import app
from imuge.engine import Engine
from imuge.errors import WeightsError
from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.system import System
from imuge.train.export import export
from imuge.weights import load_release

TINY = ModelConfig(
    coupling_blocks=1,
    coupling_width=4,
    encoder_width=16,
    encoder_blocks=1,
    recoverer_width=8,
    localizer_width=4,
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_export_writes_a_release_that_gives_what_torch_gives(tmp_path):
    torch.manual_seed(0)
    system = System(TINY)
    for parameter in system.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
        parameter.data = parameter.data.half().float()
    weights = tmp_path / "tiny.safetensors"
    save_file(system.state_dict(), weights, metadata={"config": TINY.to_json()})

    arguments = ["export", str(weights), "-o", str(tmp_path / "tiny.test"), "--name", "tiny.test"]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output

    release = load_release(tmp_path / "tiny.test")
    assert release.record.config["encoder_width"] == 16
    image = np.random.default_rng(0).random((3, 48, 80), dtype=np.float32)
    with torch.no_grad():
        expected = system.eval().encode(torch.from_numpy(image)[None])[0].numpy()
    np.testing.assert_allclose(Engine(release).encode(image), expected, rtol=0, atol=1e-4)
    stored = {t.name: t for t in onnx.load_from_string(release.graphs["encode"]).graph.initializer}
    half = stored["payload_encoder.stem.weight.half"]
    assert half.data_type == onnx.TensorProto.FLOAT16
    assert b"/imuge/" not in release.graphs["encode"], "a path of this machine got into the graph"


def test_export_refuses_what_is_no_weights_file(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_text("hello")
    arguments = ["export", str(path), "-o", str(tmp_path / "out"), "--name", "tiny.test"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "cannot read weights" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"descriptions": 1}, "descriptions = 2 only, and these have descriptions = 1"),
        ({"template_channels": 2, "template_scales": (1, 1)}, "template_channels = 6 only"),
        ({"keyed_template": False}, "keyed_template = True only"),
        ({"scattered": False}, "scattered = True only"),
        ({"localizer": "threshold"}, "localizer = network only"),
    ],
)
def test_export_refuses_networks_that_the_product_cannot_run(tmp_path, settings, message):
    config = dataclasses.replace(TINY, **settings)
    weights, folder = tmp_path / "x.safetensors", tmp_path / "out"
    save_file(System(config).state_dict(), weights, metadata={"config": config.to_json()})
    with pytest.raises(WeightsError, match=message):
        export(weights, folder, name="tiny.test", licence="Apache-2.0")
    assert not folder.exists()
