"""Each peer finds what it is made for, and keeps the contract of a contestant."""

import multiprocessing
import sys

import numpy as np
import pytest
from PIL import Image

from imuge.attacks.masks import draw_mask
from imuge.attacks.resave import Step, resave
from imuge.bench.inpainting import biharmonic_fill, smooth_fill
from imuge.bench.peers import PEERS
from imuge.bench.peers.copied_keypoints import _moves, copied_keypoints
from imuge.bench.peers.error_levels import error_levels
from imuge.bench.peers.inpainting import Inpainting
from imuge.bench.peers.jpeg_ghosts import jpeg_ghosts
from imuge.bench.peers.noise_residual import noise_residual
from imuge.bench.peers.optional import imported
from imuge.bench.peers.self_embedding import CHECK_BITS, SelfEmbedding
from imuge.bench.peers.thumbnails import blocks_of, drawn, filled, from_bits, shrunk, to_bits
from imuge.bench.scores import f1, psnr_db
from imuge.errors import ConfigError, ImageError, ImugeError


@pytest.fixture(scope="module")
def square():
    """The true mask of every forgery here: a quarter of the picture, off the JPEG grid of 16."""
    mask = np.zeros((256, 256), bool)
    mask[72:200, 56:184] = True
    return mask


@pytest.fixture(scope="module")
def whole_photograph(request):
    """(512, 512, 3), the bundled photograph uncut."""
    with Image.open(request.config.rootpath / "tests/data/astronaut.webp") as image:
        return np.asarray(image.convert("RGB"))[:512, :512].copy()


@pytest.mark.parametrize("name", PEERS)
def test_peers_keep_the_contract(name, photograph):
    peer = PEERS[name]()
    host = photograph[:141, :130]
    published = peer.immunize(host, seed=1)
    assert published.pixels.shape == host.shape
    assert published.pixels.dtype == np.uint8
    np.testing.assert_array_equal(peer.immunize(host, seed=1).pixels, published.pixels)
    received = published.pixels.copy()
    received[-40:, -50:] = 200
    finding = peer.examine(received, published.secret)
    assert finding.received is received
    assert finding.probability.dtype == np.float32
    assert finding.mask.dtype == bool
    assert finding.probability.shape == finding.mask.shape == host.shape[:2]
    assert 0 <= finding.probability.min() <= finding.probability.max() <= 1
    again = peer.examine(received, published.secret)
    np.testing.assert_array_equal(again.probability, finding.probability)
    np.testing.assert_array_equal(again.mask, finding.mask)
    assert {"architecture", "parameters", "sha256", "working_point"} <= peer.describe().keys()
    assert peer.name == name


@pytest.mark.parametrize("name", ["inpainting", "self-embedding"])
def test_restoring_leaves_the_rest_alone(name, photograph):
    peer = PEERS[name]()
    published = peer.immunize(photograph[:141, :130], seed=1)
    received = published.pixels.copy()
    received[-40:, -50:] = 200
    finding = peer.examine(received, published.secret)
    true = np.zeros((141, 130), bool)
    true[-40:, -50:] = True
    for mask in (true, ~true, finding.mask, np.zeros_like(true)):
        restored = peer.restore(finding, mask)
        assert restored.shape == received.shape
        assert restored.dtype == np.uint8
        np.testing.assert_array_equal(restored[~mask], received[~mask])
    assert (peer.restore(finding, true)[true] != received[true]).mean() > 0.9


@pytest.mark.parametrize("name", [name for name in PEERS if not PEERS[name]().restores])
def test_passive_peers_embed_nothing_and_refuse_to_restore(name, photograph, square):
    peer = PEERS[name]()
    published = peer.immunize(photograph, seed=1)
    assert published.pixels is photograph
    finding = peer.examine(photograph, published.secret)
    assert finding.mask.mean() < 0.15
    with pytest.raises(ImugeError, match=f"{name} only locates"):
        peer.restore(finding, square)


