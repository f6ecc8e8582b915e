"""Whole tool: contestants side by side, from photographs to tables, and what cannot be done."""

import json
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from imuge.bench import acceptance, cases, inpainting, references, side_by_side
from imuge.bench.contestants import Finding, Published
from imuge.bench.peers import PEERS
from imuge.bench.pictures import Photograph
from imuge.bench.references_table import to_markdown
from imuge.bench.scores import psnr_db
from imuge.errors import ConfigError, ImageError

PHOTOGRAPHS = "tests/data"
KINDS = ("splice", "protected splice", "copy-move", "blurred fill")
QUIET = Console(quiet=True)


class Oracle:
    """Knows the truth of every picture it published, since it keeps the host as its secret."""

    def __init__(self, name="oracle", *, restores=True, refuses=()):
        self.name = name
        self.restores = restores
        self.refuses = refuses
        self.seeds = []

    def describe(self):
        facts = {"architecture": "oracle", "working_point": "none"}
        return facts | {"parameters": None, "sha256": None}

    def immunize(self, host, *, seed):
        if seed in self.refuses:
            raise ImageError("expected a picture it likes, got another")
        self.seeds.append(seed)
        return Published(host, host)

    def examine(self, received, secret):
        difference = (received.astype(np.float32) - secret).max(2).clip(0, 255) / 255
        return Finding(
            received=received, probability=difference, mask=difference > 0.5, evidence=secret
        )

    def restore(self, finding, mask):
        assert self.restores
        return np.where(mask[..., None], finding.evidence, finding.received)


@pytest.fixture
def command(request, tmp_path):
    """Runs the command on the photographs of the tests, as far as its options let it."""
    data = str(request.config.rootpath / PHOTOGRAPHS)

    def run(*arguments):
        fixed = ["--data", data, "--out", str(tmp_path / "out"), "--side", "256"]
        references.main([*fixed, *arguments])
        return json.loads((tmp_path / "out" / "references.json").read_text())

    return run


@pytest.fixture
def two(photograph, other_photograph):
    return [Photograph("a", "00", photograph), Photograph("b", "11", other_photograph)]


@pytest.fixture
def quick(monkeypatch):
    """One way of processing, and of inpainting."""
    monkeypatch.setattr(side_by_side, "PROCESSES", ("none",))
    monkeypatch.setattr(inpainting, "has_biharmonic", lambda: False)


def test_networks_of_both_architectures_end_to_end(
    command, both_weights, tmp_path, capsys, monkeypatch
):
    processes = ("none", "JPEG 75")
    monkeypatch.setattr(side_by_side, "PROCESSES", processes)
    arguments = [f"{name} 1={path}" for name, path in both_weights.items()]
    result = command("--no-release", "--networks", *arguments)
    for architecture in both_weights:
        row = result["rows"][f"{architecture} 1"]
        assert row.keys() == {
            "immunized",
            *(f"{kind}, {process}" for kind in KINDS for process in processes),
            *(f"untouched, {process}" for process in processes),
        }
        scores = row["splice, JPEG 75"]
        assert scores["pictures"] == 2
        assert 0 <= scores["auc"] <= 1
        assert scores["given_area_db"] > 0
        for fill in ("push_pull", "biharmonic"):
            assert scores[f"{fill}_area_db"] > scores["attacked_area_db"] + 3
        assert row["splice, none"]["attacked_whole_db"] != scores["attacked_whole_db"]
        assert result["contestants"][f"{architecture} 1"]["architecture"] == architecture
    assert set(result["pictures"]) == {"astronaut.webp", "maldives.webp"}
    assert result["command"].endswith(f"'{arguments[0]}' '{arguments[1]}'")
    text = (tmp_path / "out" / "references.md").read_text()
    assert text == to_markdown(result)
    assert text in capsys.readouterr().out
    assert text.count("| imuge_plus 1 |") == 1 + 3 * 8 + 2


def test_the_processing_is_that_of_the_acceptance():
    assert set(side_by_side.PROCESSES) < cases.PROCESSING.keys()


