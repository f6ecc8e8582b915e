"""Property: the coupling is invertible, whatever the weights are."""

import pytest
import torch
from torch.testing import assert_close

from imuge.model.imuge.config import ModelConfig
from imuge.model.imuge.inn import InvertibleNetwork
from imuge.model.transform import BlockTransform

SMALL = ModelConfig(coupling_blocks=3, coupling_width=8, descriptions=1, code_channels=2)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = InvertibleNetwork(SMALL)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


@pytest.mark.parametrize("size", [(2, 2), (5, 9), (16, 16)])
def test_reverse_restores_coefficients_and_payload(network, size):
    x, payload = torch.randn(2, 192, *size), torch.randn(2, SMALL.payload_channels, *size)
    marked, null = network(x, payload)
    assert (marked - x).abs().max() > 0.1  # something was hidden
    restored, revealed = network.reverse(marked, null)
    assert_close(restored, x, rtol=0, atol=1e-4)
    assert_close(revealed, payload, rtol=0, atol=1e-4)


def test_the_released_network_is_invertible_with_the_true_null(system):
    torch.manual_seed(1)
    image = torch.rand(1, 3, 64, 96)
    payload = torch.randn(1, system.config.payload_channels, 8, 12)
    coefficients = system.coefficients(image)
    restored, revealed = system.inn.reverse(*system.inn(coefficients, payload))
    assert_close(restored, coefficients, rtol=0, atol=1e-4)
    assert_close(revealed, payload, rtol=0, atol=1e-4)


def test_an_untrained_network_hides_nothing():
    x, payload = torch.randn(1, 192, 4, 4), torch.randn(1, SMALL.payload_channels, 4, 4)
    marked, null = InvertibleNetwork(SMALL)(x, payload)
    assert torch.equal(marked, x)
    assert torch.equal(null, payload)


def test_block_transform_is_orthonormal_and_inverts_itself():
    torch.manual_seed(2)
    transform, image = BlockTransform(), torch.rand(1, 3, 32, 48)
    coefficients = transform(image)
    assert coefficients.shape == (1, 192, 4, 6)
    assert_close(transform.inverse(coefficients), image, rtol=0, atol=1e-5)
    # A flat grey picture of value g has Y's DC at 8(g - 1/2) and nothing else.
    flat = transform(torch.full((1, 3, 8, 8), 0.75))[0, :, 0, 0]
    assert flat[0].item() == pytest.approx(2.0, abs=1e-5)
    assert flat[1:].abs().max() < 1e-5
