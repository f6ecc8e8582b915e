"""docs/how-it-works.md names things that exist, and shows pictures that its script makes."""

import ast
import importlib
import re
import sys
import tomllib
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "how-it-works.md").read_text()

sys.path.append(str(ROOT / "scripts"))
script = importlib.import_module("how_it_works_pictures")
strips = importlib.import_module("how_it_works_strips")


def tables():
    """Every table as (header, rows), cells stripped."""
    for block in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        lines = [[c.strip() for c in line.strip("|\n").split("|")] for line in block.splitlines()]
        yield lines[0], lines[2:]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def names_in(path):
    """All names in a module: as they stand, and members as Class.member."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef() | ast.FunctionDef():
                found.add(node.name)
            case ast.Name():
                found.add(node.id)
            case ast.arg():
                found.add(node.arg)
    for owner in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for node in ast.walk(owner):
            match node:
                case ast.FunctionDef():
                    found.add(f"{owner.name}.{node.name}")
                case ast.AnnAssign(target=ast.Name(id=name)):
                    found.add(f"{owner.name}.{name}")
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    found.add(f"{owner.name}.{name}")
    return found


def wanted(expression):
    """The names in a cell's expression: `revealed[-N:]` wants `revealed` and `N`."""
    tree = ast.parse(expression, mode="eval").body
    if isinstance(tree, ast.Attribute):
        return {expression}
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_every_name_in_the_tables_is_in_the_code():
    rows = 0
    for header, body in tables():
        if header[-1] != "where":
            continue
        for row in body:
            paths = [ROOT / "src" / "imuge" / name for name in quoted(row[-1])]
            named = set().union(*(wanted(e) for cell in row[1:-1] for e in quoted(cell)))
            assert paths, row
            assert named, row
            present = [names_in(path) for path in paths]
            assert named <= set().union(*present), row
            assert all(named & names for names in present), f"a file without a name: {row}"
            rows += 1
    assert rows >= 40


def test_every_picture_shown_is_made_by_the_script_and_is_there():
    shown = re.findall(r"!\[[^\]]+\]\(images/([^)]+)\)", PAGE)
    assert sorted(shown) == sorted(script.PICTURES)
    assert all((ROOT / "docs" / "images" / name).is_file() for name in shown)
    assert "python scripts/how_it_works_pictures.py" in PAGE


def test_the_page_lists_the_parts_that_can_be_taken_away():
    (rows,) = (body for header, body in tables() if header[0] == "taken away")
    variants = tomllib.loads((ROOT / "configs" / "variants" / "ablations.toml").read_text())
    named = {quoted(row[1])[0] for row in rows}
    assert named == variants.keys() - {"base"} - {"imuge_plus", "imuge_plus_small"}
    prose = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
    assert variants.keys() - {"base"} <= set(quoted(prose))


def test_files_named_on_the_page_are_there():
    paths = set(re.findall(r"(?:configs|tests|scripts|src)/[\w/.]*\w\.(?:toml|py)", PAGE))
    assert len(paths) >= 5
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_haar_patterns_are_drawn_in_the_order_of_their_sign_changes():
    each = script.torch.eye(64)[..., None, None]
    tiles = script.haar_up(script.haar_up(script.haar_up(each)))[:, 0].numpy()
    for row, column in np.ndindex(8, 8):
        tile = np.sign(tiles[script._walsh(row, column)])
        assert (np.diff(tile, axis=0) != 0).sum(0).tolist() == [row] * 8
        assert (np.diff(tile, axis=1) != 0).sum(1).tolist() == [column] * 8