@pytest.mark.usefixtures("quick")
def test_the_same_command_gives_the_same_file(command, both_weights, tmp_path):
    files = []
    for _ in range(2):
        command("--no-release", "--networks", f"tiny={both_weights['imuge']}")
        files.append((tmp_path / "out" / "references.json").read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--networks", "nothing"], "expected --networks NAME=PATH"),
        (["--networks", "=x.safetensors"], "expected --networks NAME=PATH"),
        (["--networks", "a|b=x.safetensors"], "expected --networks NAME=PATH"),
        (["--networks", "a=gone.safetensors"], r"gone\.safetensors: there is no such file"),
        ([], "expected something to measure"),
        (["--pictures", "1"], "expected --pictures 2 or more"),
        (["--data", "/nowhere"], "expected a folder of photographs, got /nowhere"),
        (["--out", "/dev/null/out"], "cannot make the folder /dev/null/out"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(command, capsys, arguments, words):
    with pytest.raises(SystemExit) as stopped:
        command("--no-release", *arguments)
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert re.search(words, said)


def test_without_torch_it_says_what_to_install(command, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "imuge.bench.contestant_networks", None)
    with pytest.raises(SystemExit) as stopped:
        command("--networks", "a=a.safetensors")
    assert stopped.value.code == 1
    assert "is not installed; install imuge[train]" in capsys.readouterr().err


def test_two_contestants_of_one_name_are_refused(command, both_weights, capsys):
    with pytest.raises(SystemExit):
        command("--no-release", "--networks", *[f"a={both_weights['imuge']}"] * 2)
    assert "got a twice" in capsys.readouterr().err


def test_the_masks_are_those_of_the_acceptance():
    for number in (0, 3, 6):
        area = acceptance.AREAS[number % 4]
        expected = cases.blob(area, np.random.default_rng([2, number]))
        np.testing.assert_array_equal(side_by_side.mask_of(number, 512), expected)
        assert side_by_side.mask_of(number, 256).mean() == pytest.approx(area, abs=0.002)


@pytest.mark.usefixtures("quick")
def test_who_knows_everything_recovers_everything(two):
    measured = side_by_side.measure([Oracle()], two, console=QUIET)["oracle"].averages()
    assert measured["immunized"]["psnr_db"] == 100
    row = measured["splice, none"]
    assert row["given_whole_db"] == row["given_area_db"] == 100
    true = side_by_side.mask_of(0, 256)
    attacked = np.where(true[..., None], two[1].pixels, two[0].pixels)
    one = [psnr_db(two[0].pixels, attacked, true)]
    true = side_by_side.mask_of(1, 256)
    attacked = np.where(true[..., None], two[0].pixels, two[1].pixels)
    one.append(psnr_db(two[1].pixels, attacked, true))
    assert row["attacked_area_db"] == pytest.approx(np.mean(one))
    assert measured["untouched, none"] == {"pictures": 2, "false_area": 0, "alarm": 0, "any": 0}


@pytest.mark.usefixtures("quick")
def test_host_and_pasted_picture_have_secrets_of_their_own(two):
    oracle = Oracle()
    side_by_side.measure([oracle], two, console=QUIET)
    assert len(set(oracle.seeds)) == 4


@pytest.mark.usefixtures("quick")
def test_what_a_contestant_cannot_do_is_told(two):
    contestants = [
        Oracle(refuses=[side_by_side.HOST_SEED + 1]),
        Oracle("blind", restores=False),
        Oracle("useless", refuses=[side_by_side.DONOR_SEED, side_by_side.DONOR_SEED + 1]),
    ]
    measured = side_by_side.measure(contestants, two, console=QUIET)
    assert measured["oracle"].cannot == {"b": "expected a picture it likes, got another"}
    assert measured["useless"].averages() == {}
    rows = {name: one.averages() for name, one in measured.items()}
    assert rows["oracle"]["splice, none"]["pictures"] == 1
    assert "given_area_db" not in rows["blind"]["splice, none"]
    text = to_markdown(
        {
            "command": "c",
            "imuge": "0",
            "side": 256,
            "biharmonic": False,
            "pictures": {"a": "00", "b": "11"},
            "contestants": {
                one.name: {**one.describe(), "restores": one.restores} for one in contestants
            },
            "rows": rows,
            "cannot": {name: one.cannot for name, one in measured.items()},
        }
    )
    assert "Biharmonic filling was left out: scikit-image is not installed." in text
    assert "oracle is measured without b: expected a picture it likes, got another." in text
    assert "| useless | oracle | – | none | – | 0 | – | – |" in text
    assert "blind only locates: it restores nothing." in text
    assert "| splice, none | blind | – | – | " in text


@pytest.mark.parametrize("fill", ["push_pull", "biharmonic"])
def test_inpainting_forgets_the_mask_and_changes_nothing_else(photograph, fill):
    mask = side_by_side.mask_of(1, 256)
    filled = inpainting.inpainted(photograph, mask)[fill]
    np.testing.assert_array_equal(filled[~mask], photograph[~mask])
    hole = np.where(mask[..., None], np.uint8(200), np.full_like(photograph, 77))
    filled = inpainting.inpainted(hole, mask)[fill]
    assert psnr_db(filled, np.full_like(photograph, 77), mask) > 40


def test_the_release_is_there_at_both_points_unless_left_out():
    options = SimpleNamespace(no_release=False, networks=[], peers=[], device="cpu")
    names = [one.name for one in references.read_contestants(options)]
    assert names == ["lab.r3", "lab.r3, shipped point"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_the_release_end_to_end(command):
    rows = command()["rows"]
    assert rows["lab.r3"]["immunized"] == rows["lab.r3, shipped point"]["immunized"]
    for row in rows.values():
        for kind in KINDS:
            assert row[f"{kind}, none"]["f1"] > 0.95
        splice = row["splice, none"]
        assert splice["given_area_db"] > splice["push_pull_area_db"] + 3


def test_peers_are_named_or_all_or_refused():
    assert [peer.name for peer in references.read_peers(["self-embedding"])] == ["self-embedding"]
    assert {peer.name for peer in references.read_peers(["all"])} == set(PEERS)
    with pytest.raises(ConfigError, match=r"expected --peers all or some of .*, got magic"):
        references.read_peers(["magic"])
