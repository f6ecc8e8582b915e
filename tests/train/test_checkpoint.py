"""Checkpoints: whole or not at all, and what is said of one that cannot be used."""

import dataclasses
import json

import pytest
import torch

from imuge.errors import ImageError, WeightsError
from imuge.train import checkpoint as checkpoints
from imuge.train.checkpoint import Checkpoint


@pytest.fixture
def made(tiny):
    torch.manual_seed(0)
    tensors = {f"system/{name}": torch.randn(50, 50) for name in "abcdef"}
    return Checkpoint(
        config=tiny.to_table(), step=7, elapsed_s=1.5, choosers=[[3, [1, 2], None]], tensors=tensors
    )


def test_what_is_read_is_what_was_written_in_parts_of_the_size_wanted(made, tmp_path):
    folder = checkpoints.save(made, tmp_path, largest_bytes=25_000)
    parts = list(folder.glob("part-*.safetensors"))
    assert len(parts) == 3
    assert max(part.stat().st_size for part in parts) <= 25_000
    read = checkpoints.load(folder)
    assert (read.step, read.elapsed_s, read.choosers) == (7, 1.5, [[3, [1, 2], None]])
    assert read.config == made.config
    assert read.room("system").keys() == set("abcdef")
    for name, tensor in made.tensors.items():
        assert torch.equal(tensor, read.tensors[name])
    state = json.loads((folder / "state.json").read_text())
    assert state["config"]["seed"] == 0
    assert state["revision"] == checkpoints.revision()
    assert state["torch"] == torch.__version__


def test_the_revision_is_that_of_git():
    assert len(checkpoints.revision().rstrip("+")) == 40


def test_the_last_two_are_kept(made, tmp_path):
    for step in (1, 2, 10):
        checkpoints.save(dataclasses.replace(made, step=step), tmp_path, largest_bytes=10**6)
    assert [p.name for p in checkpoints.find(tmp_path)] == ["step-00000002", "step-00000010"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_leaves_the_last_good_one(made, tmp_path, monkeypatch):
    good = checkpoints.save(made, tmp_path, largest_bytes=25_000)
    written = []

    def full(path, data):
        if len(written) == 2:
            raise ImageError(f"cannot write {path}: the disk is full; nothing was written")
        written.append(path)
        path.write_bytes(data)
        return path

    monkeypatch.setattr(checkpoints, "write_atomically", full)
    with pytest.raises(ImageError, match="the disk is full"):
        checkpoints.save(dataclasses.replace(made, step=8), tmp_path, largest_bytes=25_000)
    assert checkpoints.find(tmp_path) == [good]
    assert [path.name for path in tmp_path.iterdir()] == [good.name]
    assert checkpoints.load(good).step == 7


def test_an_altered_part_is_refused(made, tmp_path):
    folder = checkpoints.save(made, tmp_path, largest_bytes=10**6)
    part = folder / "part-000.safetensors"
    data = bytearray(part.read_bytes())
    data[-1] ^= 1
    part.write_bytes(data)
    with pytest.raises(WeightsError, match=r"part-000.safetensors was altered or cut short"):
        checkpoints.load(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not a checkpoint of imuge"),
        ("{}", "is not a checkpoint of imuge"),
        ('{"format": 99}', "has checkpoint format 99, this is 1"),
    ],
)
def test_what_is_no_checkpoint_is_refused(tmp_path, text, message):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(WeightsError, match=message):
        checkpoints.load(tmp_path)


def test_a_missing_one_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="cannot read the checkpoint"):
        checkpoints.load(tmp_path / "none")


def test_another_architecture_is_named(made, tiny):
    checkpoints.check_architecture(made.config, tiny)
    other = dataclasses.replace(tiny, model=dataclasses.replace(tiny.model, localizer_width=16))
    with pytest.raises(
        WeightsError, match=r"another architecture .*: localizer_width 8 → 16; go on"
    ):
        checkpoints.check_architecture(made.config, other)
