"""A verdict as files in a folder, beside each other under one name.

NAME.report.html       the page for people
NAME.verdict.json      the record for programs, as `--json` prints it
NAME.mask.png          one grey channel: 255 where the picture changed, 0 elsewhere
NAME.overlay.png       the picture with the regions marked; both only where that could be judged
NAME.recovered.png     what was there before, where a reconstruction exists
NAME.hidden-copy.png   the picture as the hidden code alone tells it, where it was decoded
NAME.uncropped.png     of a part, the whole picture: what was cut away as its code tells it
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from imuge.errors import ImageError
from imuge.files import make_folder, write_atomically
from imuge.report.overlay import overlay
from imuge.report.page import build_page
from imuge.report.pictures import RECONSTRUCTION, png
from imuge.results import Pixels, Verdict

LONGEST_NAME = 200  # bytes; file systems take 255 with the ending
RECONSTRUCTED = {"recovered", "hidden-copy", "uncropped"}
OPTIONAL = {f"{what}.png" for what in {"mask", "overlay"} | RECONSTRUCTED}
ENCODERS = 2  # threads; each holds one picture more in memory
NO_FACTS: Mapping[str, str] = MappingProxyType({})


def write_report(
    verdict: Verdict,
    folder: Path,
    name: str,
    *,
    file_facts: Mapping[str, str] = NO_FACTS,
    made: datetime | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write everything known about a verdict into `folder`.

    A report is evidence, so an earlier one under the same name is kept unless `overwrite` says
    otherwise. Where it is replaced, a mask or reconstruction that this verdict does not have is
    removed: it would be taken for this picture's.

    Args:
        verdict: What was found.
        folder: Where to write; created with its parents if it is missing.
        name: How the files' names begin, usually the stem of the picture's own.
        file_facts: What the picture's file says about itself, as label and text, for the page.
        made: The date on the page, with a time zone; now if not given.
        overwrite: Whether an earlier report of this name may be replaced.

    Returns:
        The files written, the page last.

    Raises:
        ImageError: `name` is no plain file name, there is a report of this name, or the disk
            refused.
    """
    check_report_name(folder, name, overwrite=overwrite)
    contents = report_files(verdict, name, file_facts=file_facts, made=made)
    make_folder(folder)
    written = [
        write_atomically(folder / f"{name}.{ending}", content, overwrite=True)
        for ending, content in contents.items()
    ]
    for ending in OPTIONAL - contents.keys():
        (folder / f"{name}.{ending}").unlink(missing_ok=True)
    return written


def report_files(
    verdict: Verdict,
    name: str,
    *,
    file_facts: Mapping[str, str] = NO_FACTS,
    made: datetime | None = None,
) -> dict[str, bytes]:
    """Give what `write_report` writes, by the ending of each file's name, the page last."""
    page, pictures = page_and_pictures(
        verdict, name, file_facts=file_facts, made=made or datetime.now(UTC), linked=True
    )
    return {
        "verdict.json": f"{verdict.to_json()}\n".encode("ascii"),
        **{f"{what}.png": content for what, content in pictures.items()},
        "report.html": page,
    }


def page_and_pictures(
    verdict: Verdict,
    name: str,
    *,
    file_facts: Mapping[str, str] = NO_FACTS,
    made: datetime,
    linked: bool,
) -> tuple[bytes, dict[str, bytes]]:
    """The page of a verdict as HTML, and its pictures as PNG, by what they show.

    Args:
        verdict: What was found.
        name: What the picture is called.
        file_facts: What the picture's file says about itself, as label and text.
        made: The date on the page, with a time zone.
        linked: Whether the page leads to the pictures, which will lie beside it as NAME.WHAT.png.
    """
    drawn = None if verdict.tampered_area is None else overlay(verdict)
    shown = _pictures(verdict, drawn)
    # Encoding a large PNG takes a second or more of one processor, and none of this one's time.
    with ThreadPoolExecutor(ENCODERS) as pool:
        encoded = {
            what: pool.submit(png, picture, RECONSTRUCTION if what in RECONSTRUCTED else None)
            for what, picture in shown.items()
        }
        page = build_page(
            verdict,
            name,
            file_facts=file_facts,
            made=made,
            drawn=drawn,
            beside={what: f"{name}.{what}.png" for what in shown} if linked else {},
        )
    pictures = {what: future.result() for what, future in encoded.items()}
    return page.encode("utf-8", "replace"), pictures


def _pictures(verdict: Verdict, drawn: Pixels | None) -> dict[str, NDArray[np.uint8]]:
    """What there is to show of a verdict, by what it shows."""
    pictures = {
        "mask": None if drawn is None else np.where(verdict.mask, np.uint8(255), np.uint8(0)),
        "overlay": drawn,
        "recovered": verdict.recovered,
        "hidden-copy": verdict.hidden_copy_image,
        "uncropped": verdict.uncropped,
    }
    return {what: picture for what, picture in pictures.items() if picture is not None}


def check_report_name(folder: Path, name: str, *, overwrite: bool) -> None:
    """Refuse a name that cannot be used; callers ask this before long work.

    Raises:
        ImageError: as for `write_report`.
    """
    if not name or set(name) & {"/", "\\", "\0"} or name.startswith(".."):
        raise ImageError(f"expected a plain file name for the report, got {name[:80]!r}")
    if len(name.encode("utf-8", "replace")) > LONGEST_NAME:
        raise ImageError(
            f"expected a name of at most {LONGEST_NAME} bytes for the report, got "
            f"{name[:40]!r} and more"
        )
    if not overwrite and (folder / f"{name}.report.html").exists():
        raise ImageError(
            f"{folder} holds a report on {name} already, which is kept; use --overwrite or "
            "another folder"
        )
