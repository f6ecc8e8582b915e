"""How much of the hidden copy's order someone without the key finds, for several ways of hiding it.

    published file ─► frame ─► reveal ─► hidden numbers, out of order ─┐
                        │                                              ├─► nearest block
                        └─► less its change ─► encode ─► by block ─────┘

The attacker knows the networks and the way of hiding, and compares what lies in one place: all
numbers of a description, or the one number where every number is scattered by a permutation of its
own; their magnitudes, norms, and their magnitudes under every pattern of signs. For every way the
best attack counts, and every place gets its guess. A release hides well only what it was trained to
hide, so each way is measured twice: as this release reveals it, and with the error that this
release makes on plain code, which is what weights trained for that way can be expected to reach.

    python -m imuge.bench.secrecy --data ../shared/data/validation --pictures 8 --out docs/scores
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from imuge import __version__
from imuge.attacks.resave import parse_chain, resave
from imuge.bench.command import as_command, write_result
from imuge.bench.pictures import SIDE, Photograph, photographs
from imuge.engine import Engine
from imuge.engine.canvas import Canvas, to_canvas
from imuge.files import make_folder
from imuge.keys import DESCRIPTIONS, Key, Message, code_permutations, code_signs
from imuge.keys.rotation import SIGN_ROUNDS, mix, rotate
from imuge.protection.code import scatter_code
from imuge.protection.embed import SHAPING, Host, hidden_signs, prepare, residual
from imuge.protection.frame import Frame, add_to_picture, geometry_of, to_frame
from imuge.protection.shaping import shape
from imuge.results import Pixels

COMMAND = "python -m imuge.bench.secrecy --data ../shared/data/validation"
CHAINS = ("none", "jpeg:90", "jpeg:75")
PLACES = 1024  # looked up in every picture and description
PLACES_OF_TRIALS = 256  # of them, where every pattern of signs is tried
TRIED_AT_ONCE = 32  # blocks, to bound memory
PLAIN = "plain"
APART = "numbers apart"
TRIABLE = ("two rounds", "keyed_signs")  # where trying the signs may find more than magnitudes
MEASURED = {"revealed": "as the release reveals it", "clear": "as clear as plain code"}

Array = NDArray[np.float32]
Numbers = NDArray[np.int64]


def ways(code: Array, signs: NDArray[np.int8]) -> dict[str, Array]:
    """The code (24, h, w), still in place, in every way of hiding it."""
    channels = len(code)
    return {
        PLAIN: code,
        "signed": code * signs[:channels],
        "signed, mixed": rotate(code, signs[:channels], DESCRIPTIONS),
        "two rounds": rotate(code, signs[: 2 * channels], DESCRIPTIONS),
        "keyed_signs": rotate(code, signs, DESCRIPTIONS),
        APART: code,
    }


@dataclass(frozen=True, slots=True)
class Sample:
    """What the attacker compares for one description, and the truth."""

    visible: Array  # (c, blocks), the code of every block of the published picture
    revealed: Array  # (c, places), the code found at some places
    unmixed: Array  # (c, places), the same, mixed once more: that undoes the last mixing
    blocks: Numbers  # (places,), the block each of these really tells of

    def shares(self, *, trials: bool) -> dict[str, float]:
        """The share of places whose block each attack names, in [0, 1]."""
        known = np.abs(self.visible)
        found = {
            "numbers": nearest(self.visible, self.revealed),
            "magnitudes": nearest(known, np.abs(self.revealed)),
            "magnitudes, un-mixed": nearest(known, np.abs(self.unmixed)),
            "norms": nearest(_norms(self.visible), _norms(self.revealed)),
        }
        if trials:
            found["every sign"] = self._try_signs()
        return {
            name: float((guess == self.blocks[: len(guess)]).mean())
            for name, guess in found.items()
        }

    def _try_signs(self) -> Numbers:
        """Guess by magnitudes, whatever the first round's signs were."""
        wanted = np.abs(self.unmixed[:, :PLACES_OF_TRIALS])
        channels, count = self.visible.shape
        # A reversal of all signs leaves magnitudes alone: the last sign stays +.
        bits = np.arange(2 ** (channels - 1))[:, None] >> np.arange(channels) & 1
        patterns = (1 - 2 * bits).astype(np.float32)
        least = np.full(wanted.shape[1], np.inf, np.float32)
        guess = np.zeros(wanted.shape[1], np.int64)
        for start in range(0, count, TRIED_AT_ONCE):
            blocks = self.visible[:, start : start + TRIED_AT_ONCE]
            tried = patterns.T[:, None, :] * blocks[:, :, None]
            mixed = np.abs(mix(tried, 1)).reshape(channels, -1)
            distances = _distances(mixed, wanted)
            best = distances.argmin(1)
            values = distances[np.arange(len(best)), best]
            guess = np.where(values < least, start + best // len(patterns), guess)
            least = np.minimum(least, values)
        return guess


def nearest(known: Array, wanted: Array) -> Numbers:
    """For each column of `wanted`, (C, places), the number of the nearest of `known`, (C, n)."""
    numbers: Numbers = _distances(known, wanted).argmin(1)
    return numbers


def _distances(known: Array, wanted: Array) -> Array:
    """Square distances (places, n), less what is the same for all of a place."""
    distances: Array = (known * known).sum(0) - 2 * (wanted.T @ known)
    return distances


def _norms(columns: Array) -> Array:
    norms: Array = np.linalg.norm(columns, axis=0, keepdims=True).astype(np.float32)
    return norms


def samples(visible: Array, revealed: Array, permutations: Numbers) -> Iterator[Sample]:
    """Look at the same places, drawn once, for each permutation.

    Args:
        visible: (24, h, w), the code of the published picture.
        revealed: (24, h, w), the code as it lies scattered.
        permutations: (N, h·w), the truth: for each description, or for each number.
    """
    count = permutations.shape[1]
    places = np.random.default_rng(0).permutation(count)[:PLACES]
    split = [
        np.split(channels.reshape(len(channels), -1), len(permutations))
        for channels in (visible, revealed, mix(revealed, len(permutations)))
    ]
    for own, found, unmixed, blocks in zip(*split, permutations, strict=True):
        yield Sample(own, found[:, places], unmixed[:, places], blocks[places])


def read(engine: Engine, canvas: Canvas, *, cleaned: bool) -> tuple[Array, Array]:
    """What anyone can compute: the revealed payload (30, h, w), and the picture's code (24, h, w).

    `cleaned`: of the picture less the change that hiding this payload makes, which is nearer to
    the one that was immunized. After JPEG it is not.
    """
    revealed = engine.reveal(canvas.image)
    image = canvas.image
    if cleaned:
        image = 2 * image - engine.embed(image, revealed, 1.0)
    return revealed, engine.encode(image)


def hide(engine: Engine, pixels: Pixels, host: Host, payload: Array) -> Pixels:
    """Publish a payload as the product does; the pilot, which hides nothing, is left out."""
    change = shape(residual(engine, host.canvas, payload), host.deviation, SHAPING)
    return np.asarray(add_to_picture(pixels, change, host.frame, threads=engine.threads), np.uint8)


def on_frame(pixels: Pixels, frame: Frame) -> Canvas:
    """A copy of a picture's own size on the picture's frame."""
    return to_canvas(to_frame(pixels, frame))


def examine(engine: Engine, picture: Photograph, key: Key, image_id: int) -> dict[str, Any]:
    """All shares of one picture: {measured: {way: {chain: {attack: share}}}}."""
    host = prepare(engine, picture.pixels)
    code, grid = host.code, host.canvas.grid
    together = code_permutations(key, image_id, *grid)
    apart = code_permutations(key, image_id, *grid, parts=len(code))
    signs = code_signs(key, image_id, *grid, SIGN_ROUNDS * len(code))
    message = Message(image_id, geometry_of(host.frame))
    marks = hidden_signs(engine.record.options, key, message, *grid)
    shares: dict[str, Any] = {name: defaultdict(dict) for name in MEASURED}
    shares["blocks"] = int(together.shape[1])
    clear: dict[str, tuple[Array, Array]] = {}
    for way, form in ways(code, signs).items():
        permutations = apart if way == APART else together
        hidden = scatter_code(form, permutations)
        payload = np.concatenate([hidden, marks])
        published = hide(engine, picture.pixels, host, payload)
        for chain in CHAINS:
            received = on_frame(resave(published, parse_chain(chain)), host.frame)
            whole, visible = read(engine, received, cleaned=chain == "none")
            revealed = whole[: len(code)]
            if way == PLAIN:
                clear[chain] = (revealed - hidden, visible)
            error, seen = clear[chain]
            trials = way in TRIABLE and chain == "none"
            sources = {"revealed": (visible, revealed), "clear": (seen, hidden + error)}
            for name, (own, given) in sources.items():
                found = [one.shares(trials=trials) for one in samples(own, given, permutations)]
                shares[name][way][chain] = {
                    attack: float(np.mean([one[attack] for one in found])) for attack in found[0]
                }
    return shares


def best(pictures: list[dict[str, Any]]) -> dict[str, Any]:
    """For every measurement, way and chain: the best attack, its mean share and its range."""
    result: dict[str, Any] = {}
    for name in MEASURED:
        result[name] = defaultdict(dict)
        for way, chains in pictures[0][name].items():
            for chain, attacks in chains.items():
                values = {
                    attack: [shares[name][way][chain][attack] for shares in pictures]
                    for attack in attacks
                }
                attack = max(values, key=lambda one: float(np.mean(values[one])))
                result[name][way][chain] = {
                    "attack": attack,
                    "share": float(np.mean(values[attack])),
                    "least": min(values[attack]),
                    "most": max(values[attack]),
                }
    return result


def to_markdown(result: dict[str, Any]) -> str:
    """The best attacks as tables."""
    lines = [
        f"Share of a permutation found without the key, by the best attack, in brackets its range "
        f"over {len(result['pictures'])} pictures of {SIDE}x{SIDE}, on their frames. Guessing "
        f"finds {result['chance']:.2%}.",
        "",
        f"Made with `{result['command']}`.",
    ]
    for name, words in MEASURED.items():
        lines += [
            "",
            f"| {words} | " + " | ".join(CHAINS) + " | best attack on the PNG |",
            "|---|" + "---|" * (len(CHAINS) + 1),
        ]
        for way, chains in result["best"][name].items():
            cells = [
                f"{one['share']:.1%} ({one['least']:.1%} to {one['most']:.1%})"
                for one in (chains[chain] for chain in CHAINS)
            ]
            lines.append(f"| {way} | {' | '.join(cells)} | {chains['none']['attack']} |")
    return "\n".join(lines) + "\n"


def measure(
    engine: Engine, pictures: list[Photograph], steps: Iterable[int]
) -> list[dict[str, Any]]:
    """Examine pictures, each with an image id of its own."""
    key = Key.from_secret("bench", bytes(range(32)))
    return [examine(engine, pictures[i], key, i) for i in steps]


def main(arguments: list[str] | None = None) -> None:
    """Measure and write secrecy.json and secrecy.md."""
    parser = argparse.ArgumentParser(description="What the hidden code tells without its key.")
    parser.add_argument("--data", type=Path, required=True, help="folder of validation pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, default=8)
    options = parser.parse_args(arguments)
    make_folder(options.out)
    pictures = photographs(options.data, side=SIDE, count=options.pictures)
    engine = Engine()
    steps = track(range(len(pictures)), "measuring", console=Console(stderr=True))
    shares = measure(engine, pictures, steps)
    result = {
        "command": f"{COMMAND} --pictures {len(pictures)} --out DIR",
        "imuge": __version__,
        "model": engine.record.name,
        "model_sha256": engine.sha256,
        "sign_rounds": SIGN_ROUNDS,
        "chance": 1 / shares[0]["blocks"],
        "pictures": {picture.name: picture.sha256 for picture in pictures},
        "best": best(shares),
        "shares": shares,
    }
    markdown = to_markdown(result)
    write_result(options.out, "secrecy", result, markdown)
    sys.stdout.write(markdown)


if __name__ == "__main__":
    as_command(main)
