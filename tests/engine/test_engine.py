"""Contract: one run a graph, on the grid, and a word on each as it begins and ends."""

import numpy as np
import pytest

from imuge.engine import Engine
from imuge.errors import ImageError
from imuge.weights import GRAPHS


def run_all(engine, height, width):
    """Every graph once, on pictures and payloads drawn at random."""
    rng = np.random.default_rng(1)
    grid = (height // 8, width // 8)
    image = rng.random((3, height, width), np.float32)
    payload = rng.normal(size=(30, *grid)).astype(np.float32)
    template = rng.choice([-1, 1], (6, *grid)).astype(np.float32)
    mask = (rng.random((1, height, width)) < 0.3).astype(np.float32)
    codes = rng.normal(size=(26, *grid)).astype(np.float32)
    return {
        "encode": engine.encode(image),
        "embed": engine.embed(image, payload, 1.0),
        "reveal": engine.reveal(image),
        "localize": engine.localize(image, payload, template),
        "recover": engine.recover(image, mask, codes),
    }


def test_every_graph_tells_when_it_begins_and_ends():
    told = []
    run_all(Engine(threads=1, progress=lambda name, share: told.append((name, share))), 128, 144)
    assert told == [(name, share) for name in GRAPHS for share in (0.0, 1.0)]


def test_every_graph_gives_the_size_it_should():
    shapes = {name: made.shape for name, made in run_all(Engine(threads=1), 144, 128).items()}
    assert shapes == {
        "encode": (24, 18, 16),
        "embed": (3, 144, 128),
        "reveal": (30, 18, 16),
        "localize": (1, 144, 128),
        "recover": (3, 144, 128),
    }


def test_sides_off_the_grid_are_refused(guard):
    with pytest.raises(ImageError, match="multiples of 16, got 100x128"):
        guard.engine.encode(np.zeros((3, 128, 100), np.float32))
