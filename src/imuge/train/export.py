"""Torch networks to the ONNX graphs that the product runs.

    encode    image                        → code
    embed     image, payload, strength     → immunized
    reveal    image                        → payload
    localize  image, revealed, template    → logits       (with code_evidence also: clues)
    recover   image, mask, codes           → recovered

Each graph takes one picture of any height and width in multiples of 16. Weights are stored in 16
bits where that loses nothing and cast back when a session is made, so all arithmetic is float32.
A graph keeps the parameter names of torch, so a release can be turned back into networks
(`System.load`).
"""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from imuge.errors import WeightsError
from imuge.files import make_folder, write_atomically
from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.system import System
from imuge.model.networks import SIZE_MULTIPLE
from imuge.model.weights_files import weights_sha256
from imuge.weights import (
    Calibration,
    GraphRecord,
    ReleaseRecord,
    Weighing,
    WorkingPoint,
    write_record,
)

OPSET = 18
# The product takes it for granted that these settings are the default ones.
TAKEN_FOR_GRANTED = (
    "descriptions",
    "template_channels",
    "keyed_template",
    "scattered",
    "numbers_apart",
    "localizer",
)
EVERY_PIECE = Weighing(
    features=("area",),
    low=(0.0,),
    high=(1.0,),
    weights=(0.0, 0.0),
    constant=0.0,
    least=0.0,
    false={},
    f1={},
)
UNCALIBRATED = Calibration(
    points=(
        WorkingPoint(
            minimum_agreement=0.5,
            evidence=(0.0,) * 4,
            lost_area=0,
        ),
    ),
    strangers=((0.5, -0.01),),
    both=EVERY_PIECE,
    alone=EVERY_PIECE,
    bound=1.0,
    pictures=0,
    frames={},
    command="not calibrated",
)
SMALLEST_STORED_IN_HALF = 1024  # numbers; below this a cast costs more than it saves


class _Step(nn.Module):
    """One method of `System` as a module, the form that torch exports."""

    def __init__(self, system: System, run: Callable[..., Tensor]) -> None:
        super().__init__()
        self.system = system
        self.run = run

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.run(*inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Graph:
    """What a graph computes; inputs are (name, channels, divisor of the picture's size)."""

    run: Callable[..., Tensor]
    inputs: tuple[tuple[str, int, int], ...]
    output: str


def _graphs(system: System) -> dict[str, _Graph]:
    config = system.config
    image = ("image", 3, 1)
    payload = config.payload_channels
    gathered = config.descriptions * (config.code_channels + 1)
    clues = (("clues", config.clue_channels, config.block),) if config.code_evidence else ()
    return {
        "encode": _Graph(run=system.encode, inputs=(image,), output="code"),
        "embed": _Graph(
            run=lambda image, payload, strength: system.embed(image, payload, strength)[0],
            inputs=(image, ("payload", payload, config.block), ("strength", 0, 0)),
            output="immunized",
        ),
        "reveal": _Graph(run=system.reveal, inputs=(image,), output="payload"),
        "localize": _Graph(
            run=system.localize,
            inputs=(
                image,
                ("revealed", payload, config.block),
                ("template", config.template_channels, config.block),
                *clues,
            ),
            output="logits",
        ),
        "recover": _Graph(
            run=system.recover,
            inputs=(image, ("mask", 1, 1), ("codes", gathered, config.block)),
            output="recovered",
        ),
    }


def export(source: Path, folder: Path, *, name: str, licence: str) -> ReleaseRecord:
    """Write the graphs and the record of a release.

    Args:
        source: A safetensors file with its config, or a folder of parts.
        folder: Where the release shall lie; made if missing, files of the same names are replaced.
        name: `architecture.tag`.
        licence: Of the weights, an SPDX expression.

    Returns:
        The record. Its working point is the plain one, probability 0.5 and no minimum area, until
        `imuge calibrate` sets another.

    Raises:
        WeightsError: the product cannot run such networks, or a graph still holds something that
            would need a second file.
        ImageError: the folder cannot be made.
    """
    system = System.load(source)
    _check_releasable(system.config, source)
    make_folder(folder)
    graphs = {}
    for graph_name, graph in _graphs(system).items():
        model = _trace(system, graph)
        _strip_traces(model)
        _store_in_half(model)
        model.metadata_props.add(key="config", value=system.config.to_json())
        if any(t.data_location == TensorProto.EXTERNAL for t in model.graph.initializer):
            raise WeightsError(f"graph {graph_name} refers to a second file; a release must not")
        onnx.checker.check_model(model, full_check=True)
        data = model.SerializeToString(deterministic=True)
        path = write_atomically(folder / f"{graph_name}.onnx", data, overwrite=True)
        graphs[graph_name] = GraphRecord(file=path.name, sha256=hashlib.sha256(data).hexdigest())
    record = ReleaseRecord(
        name=name,
        licence=licence,
        source=source.name,
        source_sha256=weights_sha256(source),
        config=asdict(system.config),
        graphs=graphs,
        calibration=UNCALIBRATED,
        scores={},
    )
    write_record(record, folder)
    return record


def _check_releasable(config: ModelConfig, source: Path) -> None:
    """Refuse networks that were trained to learn something, not to be used."""
    default = ModelConfig()
    for name in TAKEN_FOR_GRANTED:
        if (given := getattr(config, name)) != (wanted := getattr(default, name)):
            raise WeightsError(
                f"cannot export {source}: the product runs networks with {name} = {wanted} only, "
                f"and these have {name} = {given}"
            )


def _trace(system: System, graph: _Graph) -> onnx.ModelProto:
    rows = torch.export.Dim("rows", min=2)
    columns = torch.export.Dim("columns", min=2)
    inputs: list[Tensor] = []
    shapes: list[dict[int, object]] = []
    for _, channels, divisor in graph.inputs:
        if divisor == 0:
            inputs.append(torch.tensor(1.0))
            shapes.append({})
            continue
        scale = SIZE_MULTIPLE // divisor
        inputs.append(torch.rand(1, channels, 6 * scale, 5 * scale))
        shapes.append({2: scale * rows, 3: scale * columns})
    with tempfile.TemporaryDirectory() as scratch, torch.no_grad():
        program = torch.onnx.export(
            _Step(system, graph.run).eval(),
            tuple(inputs),
            dynamo=True,
            opset_version=OPSET,
            input_names=[name for name, _, _ in graph.inputs],
            output_names=[graph.output],
            dynamic_shapes=(tuple(shapes),),
            external_data=False,
            optimize=False,  # ONNX Runtime optimizes; here it would fold weights into one another
            verbose=False,
        )
        assert program is not None
        path = Path(scratch) / "graph.onnx"
        program.save(path, external_data=False)
        return onnx.load(path)


def _strip_traces(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes: they hold source paths of the machine it ran on."""
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
    del graph.metadata_props[:]
    del model.metadata_props[:]
    graph.doc_string = ""


def _store_in_half(model: onnx.ModelProto) -> None:
    """Store each large weight in 16 bits where every number survives, with a cast behind it."""
    casts = []
    for tensor in model.graph.initializer:
        tensor.name = tensor.name.removeprefix("system.")
        if tensor.data_type != TensorProto.FLOAT:
            continue
        full = numpy_helper.to_array(tensor)
        half = full.astype(np.float16)
        if full.size < SMALLEST_STORED_IN_HALF or not np.array_equal(half.astype(np.float32), full):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for node in model.graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = name.removeprefix("system.")
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
