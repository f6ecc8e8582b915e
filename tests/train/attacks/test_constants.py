import torch

from imuge.train.attacks.constants import kept


def test_constants_are_made_once_for_each_device_and_can_take_part_in_training():
    calls = []

    @kept
    def pair(device):
        calls.append(device)
        return torch.ones(2, device=device)

    with torch.inference_mode():
        first = pair(torch.device("cpu"))
    weights = torch.ones(2, requires_grad=True)
    (weights * pair(torch.device("cpu"))).sum().backward()
    assert torch.equal(weights.grad, first)
    pair(torch.device("meta"))
    assert calls == [torch.device("cpu"), torch.device("meta")]
