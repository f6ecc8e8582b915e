"""Oracle: Canny's edges as scikit-image finds them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2gray
from skimage.feature import canny
from torch._subclasses.fake_tensor import FakeTensorMode

from imuge.model.imuge_plus.edges import edge_map

DATA = Path(__file__).parents[1] / "data"


def read(name):
    return np.asarray(Image.open(DATA / name).convert("RGB"))[:384, :512] / np.float32(255)


@pytest.fixture(scope="module")
def photographs():
    return torch.from_numpy(np.stack([read("astronaut.webp"), read("maldives.webp")[:384, :512]]))


def test_edges_are_those_of_scikit_image(photographs):
    found = edge_map(photographs.permute(0, 3, 1, 2))
    assert found.dtype == torch.float32
    assert set(found.unique().tolist()) == {0, 1}
    for ours, picture in zip(found[:, 0].numpy() > 0, photographs.numpy(), strict=True):
        theirs = canny(rgb2gray(picture), sigma=2)
        assert 0.01 < theirs.mean() < 0.2
        f1 = 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum())
        assert f1 > 0.999


def test_a_weak_edge_counts_only_where_a_strong_one_leads_to_it():
    weak = torch.full((160,), 0.1)  # Sobel's gradient is some 1.5 of a step
    assert not edge_map(horizon(weak)).any()
    weak[:32] = torch.linspace(0.2, 0.1, 32)
    found = edge_map(horizon(weak))[0, 0]
    # Followed for 64 pixels, and no further. Two rows lie equally high: processors that round
    # differently keep one of them, or both.
    assert ((found[:, 1:75].sum(0) >= 1) & (found[:, 1:75].sum(0) <= 2)).all()
    assert not found[:, 100:].any()


def horizon(heights):
    """Black above, grey below, each column as light as told."""
    picture = torch.zeros(1, 3, 64, len(heights))
    picture[..., 32:, :] = heights
    return picture


def test_it_waits_for_nothing_and_stays_in_full_precision(photographs):
    picture = photographs[:1].permute(0, 3, 1, 2)[..., :96, :96]
    edges = edge_map(picture)  # makes the constants
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(edge_map(picture), edges)
    # A shape or a loop that depends on the numbers would be refused.
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        assert edge_map(mode.from_tensor(picture)).shape == edges.shape