def test_error_levels_rise_where_a_picture_was_saved_less_often(photograph, square):
    saved = resave(photograph, [Step("jpeg", 60)])
    finer = resave(photograph, [Step("sharpen", 2)])
    evidence = error_levels(np.where(square[..., None], finer, saved))
    assert evidence[square].mean() > 0.8
    assert evidence[~square].mean() < 0.5


def test_ghosts_show_a_lower_quality_before(photograph, other_photograph, square):
    worse = resave(other_photograph, [Step("jpeg", 50)])
    forged = resave(np.where(square[..., None], worse, photograph), [Step("jpeg", 95)])
    peer = PEERS["JPEG ghosts"]()
    assert f1(peer.examine(forged, None).mask, square) > 0.7
    assert jpeg_ghosts(forged)[~square].mean() < 0.3


def test_noise_that_does_not_fit_is_found(square):
    rng = np.random.default_rng(0)
    sigma = np.where(square, 12.0, 3.0)[..., None]
    forged = (128 + sigma * rng.standard_normal((256, 256, 3))).round().clip(0, 255)
    evidence = noise_residual(forged.astype(np.uint8))
    assert evidence[square].mean() > 0.5
    assert evidence[~square].mean() < 0.3


def test_noise_needs_a_whole_block():
    with pytest.raises(ImageError, match="at least 32x32 pixels, got 40x31"):
        noise_residual(np.zeros((31, 40, 3), np.uint8))


@pytest.mark.slow
def test_a_copied_patch_is_found_and_so_is_where_it_came_from(whole_photograph):
    forged = whole_photograph.copy()
    patch = np.zeros((512, 512), bool)
    patch[40:180, 330:480] = True
    source = np.roll(patch, (250, -270), (0, 1))
    forged[patch] = forged[source]
    for received in (forged, resave(forged, [Step("jpeg", 75)])):
        mask = PEERS["copied keypoints"]().examine(received, None).mask
        assert f1(mask, patch | source) > 0.9
    assert not copied_keypoints(whole_photograph).any()


def test_a_picture_without_keypoints_holds_no_copies():
    assert not copied_keypoints(np.full((64, 64, 3), 90, np.uint8)).any()


def test_inpainting_fills_as_the_tables_do(photograph, square):
    finding = Inpainting().examine(photograph, None)
    assert not finding.probability.any()
    assert not finding.mask.any()
    small = square & (np.arange(256) < 80)
    restored = Inpainting().restore(finding, small)
    np.testing.assert_array_equal(restored, biharmonic_fill(photograph, small))


def test_inpainting_needs_something_to_fill_from(photograph):
    finding = Inpainting().examine(photograph, None)
    with pytest.raises(ImageError, match="outside the mask"):
        Inpainting().restore(finding, np.ones((256, 256), bool))


