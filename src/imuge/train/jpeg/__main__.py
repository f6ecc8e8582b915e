"""Train a network that imitates JPEG, for `[distort] simulator = "distilled"`.

    python -m imuge.train.jpeg --config configs/jpeg_simulator.toml \
        --data DIR --out DIR [--steps N | --minutes M] [--resume] [--validate DIR]

docs/jpeg-simulators.md says what comes of it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from imuge.errors import ConfigError, ImugeError
from imuge.train.jpeg.config import SimulatorConfig
from imuge.train.jpeg.simulator import train_simulator
from imuge.train.options import RunOptions

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    made = argparse.ArgumentParser(
        prog="python -m imuge.train.jpeg",
        description="Train a network that imitates JPEG, from a folder of photographs.",
    )
    made.add_argument("--config", type=Path, metavar="TOML", help="what to train and how")
    made.add_argument("--data", type=Path, metavar="DIR", required=True, help="photographs")
    made.add_argument("--out", type=Path, metavar="DIR", required=True, help="a new folder")
    made.add_argument("--validate", type=Path, metavar="DIR", help="photographs never trained on")
    made.add_argument("--validate-pictures", type=int, default=8, metavar="N")
    made.add_argument("--steps", type=int, metavar="N", help="length of the run (default: config)")
    made.add_argument("--minutes", type=float, metavar="M", help="length of the run, as time")
    made.add_argument("--resume", action="store_true", help="go on with the run in --out")
    made.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    made.add_argument("--checkpoint-minutes", type=float, default=10, metavar="M")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    given = parser().parse_args(arguments)
    try:
        for name in ("steps", "minutes", "validate_pictures"):
            number = getattr(given, name)
            if number is not None and number <= 0:
                raise ConfigError(f"expected --{name.replace('_', '-')} above 0, got {number:g}")
        config = None if given.config is None else SimulatorConfig.read(given.config)
        options = RunOptions(
            data=given.data,
            out=given.out,
            validation=given.validate,
            validation_pictures=given.validate_pictures,
            steps=given.steps,
            minutes=given.minutes,
            resume=given.resume,
            device=given.device,
            checkpoint_minutes=given.checkpoint_minutes,
        )
        train_simulator(config, options)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ImugeError, OSError) as error:
        sys.stderr.write(f"jpeg_simulator: {error}\n")
        return USAGE if isinstance(error, ConfigError) else FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
