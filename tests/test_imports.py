"""Who may import whom: from the command down to the errors, and never back.

Every import of every module is read from its source, the lazy ones too.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "imuge"
FACE = {"guard", "protection", "engine", "image", "keys", "weights", "report", "results", "errors"}
FACE |= {"files", "imuge"}
STEPS = {"protection", "engine", "image", "keys", "weights", "results", "errors", "files", "imuge"}
TENSORS = {"model", "train"}  # rooms that may have torch
# Studies that measure networks in torch; the rest of the bench imports them lazily.
BENCH_WITH_TORCH = {"bench.contestant_networks", "bench.jpeg", "bench.speed.torch_sessions"}

# What the modules of a room may import at the top, beside their own room.
ALLOWED = {
    "cli": FACE | {"attacks", "batch", "demo", "trust", "registry", "provenance"},
    "batch": FACE | {"trust", "registry", "provenance"},
    "demo": FACE | {"attacks"},
    "bench": FACE | {"attacks", "batch", "demo", "registry", "trust", "provenance"},
    "serve": FACE - {"protection", "engine", "weights"},
    "guard": STEPS,
    "protection": STEPS,
    "imuge": {"results", "errors", "_version"},
    "_version": set(),
    "engine": {"weights", "errors", "files"},
    "weights": {"errors", "files"},
    "image": {"errors", "files"},
    "keys": {"errors", "files"},
    "report": {"results", "errors", "files"},
    "results": {"errors", "files"},
    "registry": {"keys", "image", "weights", "results", "errors", "files"},
    "provenance": {"keys", "image", "weights", "results", "errors", "files", "imuge"},
    "trust": FACE | {"registry", "provenance"},
    "files": {"errors"},
    "errors": set(),
    "settings": {"errors"},
    "attacks": {"results", "errors", "files", "settings"},
    "model": {"settings", "errors", "files"},
    # Of what imuge does to a picture only its frame and its shaping, which need no networks.
    "train": {"model", "attacks", "weights", "settings", "results", "errors", "files"}
    | {"protection.frame", "protection.shaping"},
}
LAZILY = {  # inside a function
    "cli": {"bench", "serve", "train.export", "train.__main__"},
    "imuge": {"guard"},
}
RAY_ENGINE = {"batch.ray_engine", "batch.remote", "batch.remote_store"}  # extra [ray]
RAY_ENGINE |= {"batch.parquet", "batch.storage"}
NEED_SERVE = {"fastapi", "starlette", "uvicorn", "python_multipart", "prometheus_client"}
NEED_REGISTRY = {"sqlalchemy", "alembic", "pdqhash", "psycopg"}
NEED_C2PA = {"c2pa"}
NEED_TORCH = {"torch", "onnx", "onnxscript", "safetensors", "tensorboard"}
EXTRA_ROOMS = {"imuge.model", "imuge.train", "imuge.serve"}
UNWANTED = (
    NEED_TORCH | NEED_SERVE | NEED_REGISTRY | NEED_C2PA | EXTRA_ROOMS | {"ray", "pyarrow"}
)  # in the command
MODULES = sorted(SOURCE.rglob("*.py"))


def dotted(path):
    """`imuge.keys.key` as `keys.key`; the package itself as `imuge`."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "imuge"


NAMES = {dotted(path) for path in MODULES}


def imports(path):
    """What a module imports: (name, whether at the top), those of imuge without their `imuge.`."""
    tree = ast.parse(path.read_text())
    lazy = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(outer, ast.If) and ast.unparse(outer.test) == "TYPE_CHECKING")
        for node in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            joined = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [full if is_module(full) else node.module for full in joined]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            yield name, id(node) not in lazy


def is_module(name):
    return name.removeprefix("imuge.") in NAMES and name != "imuge.imuge"


def allows(allowed, name):
    return any(name == room or name.startswith(f"{room}.") for room in allowed)


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_module_imports_only_what_lies_below_it(path):
    own = dotted(path).partition(".")[0]
    for name, at_top in imports(path):
        if name.partition(".")[0] != "imuge":
            may = own in TENSORS or allows(BENCH_WITH_TORCH, dotted(path))
            assert may or name.partition(".")[0] not in NEED_TORCH, name
            top = name.partition(".")[0]
            assert top != "ray" or dotted(path) == "batch.ray_engine", name
            assert top != "pyarrow" or dotted(path) in RAY_ENGINE, name
            assert own == "serve" or top not in NEED_SERVE, name
            assert own == "registry" or top not in NEED_REGISTRY, name
            assert own == "provenance" or top not in NEED_C2PA, name
            continue
        inner = name.removeprefix("imuge.")
        if at_top and dotted(path) not in RAY_ENGINE:
            assert not allows(RAY_ENGINE, inner), f"{dotted(path)} imports {name} at its top"
        allowed = ALLOWED[own] | {own} | (set() if at_top else LAZILY.get(own, set()))
        if allows(BENCH_WITH_TORCH, dotted(path)):
            allowed |= TENSORS
        elif own == "bench" and at_top:
            assert not allows(BENCH_WITH_TORCH, inner), f"{dotted(path)} imports {name} at its top"
        assert allows(allowed, inner), f"{dotted(path)} imports {name}"


def test_every_room_has_its_rule():
    assert {name.partition(".")[0] for name in NAMES} == ALLOWED.keys()


def test_the_command_is_there_without_what_extras_bring():
    script = f"import sys, imuge, imuge.cli\nprint(*(sys.modules.keys() & {UNWANTED!r}))"
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.split() == []
