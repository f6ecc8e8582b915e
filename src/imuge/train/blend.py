"""Weights between two trained ones that began from the same: some of each, network by network.

    first ──┐
            ├─ (1 - share) · first + share · second, a share for every network ─► weights
    second ─┘

A short training makes networks better at what it showed them and a little worse at what it did not.
Where both ends of a training lie in one valley, a point between them has most of what was won and
has lost less (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022). It is one more
number to choose on validation pictures, so `--validate` scores it as training does: F1, decibels in
the changed area, how much of a number of the code is left, with which noise, and what a block's
numbers tell in bits, all together and those of one description alone.

    python -m imuge.train.blend FIRST SECOND --share 0.3 --network inn=0.7 --out WEIGHTS
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from imuge.errors import ConfigError, ImugeError, WeightsError
from imuge.model.architectures import load_networks
from imuge.model.imuge.system import System
from imuge.model.networks import Networks
from imuge.model.weights_files import save_weights
from imuge.train.frames import COPIES, describe_on_frames, validate_on_frames
from imuge.train.validation import load_held_out

FAILED = 1  # exit status
# What is said of the copies besides F1, and to how many digits.
TOLD = (("recovered", 1), ("kept", 2), ("noise", 2), ("bits", 1), ("bits_of_one", 1))


def blend(first: Path, second: Path, share: float, shares: Mapping[str, float]) -> Networks:
    """Networks between two others.

    Args:
        first: Weights file, folder of parts or release: what share 0 is.
        second: What share 1 is; of the same config.
        share: Of `second`, 0..1.
        shares: Instead of `share`, for networks by name, such as `localizer`.

    Returns:
        For evaluation.

    Raises:
        ConfigError: a share is not from 0 to 1, or of a network that there is not.
        WeightsError: weights cannot be read, or are of two configs.
    """
    networks, other = load_networks(first), load_networks(second)
    if networks.config != other.config:
        raise WeightsError(f"expected networks of one config, {first} and {second} are of two")
    names = [name for name, part in networks.named_children() if list(part.parameters())]
    if unknown := sorted(shares.keys() - set(names)):
        raise ConfigError(f"unknown networks {', '.join(unknown)}; there are {', '.join(names)}")
    for given in (share, *shares.values()):
        if not 0 <= given <= 1:
            raise ConfigError(f"expected a share from 0 to 1, got {given}")
    ends = other.state_dict()
    for name, start in networks.state_dict().items():
        if start.is_floating_point():
            start.lerp_(ends[name], shares.get(name.partition(".")[0], share))
    networks.settle()
    return networks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m imuge.train.blend")
    parser.add_argument("first", type=Path, help="weights of share 0")
    parser.add_argument("second", type=Path, help="weights of share 1, trained from the same")
    parser.add_argument("--share", type=float, required=True, help="of the second, 0 to 1")
    parser.add_argument(
        "--network",
        action="append",
        default=[],
        metavar="NAME=SHARE",
        help="another share for one network; may be given again",
    )
    parser.add_argument("--out", type=Path, required=True, help="where the weights shall lie")
    parser.add_argument("--validate", type=Path, help="score them on the pictures of this folder")
    parser.add_argument("--validate-pictures", type=int, default=10)
    given = parser.parse_args(arguments)
    try:
        networks = blend(given.first, given.second, given.share, _shares(given.network))
        if given.validate:
            if not isinstance(networks, System):
                raise ConfigError(
                    "expected imuge's own networks with --validate, which publishes on frames, "
                    f"got those of {networks.config.architecture}; leave --validate out"
                )
            pictures = load_held_out(given.validate, most=given.validate_pictures, say=_say)
            scores = validate_on_frames(networks, pictures)
            _say(describe_on_frames(scores))
            _say(f"the code's neighbours are alike by {scores['alike']:.2f}")
            for what, digits in TOLD:
                told = (f"{kind} {scores[f'{what}/{kind}']:.{digits}f}" for kind in COPIES)
                _say(f"{what}: {', '.join(told)}")
        for path in save_weights(networks.config, networks.state_dict(), given.out):
            _say(str(path))
    except ImugeError as error:
        sys.stderr.write(f"blend: {error}\n")
        return FAILED
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _shares(given: Sequence[str]) -> dict[str, float]:
    """From what the command was given as NAME=SHARE."""
    shares = {}
    for text in given:
        name, _, share = text.partition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            raise ConfigError(f"expected --network as NAME=SHARE, got {text!r}") from None
    return shares


if __name__ == "__main__":
    sys.exit(main())
