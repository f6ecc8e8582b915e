"""Contestants whose answers we know."""

import numpy as np

from imuge.bench.contestants import Examination, OneSize, Published
from imuge.errors import ImageError


class Oracle(OneSize):
    """Knows the truth of every picture it published, since it keeps the host as its secret."""

    def __init__(self, name="oracle", *, restores=True, refuses=()):
        self.name = name
        self.restores = restores
        self.refuses = refuses
        self.seeds = []

    def describe(self):
        facts = {"architecture": "oracle", "working_point": "none"}
        return facts | {"parameters": None, "sha256": None}

    def immunize(self, host, *, seed, strength=1.0):
        assert strength == 1
        if seed in self.refuses:
            raise ImageError("expected a picture it likes, got another")
        self.seeds.append(seed)
        return Published(host, host)

    def examine(self, received, secret):
        difference = np.abs(received.astype(np.float32) - secret).max(2).clip(0, 255) / 255
        return Examination(
            received=received,
            probability=difference,
            mask=difference > 0,
            evidence=secret,
            verdict="tampered" if difference.any() else "intact",
            identified=True,
        )

    def restore(self, finding, mask):
        assert self.restores
        return np.where(mask[..., None], finding.evidence, finding.received)