def test_a_missing_package_is_named(photograph, square, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    with pytest.raises(ConfigError, match="pip install scikit-image"):
        copied_keypoints(photograph)
    monkeypatch.setitem(sys.modules, "skimage.restoration", None)
    with pytest.raises(ConfigError, match="pip install scikit-image"):
        Inpainting().restore(Inpainting().examine(photograph, None), square)


@pytest.fixture(scope="module")
def embedded(whole_photograph):
    return SelfEmbedding().immunize(whole_photograph, seed=7)


def test_self_embedding_changes_as_little_as_it_says(whole_photograph, embedded, other_photograph):
    assert 38 < psnr_db(whole_photograph, embedded.pixels) < 40
    small = SelfEmbedding().immunize(other_photograph, seed=1)
    assert 38 < psnr_db(other_photograph, small.pixels) < 40


def test_self_embedding_is_quiet_on_what_it_published(embedded):
    peer = SelfEmbedding()
    assert peer.examine(embedded.pixels, embedded.secret).evidence.intact.all()
    saved = resave(embedded.pixels, [Step("jpeg", 90)])
    assert peer.examine(saved, embedded.secret).mask.mean() < 0.03


def test_self_embedding_doubts_every_block_under_another_seed(embedded):
    intact = SelfEmbedding().examine(embedded.pixels, embedded.secret + 1).evidence.intact
    assert intact.mean() < 8 / 2**CHECK_BITS


def test_self_embedding_sees_whole_blocks_that_were_moved(embedded):
    moved = np.roll(embedded.pixels, (64, 32), (0, 1))
    intact = SelfEmbedding().examine(moved, embedded.secret).evidence.intact
    assert intact.mean() < 8 / 2**CHECK_BITS


def test_where_no_matches_agree_there_is_no_move():
    rng = np.random.default_rng(0)
    assert not list(_moves(rng.uniform(0, 500, (40, 2)), rng.uniform(0, 500, (40, 2))))
    collapsed = np.full((40, 2), 250) + rng.uniform(0, 0.1, (40, 2))
    assert not list(_moves(rng.uniform(0, 500, (40, 2)), collapsed))


@pytest.mark.slow
@pytest.mark.parametrize("quality", [None, 90])
def test_self_embedding_recovers_more_than_inpainting(whole_photograph, embedded, quality):
    true = draw_mask("blob", 512, 512, 0.2, np.random.default_rng(3))
    received = embedded.pixels.copy()
    received[true] = whole_photograph[::-1, ::-1][true]
    if quality:
        received = resave(received, [Step("jpeg", quality)])
    peer = SelfEmbedding()
    finding = peer.examine(received, embedded.secret)
    assert f1(finding.mask, true) > 0.85
    reached = psnr_db(whole_photograph, peer.restore(finding, true), true)
    for fill in (smooth_fill, biharmonic_fill):
        assert reached > psnr_db(whole_photograph, fill(received, true), true) + 2


def test_self_embedding_needs_sixteen_blocks():
    with pytest.raises(ImageError, match="at least 64x64 pixels, got 100x63"):
        SelfEmbedding().immunize(np.zeros((63, 100, 3), np.uint8), seed=0)


def test_carriers_inside_the_mask_are_not_believed(embedded):
    peer = SelfEmbedding()
    finding = peer.examine(embedded.pixels, embedded.secret)
    restored = peer.restore(finding, np.ones((512, 512), bool))
    own = shrunk(blocks_of(embedded.pixels)).reshape(32, 32, -1)
    np.testing.assert_array_equal(restored, drawn(own))


def test_thumbnails_survive_their_bits(photograph):
    thumbnails = shrunk(blocks_of(photograph))
    error = np.abs(from_bits(to_bits(thumbnails)) - thumbnails)
    assert error[:, 0].max() <= 2
    assert np.quantile(error[:, 3:], 0.99) <= 7


def test_a_drawn_thumbnail_shrinks_to_itself():
    thumbnails = np.array([[[120.0, 20, -12, 10, -14], [90, -4, 4, 0, 28]]])
    again = shrunk(blocks_of(drawn(thumbnails)))
    np.testing.assert_allclose(again, thumbnails[0], atol=0.3)


def test_missing_thumbnails_come_from_around_them():
    thumbnails = np.full((5, 6, 5), 40.0)
    thumbnails[2, 3] = 250
    known = np.ones((5, 6), bool)
    known[2, 3] = False
    np.testing.assert_allclose(filled(thumbnails, known), 40)


def test_a_package_cannot_choose_how_processes_are_started(tmp_path, monkeypatch):
    (tmp_path / "chooses.py").write_text(
        "import multiprocessing\nmultiprocessing.set_start_method('fork')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    before = multiprocessing.get_start_method(allow_none=True)
    assert imported("chooses", package="chooses").__name__ == "chooses"
    assert multiprocessing.get_start_method(allow_none=True) == before
