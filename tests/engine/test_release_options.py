"""Oracle: a release with every option on, in the product and in torch. Its weights are random."""

import json

import numpy as np
import pytest
import torch
from scipy import special

from imuge.engine import Engine
from imuge.engine.canvas import BLOCK, to_canvas
from imuge.errors import WeightsError
from imuge.keys import Message, rotation, template, verify_only
from imuge.keys.template import BEACON_CHANNELS
from imuge.model import transform as torch_grid
from imuge.model.imuge import config as torch_config
from imuge.model.imuge import keying as torch_keying
from imuge.model.imuge import localizer as torch_localizer
from imuge.model.imuge import payload as torch_payload
from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.system import System
from imuge.model.weights_files import save_weights
from imuge.protection.code import code_clues, code_keying, find_code, scatter_code
from imuge.protection.embed import lay_out
from imuge.protection.frame import geometry_of, whole_frame
from imuge.protection.locate import localize, locate
from imuge.protection.receive import receive
from imuge.protection.shaping import template_gain
from imuge.protection.verify import examine
from imuge.protection.warp import filled
from imuge.train.export import export
from imuge.weights import Options, load_release, write_record

CONFIG = ModelConfig(
    coupling_blocks=1,
    coupling_width=4,
    encoder_width=8,
    encoder_blocks=2,
    recoverer_width=8,
    recoverer_blocks=2,
    recoverer_fine_width=4,
    recoverer_fine_blocks=1,
    localizer_width=4,
    localizer_blocks=1,
    keyed_signs=True,
    code_evidence=True,
    template_scales=(1, 1, 1, 1, 2, 4),
)
OPTIONS = Options(keyed_signs=True, code_evidence=True, template_scales=CONFIG.template_scales)
IMAGE_ID = 7
MESSAGE = Message(IMAGE_ID, geometry_of(whole_frame(203, 165, 192)))
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def trained():
    """Networks in which every layer does something, even those that begin as nothing."""
    torch.manual_seed(0)
    system = System(CONFIG)
    for parameter in system.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
        parameter.data = parameter.data.half().float()
    return system.eval()


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("options")
    save_weights(CONFIG, trained.state_dict(), scratch / "parts", largest_bytes=60_000)
    assert len(list((scratch / "parts").iterdir())) > 1
    export(scratch / "parts", scratch / "tiny.options", name="tiny.options", licence="Apache-2.0")
    return scratch / "tiny.options"


@pytest.fixture(scope="module")
def engine(folder):
    return Engine(load_release(folder))


@pytest.fixture(scope="module")
def canvas(photograph):
    """A picture whose last rows and columns of blocks are not whole."""
    return to_canvas(photograph[:165, :203])


def batch(array):
    return torch.from_numpy(np.asarray(array, np.float32))[None]


def keyed(key, canvas):
    """The permutations, their inverses and the signs as torch takes them."""
    permutations, signs = code_keying(OPTIONS, key, IMAGE_ID, canvas.grid, 24)
    order = torch.from_numpy(permutations)[None]
    return order, order.argsort(-1), batch(signs)


@pytest.mark.slow
def test_the_record_tells_the_options(engine):
    assert engine.record.options == OPTIONS
    assert engine.record.config["template_scales"] == CONFIG.template_scales
    assert ModelConfig.parse(engine.record.config) == CONFIG
    plain = load_release().record.options
    assert (plain.keyed_signs, plain.code_evidence) == (False, False)
    assert plain.template_scales == ModelConfig().template_scales


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"), [("keyed_signs", 1), ("template_scales", 3), ("template_scales", [1, 2.5])]
)
def test_a_record_with_malformed_options_is_refused(folder, tmp_path, name, value):
    text = write_record(load_release(folder).record, tmp_path).read_text()
    path = tmp_path / "record.json"
    table = json.loads(text)
    table["config"][name] = value
    path.write_text(json.dumps(table))
    with pytest.raises(WeightsError, match="is not a release record"):
        load_release(tmp_path)


@pytest.mark.slow
def test_a_release_turns_back_into_its_networks(folder, trained):
    again = System.load(folder)
    assert again.config == CONFIG
    for name, tensor in trained.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


