"""`python -m imuge.train`, which is also `imuge train`.

It runs from a bare source tree (PYTHONPATH=src) where only torch, numpy, Pillow, safetensors and
tensorboard are installed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from imuge.errors import ConfigError, ImugeError
from imuge.train.architectures import read_config
from imuge.train.options import SystemRunOptions
from imuge.train.processes import Processes
from imuge.train.profile import profile
from imuge.train.system import train

FAILED, USAGE, INTERRUPTED = 1, 2, 130
MEGABYTE = 1_000_000


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="imuge train",
        description="Train the networks from a folder of photographs.",
        epilog="docs/training.md tells the whole story. Several GPUs: "
        "torchrun --nproc-per-node 8 -m imuge.train ...",
    )

    def folder(name: str, text: str, *, required: bool = False) -> None:
        made.add_argument(name, type=Path, metavar="DIR", help=text, required=required)

    made.add_argument("--config", type=Path, metavar="TOML", help="what to train and how")
    folder("--data", "photographs to train on", required=True)
    folder("--out", "a new folder for the run", required=True)
    folder("--validate", "photographs never trained on")
    made.add_argument("--validate-pictures", type=int, default=8, metavar="N")
    made.add_argument("--steps", type=int, metavar="N", help="length of the run (default: config)")
    made.add_argument("--minutes", type=float, metavar="M", help="length of the run, as time")
    made.add_argument(
        "--pause-after", type=float, metavar="M", help="minutes; --resume goes on afterwards"
    )
    made.add_argument("--init", type=Path, metavar="WEIGHTS", help="weights to start from")
    made.add_argument("--resume", action="store_true", help="go on with the run in --out")
    made.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    made.add_argument("--no-graphs", action="store_true", help="do not record steps as CUDA graphs")
    made.add_argument(
        "--compile", action="store_true", help="torch.compile attacks and losses (minutes at first)"
    )
    made.add_argument("--checkpoint-minutes", type=float, default=10, metavar="M")
    made.add_argument(
        "--part-mb", type=float, default=15, metavar="MB", help="largest file of a checkpoint"
    )
    made.add_argument(
        "--profile", type=int, metavar="N", help="time N steps part by part, and train nothing"
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    given = parser().parse_args(arguments)
    try:
        options = _options(given)
        config = None if given.config is None else read_config(given.config)
        processes = Processes.join(given.device)
        try:
            if given.profile is not None:
                sys.stdout.write(profile(config, options, processes, steps=given.profile))
            else:
                train(config, options, processes)
        finally:
            processes.leave()
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ImugeError, OSError) as error:
        sys.stderr.write(f"imuge train: {error}\n")
        return USAGE if isinstance(error, ConfigError) else FAILED
    return 0


def _options(given: argparse.Namespace) -> SystemRunOptions:
    for name in ("steps", "minutes", "pause_after", "profile", "validate_pictures", "part_mb"):
        number = getattr(given, name)
        if number is not None and number <= 0:
            raise ConfigError(f"expected --{name.replace('_', '-')} above 0, got {number:g}")
    return SystemRunOptions(
        data=given.data,
        out=given.out,
        validation=given.validate,
        validation_pictures=given.validate_pictures,
        steps=given.steps,
        minutes=given.minutes,
        pause_minutes=given.pause_after,
        start_from=given.init,
        resume=given.resume,
        device=given.device,
        graphs=not given.no_graphs,
        compiled=given.compile,
        checkpoint_minutes=given.checkpoint_minutes,
        part_bytes=int(given.part_mb * MEGABYTE),
    )


if __name__ == "__main__":
    sys.exit(main())
