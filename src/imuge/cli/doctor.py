"""What a person needs to know when imuge does not work: versions, weights, keys, a short trial."""

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

import numpy as np
import onnxruntime
from PIL import features

from imuge import __version__
from imuge.engine import available_threads
from imuge.errors import ImugeError, to_install
from imuge.guard import Guard
from imuge.keys import key_folder, new_key, scan_keys
from imuge.weights import load_release, release_folder

LIBRARIES = ("numpy", "scipy", "pillow", "onnxruntime", "cryptography", "pydantic", "typer", "rich")
TRIAL_SIDE = 256  # pixels


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    text: str
    sound: bool = True


def examine() -> Iterator[Line]:
    """Look at everything in turn; a line each."""
    yield Line(f"imuge {__version__}, Python {platform.python_version()}, {platform.platform()}")
    yield Line("  " + ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES))
    yield Line(f"providers: {', '.join(onnxruntime.get_available_providers())}; used: CPU")
    yield Line(f"threads: {available_threads()}")
    yield Line(f"formats: {', '.join(_formats())}")
    yield from _checked("weights", _weights)
    yield from _checked("keys", _keys)
    yield from _checked("trial", _trial)


def _formats() -> Iterator[str]:
    yield from ("JPEG", "PNG", "TIFF")
    for name in ("webp", "avif"):
        yield name.upper() if features.check(name) else f"no {name.upper()}: Pillow lacks it"
    yield "HEIF" if find_spec("pillow_heif") else f"no HEIF: {to_install('heif')}"


def _checked(what: str, look: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    try:
        yield from look()
    except ImugeError as error:
        yield Line(f"{what}: {error}", sound=False)


def _weights() -> Iterator[Line]:
    release = load_release()
    yield Line(f"weights: {release.record.name} in {release_folder()}, {release.record.licence}")
    for name, graph in release.record.graphs.items():
        yield Line(f"  {name:<9}{graph.sha256}  as recorded")


def _keys() -> Iterator[Line]:
    sound, refused = scan_keys()
    yield Line(f"keys: {len(sound)} in {key_folder()}")
    for key in sound:
        kind = "full" if key.can_recover else "verify-only"
        yield Line(f"  {key.name} {key.key_id} {kind}")
    for error in refused:
        yield Line(f"  {error}", sound=False)


def _trial() -> Iterator[Line]:
    """Immunize and verify a picture made of soft noise, with a key that is thrown away."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (TRIAL_SIDE // 16, TRIAL_SIDE // 16, 3))
    picture = np.kron(coarse, np.ones((16, 16, 1), int)).astype(np.uint8)
    guard = Guard(new_key("trial"))
    start = time.perf_counter()
    made = guard.immunize(picture)
    middle = time.perf_counter()
    verdict = guard.verify(made.image)
    end = time.perf_counter()
    yield Line(
        f"trial: {TRIAL_SIDE}x{TRIAL_SIDE} immunized in {middle - start:.2f} s (models loaded), "
        f"verified in {end - middle:.2f} s: {verdict.verdict}",
        sound=verdict.verdict == "intact",
    )