@pytest.mark.slow
def test_every_graph_gives_what_torch_gives(engine, trained):
    rng = np.random.default_rng(0)
    height, width = 208, 144
    rows, columns = height // 8, width // 8
    image = rng.random((3, height, width), np.float32)
    payload, codes, clues = (
        rng.normal(size=(count, rows, columns)).astype(np.float32) for count in (30, 26, 48)
    )
    signs = rng.choice([-1, 1], (6, rows, columns)).astype(np.float32)
    mask = (rng.random((1, height, width)) < 0.3).astype(np.float32)
    given = [batch(array) for array in (image, payload, signs, clues)]
    pairs = {
        "encode": (engine.encode(image), trained.encode(given[0])),
        "embed": (
            engine.embed(image, payload, 0.8),
            trained.embed(given[0], given[1], torch.tensor(0.8))[0],
        ),
        "reveal": (engine.reveal(image), trained.reveal(given[0])),
        "localize": (engine.localize(image, payload, signs, clues), trained.localize(*given)),
        "localize blind": (engine.localize(image, payload, signs), trained.localize(*given[:3])),
        "recover": (
            engine.recover(image, mask, codes),
            trained.recover(given[0], batch(mask), batch(codes)),
        ),
    }
    assert np.abs(pairs["localize"][0] - pairs["localize blind"][0]).max() > 0.01
    for name, (ours, expected) in pairs.items():
        np.testing.assert_allclose(ours, expected[0], rtol=0, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("size", [1, 5, 12, 16])
def test_the_rotation_is_the_same_in_torch(size):
    ours, theirs = (
        rotation.mixing_matrix(size),
        torch_payload.mixing_matrix(size, torch.device("cpu")),
    )
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-7)
    assert rotation.SIGN_ROUNDS == torch_keying.SIGN_ROUNDS


def test_the_grid_is_the_same_in_torch():
    """Training runs without the product's libraries, so it has these numbers for itself."""
    assert torch_grid.BLOCK == BLOCK
    assert len(BEACON_CHANNELS) == torch_config.BEACON_CHANNELS


def test_the_code_is_scattered_as_torch_scatters_it(key, canvas):
    permutations, _, signs = keyed(key, canvas)
    code = np.random.default_rng(1).normal(size=(24, *canvas.grid)).astype(np.float32)
    ours = scatter_code(code, *code_keying(OPTIONS, key, IMAGE_ID, canvas.grid, 24))
    expected = torch_payload.scatter_code(batch(code), permutations, signs)
    np.testing.assert_allclose(ours, expected[0], rtol=0, atol=1e-5)
    plain = scatter_code(code, *code_keying(Options(), key, IMAGE_ID, canvas.grid, 24))
    expected = torch_payload.scatter_code(batch(code), permutations)
    np.testing.assert_array_equal(plain, expected[0])


@pytest.mark.slow
def test_what_is_hidden_is_turned_code_and_scaled_template(engine, key, canvas, trained):
    permutations, _, signs = keyed(key, canvas)
    payload = lay_out(OPTIONS, key, MESSAGE, engine.encode(canvas.image))
    code = trained.encode(batch(canvas.image))
    hidden = torch_payload.scatter_code(code, permutations, signs)[0]
    np.testing.assert_allclose(payload[:24], hidden, rtol=0, atol=1e-4)
    expected = template(key, MESSAGE, *canvas.grid, scales=CONFIG.template_scales)
    np.testing.assert_allclose(payload[24:], template_gain(*canvas.grid) * expected)


def test_gathered_code_is_that_of_torch_and_is_erased_in_steps(key, canvas):
    _, inverses, signs = keyed(key, canvas)
    rng = np.random.default_rng(2)
    revealed = rng.normal(scale=2, size=(24, *canvas.grid)).astype(np.float32)
    hidden = find_code(OPTIONS, key, IMAGE_ID, revealed, canvas.inside)
    outside = batch(~canvas.inside[None])
    expected = torch_payload.gather_code(batch(revealed), outside, inverses, signs, descriptions=2)
    np.testing.assert_allclose(hidden.codes, expected[0], rtol=0, atol=1e-5)
    erased = ((rng.random((1, *canvas.grid)) < 0.2) | ~canvas.inside).astype(np.float32)
    expected = torch_payload.gather_code(
        batch(revealed), batch(erased), inverses, signs, descriptions=2
    )
    np.testing.assert_allclose(hidden.without(erased), expected[0], rtol=0, atol=1e-5)


