"""Other people's ways of finding and undoing tampering, to be measured beside ours.

`PEERS` are contestants: forensics without protection, plain inpainting and a classical watermark.
`BIT_MARKS` carry bits and nothing else. The code is our own, after the papers that it names; what
comes out of a package is imported when it is used.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from imuge.bench.contestants import Contestant
from imuge.bench.peers import copied_keypoints, error_levels, jpeg_ghosts, noise_residual
from imuge.bench.peers.bits import BitMark, BlindWatermark, InvisibleWatermark
from imuge.bench.peers.inpainting import Inpainting
from imuge.bench.peers.passive import Passive
from imuge.bench.peers.self_embedding import SelfEmbedding

_PASSIVE = {
    "error levels": (error_levels.error_levels, error_levels.THRESHOLD),
    "JPEG ghosts": (jpeg_ghosts.jpeg_ghosts, jpeg_ghosts.THRESHOLD),
    "noise residual": (noise_residual.noise_residual, noise_residual.THRESHOLD),
    "copied keypoints": (copied_keypoints.copied_keypoints, copied_keypoints.ALIKE),
}
PEERS: dict[str, Callable[[], Contestant[Any, Any]]] = {
    **{name: partial(Passive, name, detect, threshold=t) for name, (detect, t) in _PASSIVE.items()},
    "inpainting": Inpainting,
    "self-embedding": SelfEmbedding,
}
BIT_MARKS: dict[str, Callable[[], BitMark]] = {
    "blind-watermark": BlindWatermark,
    "invisible-watermark, dwtDct": partial(InvisibleWatermark, "dwtDct"),
    "invisible-watermark, dwtDctSvd": partial(InvisibleWatermark, "dwtDctSvd"),
}
