"""The paper's invertible network: it inverts, and it is as large as the paper says."""

import pytest
import torch
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from imuge.errors import ConfigError
from imuge.model.imuge_plus.config import ImugePlusConfig
from imuge.model.imuge_plus.haar import haar_down, haar_up
from imuge.model.imuge_plus.inn import ImugePlusInn

QUARTER = ImugePlusConfig(
    outer_width=16, growth=8, stem_channels=4, localizer_widths=(8, 16, 32), blocks_up=(1, 2, 1)
)


def test_haar_is_orthonormal_and_undone():
    torch.manual_seed(0)
    x = torch.rand(2, 3, 6, 10)
    bands = haar_down(x)
    assert bands.shape == (2, 12, 3, 5)
    assert_close(bands.norm(), x.norm())
    assert_close(bands[0, 1, 2, 3], x[0, 1, 4:6, 6:8].sum() / 2)  # the means come first
    assert_close(haar_up(bands), x, rtol=0, atol=1e-6)
    edge = torch.tensor([[0.0, 1.0], [0.0, 1.0]]).view(1, 1, 2, 2)
    assert haar_down(edge).flatten().tolist() == [1, -1, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "size"), [(QUARTER, (32, 48)), (QUARTER, (80, 16)), (ImugePlusConfig(), (64, 64))]
)
def test_reverse_undoes_forward_with_any_weights(config, size):
    torch.manual_seed(1)
    network = ImugePlusInn(config)
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):  # three times the start's, and no zeros
            torch.nn.init.xavier_normal_(module.weight, gain=0.3)
            torch.nn.init.normal_(module.bias, std=0.05)
    x = torch.rand(2, 4, *size)
    out = network(x)
    assert out.shape == x.shape
    assert (out - x).abs().mean() > 0.1
    assert_close(network.reverse(out), x, rtol=0, atol=1e-4)
    assert_close(network(network.reverse(x)), x, rtol=0, atol=1e-4)


def test_a_new_network_leaves_a_picture_as_it_is():
    torch.manual_seed(2)
    x = torch.rand(1, 4, 32, 32)
    assert_close(ImugePlusInn(QUARTER)(x), x, rtol=0, atol=4e-3)  # 1.0001, fourteen times


def test_it_has_the_papers_size():
    with torch.device("meta"):
        network, x = ImugePlusInn(ImugePlusConfig()), torch.empty(1, 4, 512, 512)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(32.05e6, rel=2e-4)
    with FlopCounterMode(display=False) as counter:
        network(x)
    assert counter.get_total_flops() / 2 == pytest.approx(763.5e9, rel=2e-4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"outer_width": 0}, "expected outer_width to be a positive integer, got 0"),
        ({"growth": True}, "expected growth to be a positive integer, got True"),
        ({"blocks_down": (2, -1, 2)}, r"expected blocks_down to be .* got \(2, -1, 2\)"),
        ({"blocks_up": (2, 2)}, r"blocks_up for each of 3 haar_levels, got \(2, 2\)"),
        ({"haar_levels": 5}, "at most 4 haar_levels, .* multiples of 16, got 5"),
        ({"localizer_widths": ()}, r"localizer_widths to be 1 to 4 positive integers, got \(\)"),
    ],
)
def test_unfit_sizes_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        ImugePlusConfig(**settings)