def clues_of(engine, key, canvas, revealed):
    """As `locate` makes them for a full key."""
    hidden = find_code(OPTIONS, key, IMAGE_ID, revealed[:24], canvas.inside)
    return code_clues(hidden.codes, engine.encode(canvas.image))


def beside(channels, canvas):
    """(1, C, h, w), beyond the picture as in the blocks at its side."""
    reflected = filled(np.moveaxis(channels[0].numpy(), 0, -1), canvas.inside)
    return batch(np.moveaxis(reflected, -1, 0))


@pytest.mark.slow
@pytest.mark.parametrize("full", [True, False])
def test_localizing_gives_what_torch_gives(engine, trained, key, canvas, full):
    revealed = engine.reveal(canvas.image)
    expected = template(key, MESSAGE, *canvas.grid, scales=CONFIG.template_scales)
    given = clues_of(engine, key, canvas, revealed) if full else None
    ours = localize(engine, canvas, revealed, expected, given)
    assert ours.shape == (canvas.height, canvas.width)

    image, outside = batch(canvas.image), batch(~canvas.inside[None])
    revealed, signs = trained.reveal(image), batch(expected)
    visible = trained.encode(image)
    _, inverses, code_signs = keyed(key, canvas)
    gathered = torch_payload.home_code(revealed[:, :24], inverses, code_signs)
    unpublished = torch_payload.erase_code(
        torch.ones_like(visible), outside, inverses, descriptions=2
    )
    flags = unpublished[:, [12, 25]].repeat_interleave(12, 1)
    assert 0.8 < flags.mean() < 0.99
    gathered = torch.where(flags > 0, gathered, visible)
    revealed[:, 24:] = beside(revealed[:, 24:] * signs, canvas) * signs
    clues = beside(torch_localizer.code_clues(gathered, visible), canvas) if full else None
    logits = trained.localize(image, revealed, signs, clues)[0, 0, : canvas.height, : canvas.width]
    np.testing.assert_allclose(special.logit(ours), logits, rtol=0, atol=1e-3)


@pytest.mark.slow
def test_clues_change_what_is_found(engine, key, canvas):
    revealed = engine.reveal(canvas.image)
    expected = template(key, MESSAGE, *canvas.grid, scales=CONFIG.template_scales)
    clues = clues_of(engine, key, canvas, revealed)
    seeing = localize(engine, canvas, revealed, expected, clues)
    blind = localize(engine, canvas, revealed, expected)
    assert np.abs(special.logit(seeing) - special.logit(blind)).max() > 0.01


@pytest.mark.slow
def test_locating_looks_at_the_clues(engine, key, canvas):
    revealed = engine.reveal(canvas.image)
    signs = template(key, MESSAGE, *canvas.grid, scales=CONFIG.template_scales)
    seeing = localize(engine, canvas, revealed, signs, clues_of(engine, key, canvas, revealed))
    located = locate(engine, canvas, revealed, key, MESSAGE)
    np.testing.assert_array_equal(located.probability, seeing)


@pytest.mark.slow
@pytest.mark.parametrize("full", [True, False])
def test_verifying_works_with_either_kind_of_key(engine, key, photograph, full, monkeypatch):
    """The random networks reveal nothing, so the payload is put in their mouth."""
    code = np.random.default_rng(3).normal(size=(24, 20, 24)).astype(np.float32)
    payload = lay_out(OPTIONS, key, MESSAGE, code)

    def reveal(image):
        rows, columns = (side // 8 for side in image.shape[1:])
        right = (rows, columns) == payload.shape[1:]
        return payload if right else np.zeros((30, rows, columns), np.float32)

    monkeypatch.setattr(engine, "reveal", reveal)
    encoded = []
    monkeypatch.setattr(engine, "encode", lambda image: encoded.append(image) or code)
    reader = key if full else verify_only(key)
    received = receive(engine, photograph[:165, :203], [reader])
    assert received.key == reader
    assert received.reading.message == MESSAGE
    evidence = examine(engine, received)
    assert evidence.layout_p < 1e-100  # the scales are those the template was made with
    assert evidence.located.clarity == 1.0
    assert (evidence.located.content is not None) == full
    assert len(encoded) == full
