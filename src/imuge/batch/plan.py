"""From what is there to what is to be made of it: one task a picture, and no two in one place.

Everything that can be refused is refused here, before the first picture is touched.
"""

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from imuge.batch.listing import Found, Listing
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.errors import ConfigError
from imuge.guard import check_strength
from imuge.image import FORMATS, SUFFIXES, format_for

WORK_FOLDER = ".imuge-batch"  # below the output folder: the lock, and files on their way


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """All tasks of a batch, in order of what they make."""

    root: str  # the folder of the pictures, or that of the list
    tasks: tuple[PictureTask, ...]
    skipped: dict[str, str] = field(default_factory=dict)  # name: why


def make_plan(listing: Listing, spec: BatchSpec) -> BatchPlan:
    """Give every picture found its task.

    Raises:
        ConfigError: a name leads out of the output folder, two pictures would be written to one
            place, or a setting is out of range.
    """
    check_strength(spec.strength)
    tasks = sorted((_task(found, spec) for found in listing.found), key=lambda task: task.name)
    _refuse_collisions(tasks)
    for ending in {PurePosixPath(task.name).suffix.lower() for task in tasks} & SUFFIXES.keys():
        if spec.command == "immunize":
            format_for(Path(f"x{ending}"))  # raises where a package is missing
    return BatchPlan(root=listing.root, tasks=tuple(tasks), skipped=listing.skipped)


def _task(found: Found, spec: BatchSpec) -> PictureTask:
    if spec.command == "verify" and (found.strength, found.metadata) != (None, None):
        raise ConfigError(
            f"{found.shown}: strength and metadata are for immunize; leave them out to verify"
        )
    if found.strength is not None:
        try:
            check_strength(found.strength)
        except ConfigError as error:
            raise ConfigError(f"{found.shown}: {error}") from error
    return PictureTask(
        name=_name(found, spec),
        source=found.source,
        shown=found.shown,
        strength=found.strength,
        metadata=found.metadata,
    )


def _name(found: Found, spec: BatchSpec) -> str:
    """Where the picture's output belongs, below the output folder."""
    if found.output is not None:
        return _inside(found.output, found.shown)
    path = PurePosixPath(found.shown)
    if "://" in found.shown or path.is_absolute() or ".." in path.parts:
        path = PurePosixPath(path.name)
    if spec.format is not None and SUFFIXES.get(path.suffix.lower()) != spec.format:
        path = path.with_suffix(FORMATS[spec.format].suffix)
    return _inside(str(path), found.shown)


def _inside(name: str, shown: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name:
        raise ConfigError(
            f"{shown}: the output {name!r} would lie outside --out; give a relative name without .."
        )
    if path.parts[0] == WORK_FOLDER:
        raise ConfigError(f"{shown}: {WORK_FOLDER} is the batch's own folder; give another output")
    return str(path)


def _refuse_collisions(tasks: Iterable[PictureTask]) -> None:
    """Two names that differ in case or composition alone are one file on many disks."""
    taken: dict[str, PictureTask] = {}
    for task in tasks:
        other = taken.setdefault(_folded(task.name), task)
        if other is not task:
            raise ConfigError(
                f"{other.shown} and {task.shown} would both be written to {task.name}; rename "
                "one, or give a list with an output for each"
            )
    for folded, task in taken.items():
        for parent in PurePosixPath(folded).parents:
            if (above := taken.get(str(parent))) is not None:
                raise ConfigError(
                    f"{above.shown} would be written to {above.name}, which is a folder for "
                    f"{task.shown}; give a list with an output for each"
                )


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def check_places(
    tasks: Iterable[PictureTask],
    out: Path,
    all_sources: Iterable[str],
    *,
    strange: Callable[[str], bool],
) -> None:
    """Refuse outputs that would replace an input, or a file that is not this batch's, or escape.

    Args:
        tasks: Those that will be worked on.
        out: The output folder.
        all_sources: Every path the batch reads, those of finished tasks too.
        strange: Whether a file of this name is there that no record accounts for.

    Raises:
        ConfigError: one would; the message names the first.
    """
    home = out.resolve()
    parents: dict[Path, Path] = {}
    sources = {str(Path(source).resolve()) for source in all_sources}
    for task in tasks:
        folder = (out / task.name).parent
        if folder not in parents:
            parents[folder] = folder.resolve()
            if not parents[folder].is_relative_to(home):
                raise ConfigError(f"{folder} is a link that leads out of {out}; remove it")
        if str(parents[folder] / PurePosixPath(task.name).name) in sources:
            raise ConfigError(f"{out / task.name} is one of the pictures; give another --out")
    strangers = [task.name for task in tasks if strange(task.name)]
    if strangers:
        raise ConfigError(
            f"{out} holds {len(strangers)} of the files to be written already, and no record of "
            f"this batch accounts for them (first: {strangers[0]}); use --overwrite or another "
            "--out"
        )
