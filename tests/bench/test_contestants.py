"""Contract: whatever is measured protects, examines and restores in the same way."""

import hashlib

import numpy as np
import pytest
from scipy import ndimage

from imuge.bench.contestant_networks import NetworksContestant
from imuge.bench.contestants import ReleaseContestant
from imuge.bench.pictures import mask_at, picture_at
from imuge.bench.scores import f1, psnr_db
from imuge.errors import ConfigError, ImageError, ProtectionError, WeightsError
from imuge.model.weights_files import read_weights_files, save_weights
from imuge.weights import release_folder

SEAM = 16  # pixels around a mask in which a reconstruction passes into the picture


@pytest.fixture(scope="module")
def release(guard, key):
    return ReleaseContestant(guard.engine, key, shipped=False)


@pytest.fixture
def networks(tiny_weights):
    return NetworksContestant(tiny_weights.stem, tiny_weights)


@pytest.fixture(scope="module")
def forged(release, photograph, other_photograph):
    """A large and a tiny splice into what the release published, the true mask, and the secret."""
    published = release.immunize(photograph, seed=4)
    true = np.zeros((256, 256), bool)
    true[60:150, 80:190] = True
    true[200:208, 20:28] = True
    return np.where(true[..., None], other_photograph, published.pixels), true, published.secret


def check_contract(contestant, host):
    """Shapes, ranges, repeatability, and that restoring leaves the rest alone."""
    published = contestant.immunize(host, seed=1)
    assert published.pixels.shape == host.shape
    assert published.pixels.dtype == np.uint8
    np.testing.assert_array_equal(contestant.immunize(host, seed=1).pixels, published.pixels)
    received = published.pixels.copy()
    received[-40:, -50:] = 200
    finding = contestant.examine(received, published.secret)
    assert finding.received is received
    assert finding.probability.dtype == np.float32
    assert finding.mask.dtype == bool
    assert finding.probability.shape == finding.mask.shape == host.shape[:2]
    assert 0 <= finding.probability.min() <= finding.probability.max() <= 1
    true = np.zeros(host.shape[:2], bool)
    true[-40:, -50:] = True
    for mask in (true, finding.mask, np.zeros_like(true), np.ones_like(true)):
        restored = contestant.restore(finding, mask)
        assert restored.shape == host.shape
        assert restored.dtype == np.uint8
        away = ~ndimage.binary_dilation(mask, iterations=SEAM)
        np.testing.assert_array_equal(restored[away], received[away])
    assert (contestant.restore(finding, true)[true] != received[true]).any()
    facts = contestant.describe()
    assert {"architecture", "parameters", "sha256", "working_point"} <= facts.keys()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(128, 160), (141, 130)])
def test_networks_keep_the_contract_at_any_size(networks, photograph, size):
    check_contract(networks, photograph[: size[0], : size[1]])


@pytest.mark.slow
def test_the_release_keeps_the_contract_at_an_odd_size(release, photograph):
    check_contract(release, photograph[:141, :130])


def test_networks_say_what_they_are(networks, tiny_weights):
    facts = networks.describe()
    assert facts["architecture"] == networks.name
    assert facts["parameters"] > 1000
    assert facts["sha256"] == hashlib.sha256(tiny_weights.read_bytes()).hexdigest()


def test_parts_and_releases_have_one_hash(guard, tiny_weights, tmp_path):
    release = NetworksContestant("release", release_folder())
    assert release.describe()["sha256"] == guard.engine.sha256
    config, tensors = read_weights_files(tiny_weights)
    parts = save_weights(config, tensors, tmp_path / "parts", largest_bytes=200_000)
    hashes = [hashlib.sha256(part.read_bytes()).hexdigest() for part in parts]
    expected = hashlib.sha256("".join(hashes).encode()).hexdigest()
    assert NetworksContestant("parts", tmp_path / "parts").describe()["sha256"] == expected


