"""`python -m imuge.bench.trust STUDY --data DIR --out DIR`: one study each."""

import argparse
from pathlib import Path

from imuge.bench.command import as_command
from imuge.bench.trust.calibrate import main as calibrate
from imuge.bench.trust.reembedded import main as reembedded
from imuge.bench.trust.stripped import main as stripped
from imuge.files import make_folder

STUDIES = {
    "calibrate": calibrate,
    "reembedded": reembedded,
    "stripped": stripped,
}


def main(arguments: list[str] | None = None) -> None:
    """Run a study; it writes JSON and Markdown."""
    parser = argparse.ArgumentParser(description="What the registry adds to a verdict.")
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--data", type=Path, required=True, help="folder of pictures")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--pictures", type=int, help="how many (default: the study's own)")
    options = parser.parse_args(arguments)
    if options.pictures is not None and options.pictures < 2:
        parser.error(f"expected two pictures or more, got {options.pictures}")
    make_folder(options.out)
    STUDIES[options.study](options.data, options.out, options.pictures)


if __name__ == "__main__":
    as_command(main)
