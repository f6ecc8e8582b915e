"""Golden: what the released networks compute, recorded when they were released.

The recording before it was made by the prototype that trained `lab.r3`, with the same results.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch.testing import assert_close

from imuge.model.imuge.payload import gather_code, scatter_code

RECORDED = Path(__file__).parents[1] / "golden" / "vectors.npz"
CODE_CHANNELS = 24


@pytest.fixture(scope="module")
def recorded():
    with np.load(RECORDED) as vectors:
        return {name: torch.from_numpy(vectors[name])[None] for name in vectors.files}


@pytest.fixture(scope="module")
def host(recorded):
    return recorded["image"].permute(0, 3, 1, 2).float() / 255


@pytest.fixture(scope="module")
def payload(system, recorded, host):
    code = system.encode(host)
    assert_close(code, recorded["code"], rtol=0, atol=1e-4)
    return torch.cat([scatter_code(code, recorded["permutation"]), recorded["template"].float()], 1)


def test_payload_is_scattered_code_and_template(payload, recorded):
    assert_close(payload, recorded["payload"], rtol=0, atol=1e-4)


def test_embedding_gives_the_recorded_picture_and_null(system, recorded, host, payload):
    immunized, null = system.embed(host, payload, torch.tensor(1.0))
    assert_close(immunized, recorded["immunized"], rtol=0, atol=1e-4)
    assert_close(null, recorded["null"], rtol=0, atol=1e-4)


def test_strength_scales_the_change(system, host, payload):
    full, _ = system.embed(host, payload, torch.tensor(1.0))
    half, _ = system.embed(host, payload, torch.tensor(0.5))
    assert_close(half - host, (full - host) / 2, rtol=0, atol=1e-6)


def test_revealing_gives_the_recorded_payload(system, recorded):
    assert_close(system.reveal(recorded["attacked"]), recorded["revealed"], rtol=0, atol=1e-4)


def test_localizing_gives_the_recorded_logits(system, recorded):
    logits = system.localize(
        recorded["attacked"], recorded["revealed"], recorded["template"].float()
    )
    assert_close(logits, recorded["logits"], rtol=0, atol=1e-3)


def test_recovering_gives_the_recorded_picture(system, recorded):
    mask = recorded["mask"].float()
    codes = gather_code(
        recorded["revealed"][:, :CODE_CHANNELS],
        F.max_pool2d(mask, 8),
        recorded["permutation"].argsort(-1),
        descriptions=2,
    )
    recovered = system.recover(recorded["attacked"], mask, codes)
    assert_close(recovered, recorded["recovered"], rtol=0, atol=1e-4)
