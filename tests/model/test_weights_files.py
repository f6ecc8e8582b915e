"""Contract: weights are written whole, in parts that fit, and read back strictly or refused."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from imuge.errors import WeightsError
from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.system import System
from imuge.model.weights_files import read_weights_files, save_weights

SIZES = {
    "coupling_blocks": 1,
    "coupling_width": 4,
    "encoder_width": 4,
    "encoder_blocks": 1,
    "recoverer_width": 8,
    "recoverer_blocks": 1,
    "recoverer_fine_width": 4,
    "recoverer_fine_blocks": 1,
    "localizer_width": 4,
    "localizer_blocks": 1,
}
TINY = ModelConfig(**SIZES)
PART_BYTES = 40_000


@pytest.fixture
def tiny():
    torch.manual_seed(0)
    system = System(TINY)
    for parameter in system.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return system


@pytest.fixture
def folder(tiny, tmp_path):
    path = tmp_path / "tiny"
    save_weights(TINY, tiny.state_dict(), path, largest_bytes=PART_BYTES)
    return path


def same(found, expected, *, rounded):
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == torch.float32
        assert torch.equal(found[name], tensor.half().float() if rounded else tensor), name


def test_a_folder_of_parts_comes_back(tiny, folder):
    parts = sorted(folder.iterdir())
    assert len(parts) > 2
    assert parts[0].name == f"part-01-of-{len(parts):02d}.safetensors"
    assert all(part.stat().st_size <= PART_BYTES for part in parts)
    config, tensors = read_weights_files(folder)
    assert config == TINY
    same(tensors, tiny.state_dict(), rounded=True)
    assert System.load(folder).config == TINY


@pytest.mark.parametrize("full_precision", [False, True])
def test_one_file_comes_back(tiny, tmp_path, full_precision):
    path = tmp_path / "tiny.safetensors"
    written = save_weights(TINY, tiny.state_dict(), path, full_precision=full_precision)
    assert written == (path,)
    same(read_weights_files(path)[1], tiny.state_dict(), rounded=not full_precision)


def test_what_was_there_is_replaced_whole(tiny, folder):
    before = len(list(folder.iterdir()))
    written = save_weights(TINY, tiny.state_dict(), folder)
    assert len(written) == 1 < before
    assert sorted(folder.iterdir()) == list(written)
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_a_folder_of_other_things_is_left_alone(tiny, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(WeightsError, match="no folder of weights"):
        save_weights(TINY, tiny.state_dict(), tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_numbers_that_halves_cannot_hold_are_refused(tiny, tmp_path):
    tensors = tiny.state_dict() | {"inn.gain": torch.full((1, 192, 1, 1), 1e6)}
    with pytest.raises(WeightsError, match=r"inn\.gain holds numbers"):
        save_weights(TINY, tensors, tmp_path / "tiny")
    assert not list(tmp_path.iterdir())


def test_a_tensor_larger_than_a_part_is_refused(tiny, tmp_path):
    with pytest.raises(WeightsError, match="too many for one part"):
        save_weights(TINY, tiny.state_dict(), tmp_path / "tiny", largest_bytes=5000)
    assert not list(tmp_path.iterdir())


def test_a_missing_part_is_refused(folder):
    max(folder.iterdir()).unlink()
    with pytest.raises(WeightsError, match="Missing key"):
        System.load(folder)


def test_parts_of_unlike_networks_are_refused(folder):
    part = max(folder.iterdir())
    save_file(load_file(part), part, metadata={"config": ModelConfig().to_json()})
    with pytest.raises(WeightsError, match="of another network"):
        System.load(folder)


def test_a_tensor_in_two_parts_is_refused(folder):
    part = max(folder.iterdir())
    tensors = load_file(part) | {"inn.gain": torch.ones(1, 192, 1, 1)}
    save_file(tensors, part, metadata={"config": TINY.to_json()})
    with pytest.raises(WeightsError, match=r"inn\.gain, which another part"):
        System.load(folder)


def test_a_part_without_config_is_refused(folder):
    part = max(folder.iterdir())
    save_file(load_file(part), part)
    with pytest.raises(WeightsError, match="carries no config"):
        System.load(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"keyed_signs": 3}', '{"unheard_of": 3}'])
def test_a_config_that_is_none_is_refused(tiny, tmp_path, text):
    path = tmp_path / "tiny.safetensors"
    save_file(tiny.state_dict(), path, metadata={"config": text})
    with pytest.raises(WeightsError, match="describes no network"):
        System.load(path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="holds no"):
        System.load(tmp_path)


def test_larger_networks_start_from_smaller_ones(tiny, folder):
    larger = System(ModelConfig(**SIZES | {"recoverer_blocks": 2, "code_evidence": True}))
    added = larger.start_from(folder)
    assert set(added) == {
        "localizer.code_stem.weight",
        "localizer.code_stem.bias",
        "recoverer.body.1.conv1.weight",
        "recoverer.body.1.conv1.bias",
        "recoverer.body.1.conv2.weight",
        "recoverer.body.1.conv2.bias",
    }
    taken = {name: t for name, t in larger.state_dict().items() if name not in added}
    same(taken, tiny.state_dict(), rounded=True)
    assert System(TINY).start_from(folder) == ()


def test_networks_of_another_width_do_not_start(folder):
    wider = System(ModelConfig(**SIZES | {"encoder_width": 6, "code_evidence": True}))
    before = wider.inn.gain.clone()
    message = r"payload_encoder\.\S+ is \(4.* there and \(6.*encoder_width = 4 there, 6 here"
    with pytest.raises(WeightsError, match=message) as refused:
        wider.start_from(folder)
    assert "code_evidence = False there, True here" in str(refused.value)
    assert str(refused.value).count(" there and ") == 3
    assert torch.equal(wider.inn.gain, before)


def test_smaller_networks_do_not_start_from_larger_ones(tmp_path):
    larger = ModelConfig(**SIZES | {"localizer_blocks": 2})
    save_weights(larger, System(larger).state_dict(), tmp_path / "larger")
    with pytest.raises(WeightsError, match=r"localizer\.down16_blocks\.1\S+ is unknown here"):
        System(TINY).start_from(tmp_path / "larger")


def test_a_part_that_does_not_begin_as_nothing_must_be_there(tiny, tmp_path):
    tensors = tiny.state_dict()
    del tensors["localizer.head.weight"], tensors["recoverer.body.0.conv1.bias"]
    save_file(tensors, tmp_path / "x.safetensors", metadata={"config": TINY.to_json()})
    with pytest.raises(WeightsError, match=r"head\.weight is missing; .*conv1\.bias is missing"):
        System(TINY).start_from(tmp_path / "x.safetensors")