def test_networks_draw_their_secret_from_the_seed_alone(tiny_weights, photograph):
    import torch

    networks = NetworksContestant("one", tiny_weights)
    state = torch.get_rng_state()
    secrets = [networks.immunize(photograph, seed=seed).secret for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), state)
    if tiny_weights.stem == "imuge":
        assert torch.equal(secrets[0][0].template, secrets[1][0].template)
        assert not torch.equal(secrets[0][0].template, secrets[2][0].template)
    else:
        assert secrets == [(None, (256, 256))] * 3


def test_networks_refuse_a_tiny_picture(networks):
    with pytest.raises(ImageError, match="at least 32x32 pixels, got 40x31"):
        networks.immunize(np.zeros((31, 40, 3), np.uint8), seed=0)


def test_missing_weights_and_devices_are_named(tmp_path, tiny_weights):
    import torch

    with pytest.raises(WeightsError, match=r"none\.safetensors: there is no such file"):
        NetworksContestant("none", tmp_path / "none.safetensors")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="expected a CUDA device"):
            NetworksContestant("one", tiny_weights, device="cuda")


@pytest.mark.slow
def test_the_release_publishes_what_guard_does(guard, release, photograph, monkeypatch):
    published = release.immunize(photograph, seed=4)
    monkeypatch.setattr("imuge.guard.new_image_id", lambda: published.secret.image_id)
    made = guard.immunize(photograph)
    np.testing.assert_array_equal(published.pixels, made.image)
    assert int(made.image_id, 16) == published.secret.image_id


@pytest.mark.slow
def test_the_release_finds_and_recovers_what_guard_does(guard, key, release, forged):
    received, _, secret = forged
    contestant = ReleaseContestant(guard.engine, key, shipped=True)
    finding = contestant.examine(received, secret)
    verdict = guard.verify(received)
    assert finding.verdict == verdict.verdict == "tampered"
    assert finding.identified
    np.testing.assert_array_equal(finding.mask, verdict.mask)
    np.testing.assert_array_equal(contestant.restore(finding, finding.mask), verdict.recovered)
    plain = release.examine(received, secret)
    assert plain.mask.sum() >= finding.mask.sum()
    np.testing.assert_allclose(plain.probability, finding.probability, atol=1e-6)


@pytest.mark.slow
def test_a_scaled_copy_is_scored_at_the_published_size(guard, key, photograph, other_photograph):
    contestant = ReleaseContestant(guard.engine, key, shipped=True)
    published = contestant.immunize(photograph, seed=4)
    true = np.zeros((256, 256), bool)
    true[60:160, 80:190] = True
    spliced = np.where(true[..., None], other_photograph, published.pixels)
    received = picture_at(spliced, (220, 220))
    finding = contestant.examine(received, published.secret)
    assert finding.mask.shape == (220, 220)
    seen = finding.at_size((256, 256))
    assert seen.mask.shape == seen.probability.shape == seen.received.shape[:2] == (256, 256)
    assert f1(seen.mask, true) > 0.9
    restored = contestant.restore(finding, mask_at(true, (220, 220)))
    before, after = (
        psnr_db(photograph, picture_at(p, (256, 256)), true) for p in (received, restored)
    )
    assert after > before + 5


def test_the_same_weights_in_torch_find_and_restore_without_a_frame(forged, photograph):
    networks = NetworksContestant("torch", release_folder())
    published = networks.immunize(photograph, seed=4)
    received, true, _ = forged
    spliced = np.where(true[..., None], received, published.pixels)
    finding = networks.examine(spliced, published.secret)
    assert f1(finding.mask, true) > 0.97
    restored = networks.restore(finding, true)
    assert psnr_db(photograph, restored, true) > psnr_db(photograph, received, true) + 10


def test_the_release_says_what_it_cannot_protect(release):
    with pytest.raises(ImageError, match="128"):
        release.immunize(np.zeros((100, 300, 3), np.uint8), seed=0)
    noise = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (128, 128, 3))
    with pytest.raises(ProtectionError, match="could not be read back"):
        release.immunize(noise, seed=0)
