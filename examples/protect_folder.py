"""Immunize every picture of a folder: `python protect_folder.py IN OUT`.

What is protected already is left alone, and one bad file does not stop the others.
"""

import sys
from pathlib import Path

from imuge import Guard, ImugeError, ProtectionError
from imuge.image import SUFFIXES


def protect(source: Path, target: Path, guard: Guard) -> int:
    """Immunize the pictures below `source` into the same places below `target`.

    Returns:
        How many failed.
    """
    failed = 0
    for path in sorted(source.rglob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        out = target / path.relative_to(source)
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            made = guard.immunize(path)
            made.save(out)
        except ProtectionError as error:
            print(f"{path}: skipped, {error}")
        except ImugeError as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed += 1
        else:
            print(f"{path}: {made.image_id}, {made.psnr_db:.1f} dB")
    return failed


def main(arguments: list[str]) -> int:
    """Run with the folders IN and OUT."""
    source, target = map(Path, arguments)
    return 1 if protect(source, target, Guard()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
