"""Parts of a frame: what lies outside is reflected, and known to be missing."""

import numpy as np
import pytest
import torch

from imuge.train.imuge.window import (
    RIM,
    counted,
    draw_windows,
    inside,
    known_blocks,
    reflected,
)

CPU = torch.device("cpu")
WINDOWS = torch.tensor([[0, 64, 0, 64], [11, 50, 0, 40], [30, 64, 24, 33]])


def test_outside_is_filled_as_numpy_reflects():  # oracle
    pictures = torch.rand(3, 2, 64, 64)
    made = reflected(pictures, WINDOWS)
    for picture, window, result in zip(pictures.numpy(), WINDOWS.tolist(), made, strict=True):
        top, bottom, left, right = window
        margins = ((0, 0), (top, 64 - bottom), (left, 64 - right))
        wanted = np.pad(picture[:, top:bottom, left:right], margins, mode="symmetric")
        np.testing.assert_array_equal(result.numpy(), wanted)


def test_blocks_count_where_the_window_covers_them_wholly():
    within = inside(WINDOWS, 64, 64)
    assert within.sum((1, 2, 3)).tolist() == [64 * 64, 39 * 40, 34 * 9]
    known = known_blocks(within)
    assert known[0].min() == 1
    rows, columns = known[1, 0].nonzero().T
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (2, 5, 0, 4)
    assert known[2].sum() == 4, "of 9 columns only one block's are whole"


def test_the_rim_of_a_cut_does_not_count_and_the_pictures_own_edge_does():
    judged = counted(inside(WINDOWS, 64, 64))
    assert judged[0].min() == 1
    rows, columns = judged[1, 0].nonzero().T
    assert (rows.min(), rows.max()) == (11 + RIM, 50 - RIM - 1)
    assert (columns.min(), columns.max()) == (0, 40 - RIM - 1)
    assert judged[2].sum() == 0


def test_windows_are_drawn_within_their_bounds():
    torch.manual_seed(0)
    windows = draw_windows(0.5, 0.4, 4000, 256, device=CPU)
    top, bottom, left, right = windows.unbind(1)
    for first, end in ((top, bottom), (left, right)):
        assert first.min() >= 0
        assert end.max() <= 256
        assert (end - first).min() >= 0.2 * 256 - 1
        assert first.max() > 0.38 * 256
    whole = (windows == torch.tensor([0, 256, 0, 256])).all(1).float().mean()
    assert whole == pytest.approx(0.5 + 0.5 / 16, abs=0.03)
    assert (draw_windows(0.0, 0.4, 10, 256, device=CPU)[:, 1] == 256).all()
