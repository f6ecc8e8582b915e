"""What a batch in any storage starts from: its pictures, its outputs, its earlier manifest."""

import io
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from imuge.batch.listing import LISTS, Listing, choose, list_folder, read_list
from imuge.batch.parquet import MANIFEST, PARTS, to_records
from imuge.batch.plan import BatchPlan
from imuge.batch.remote import where
from imuge.batch.storage import Storage, open_storage, without_secrets
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.batch.work import sha256
from imuge.errors import ConfigError, ImageError


def list_remote(
    source: str, outputs: Storage, globs: Sequence[str] = ()
) -> tuple[Storage | None, Listing]:
    """List a folder or read a list, as the path or URI says.

    Returns:
        The folder's storage, below which the listing's sources lie, or None for a list; and what
        is there.

    Raises:
        ConfigError: there is nothing, or it is the output folder.
        ImageError: it cannot be listed.
    """
    if PurePosixPath(source).suffix.lower() in LISTS and "://" not in source:
        if globs:
            raise ConfigError("--glob chooses from a folder; a list names its pictures itself")
        return None, read_list(Path(source))
    inputs = open_storage(source)
    if _is_same(inputs, outputs) and inputs.root == outputs.root:
        raise ConfigError(f"{without_secrets(source)} is both input and output; give another --out")
    if inputs.is_local:
        # Not by pyarrow, which would follow links.
        if not Path(inputs.root).is_dir():
            raise ConfigError(f"expected a folder of pictures or a list, got {source}")
        out = Path(outputs.root) if outputs.is_local else None
        listing = list_folder(Path(inputs.root), out, globs)
        listing.found = [replace(found, source=found.shown) for found in listing.found]
        return inputs, listing
    listing = Listing(without_secrets(source))
    for name, _ in sorted(inputs.files(), key=lambda item: item[0]):
        path = PurePosixPath(inputs.path(name))
        inside = _is_same(inputs, outputs) and path.is_relative_to(outputs.root)
        if not inside and not any(part.startswith(".") for part in PurePosixPath(name).parts):
            choose(listing, name, name, globs)
    if not listing.found and not listing.skipped:
        raise ConfigError(
            f"there are no files in {without_secrets(source)}; give a folder of pictures, or a list"
        )
    return inputs, listing


class RemoteStore:
    """What `resume` asks about files, answered from two listings as far as they go."""

    def __init__(self, inputs: Storage | None, outputs: Storage) -> None:
        self._inputs, self._outputs = inputs, outputs
        self._places: dict[str, Storage] = {}
        self._marks = {} if inputs is None else {n: _mark(info) for n, info in inputs.files()}
        self.outputs = {name for name, _ in outputs.files()}

    def input_mark(self, task: PictureTask) -> tuple[int, int] | None:
        """Size in bytes and time of modification in ns; None where there is no such file."""
        if self._inputs is not None:
            return self._marks.get(task.source)
        storage, name = where(task, None, self._places)
        info = storage.info(name)
        return _mark(info) if info.is_file else None

    def input_sha256(self, task: PictureTask) -> str | None:
        """The SHA-256 of the input's content; None where it cannot be read."""
        storage, name = where(task, self._inputs, self._places)
        try:
            return sha256(storage.read(name))
        except ImageError:
            return None

    def output_is(self, name: str, sha256: str) -> bool:
        """Whether it is there: storages show files whole or not at all, and reading all is dear."""
        del sha256
        return name in self.outputs

    @property
    def resumes(self) -> bool:
        """Whether there is a manifest, or a part of one."""
        return bool(self._manifests)

    @cached_property
    def _manifests(self) -> list[str]:
        parts = (name for name in self.outputs if name.startswith(f"{PARTS}/part-"))
        return [*(name for name in (MANIFEST,) if name in self.outputs), *sorted(parts)]

    @property
    def owned(self) -> set[str]:
        """Every file that an earlier manifest speaks of, whatever batch it was of."""
        names: set[str] = set()
        for manifest in self._manifests:
            try:
                data = self._outputs.read(manifest, limit=1 << 32)
                records = to_records(pq.read_table(io.BytesIO(data)))
            except (pa.ArrowException, OSError, KeyError, TypeError):
                continue  # damaged: then nothing tells its outputs from other files
            names.update(name for record in records for name in record.written)
        return names

    def set_manifest_aside(self) -> None:
        """Give an earlier manifest, if there is one, another name; it is kept."""
        number = 1
        while any(name.startswith(f"{PARTS}.old-{number}") for name in self.outputs):
            number += 1
        for name in self._manifests:
            kept = f"{PARTS}.old-{number}{name.removeprefix(PARTS)}"
            self._outputs.write(kept, self._outputs.read(name, limit=1 << 32))
            self._outputs.remove(name)


def refuse_inputs(plan: BatchPlan, inputs: Storage | None, outputs: Storage) -> None:
    """Refuse outputs that would replace an input.

    Raises:
        ConfigError: one would; the message names it.
    """
    places: dict[str, Storage] = {}
    sources = set()
    for task in plan.tasks:
        storage, name = where(task, inputs, places)
        if _is_same(storage, outputs):
            sources.add(storage.path(name))
    for task in plan.tasks:
        if outputs.path(task.name) in sources:
            raise ConfigError(
                f"{outputs.path(task.name)} is one of the pictures; give another --out"
            )


def refuse_strangers(plan: BatchPlan, spec: BatchSpec, store: RemoteStore, owned: set[str]) -> None:
    """Refuse to write where there is a file that no record accounts for.

    Raises:
        ConfigError: there is one; the message names the first.
    """
    ending = "" if spec.command == "immunize" else ".report.html"
    made = [task.name + ending for task in plan.tasks]
    if strangers := [name for name in made if name in store.outputs - owned]:
        raise ConfigError(
            f"the output folder holds {len(strangers)} of the files to be written already, and no "
            f"record of this batch accounts for them (first: {strangers[0]}); use --overwrite or "
            "another --out"
        )


def _is_same(one: Storage, other: Storage) -> bool:
    return bool(one.filesystem.equals(other.filesystem))


def _mark(info: Any) -> tuple[int, int]:  # noqa: ANN401 - pyarrow's
    return info.size, info.mtime_ns
