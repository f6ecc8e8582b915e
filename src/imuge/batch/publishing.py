"""Publishing in a batch: every picture is recorded once, whatever moment a kill strikes at.

    worker   stage file and note ─► record in the registry, committed ─► its number to the batch
    batch    line in the manifest ─► file gets its name ─► receipt beside it

The *note* is the manifest's line as it will be, but for the record's number. A kill between the
registry's commit and the manifest's line leaves file and note staged: the next run finds the file's
SHA-256 in the registry and takes both over. A kill before the commit leaves a note that the
registry does not know, and the picture is done again.
"""

import hashlib
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from imuge.batch.journal import Journal
from imuge.batch.output_folder import OutputFolder
from imuge.batch.record import Record
from imuge.errors import ReceiptError
from imuge.files import write_atomically
from imuge.registry import sidecar
from imuge.registry.receipts import SUFFIX, Receipt
from imuge.registry.records import now
from imuge.trust.options import PublishOptions, open_registry
from imuge.trust.publishing import Draft, Terms

if TYPE_CHECKING:
    from imuge.registry import Registry


@dataclass(frozen=True, slots=True)
class Recorder:
    """A worker's half: stages what was made, and records it."""

    terms: Terms
    receipt: bool  # without a registry: whether the same facts are staged beside the file
    folder: OutputFolder

    @classmethod
    def opened(cls, options: PublishOptions, folder: OutputFolder) -> "Recorder":
        """Open registry and certificates for as long as the process lives.

        Raises:
            As `PublishOptions.open`.
        """
        return cls(options.open(ExitStack()), options.receipt, folder)

    def keep(self, draft: Draft, record: Record, *, replaces: int | None) -> Record:
        """Stage and record a draft.

        Args:
            draft: What was made.
            record: The manifest's line for it.
            replaces: The registry's record of what the draft takes the place of.

        Returns:
            The line with all that is known now.

        Raises:
            TakenError: the image id is taken.
            RegistryError: it could not be recorded; nothing was.
            ImageError: the disk refused.
        """
        assert record.output is not None
        files = {record.output: draft.file}
        if self.terms.registry is None:
            if self.receipt:
                files[record.output + SUFFIX] = sidecar(draft.picture, now())
            self.folder.stage(files)
            beside = {
                name: hashlib.sha256(content).hexdigest()
                for name, content in files.items()
                if name != record.output
            }
            return replace(record, files=beside)
        self.folder.stage(files)
        self.folder.stage_note(record)
        receipt = self.terms.registry.publish(replace(draft.picture, replaces=replaces))
        return replace(record, log_index=receipt.record.log_index)


@dataclass(frozen=True, slots=True)
class Registrar:
    """The batch's own half: takes over what a kill left, and writes receipts."""

    registry: "Registry"
    folder: OutputFolder

    @classmethod
    def opened(
        cls, options: PublishOptions | None, folder: OutputFolder, stack: ExitStack
    ) -> "Registrar | None":
        """Open the registry, where one records; `stack` closes it.

        Raises:
            As `open_registry`.
        """
        if options is None or options.registry is None:
            return None
        return cls(stack.enter_context(open_registry(options.registry)), folder)

    def adopt(self, journal: Journal) -> None:
        """Enter into the manifest what is recorded already and was killed before its line.

        Raises:
            RegistryError: the registry is out of reach.
            ImageError: the disk refused.
        """
        for record in self.folder.notes():
            known = journal.records.get(record.name)
            if known is not None and known.output_sha256 == record.output_sha256:
                continue
            assert record.output_sha256 is not None
            for match in self.registry.find_file(record.output_sha256):
                if match.by == "file" and match.withdrawn is None:
                    journal.append(replace(record, log_index=match.record.log_index))

    def complete(self, record: Record) -> None:
        """Write the receipt of a file that is in its place; one that fits it is kept.

        Raises:
            RegistryError: the registry is out of reach.
            KeyFileError: its key is missing.
            ImageError: the disk refused; the next run tries again.
        """
        if record.log_index is None or record.output is None or record.error is not None:
            return
        path = self.folder.out / (record.output + SUFFIX)
        if self.folder.exists(record.output) and not _fits(path, record):
            receipt = self.registry.receipt(record.log_index)
            write_atomically(path, receipt.to_json(), overwrite=True)

    def take_back(self, record: Record) -> None:
        """Withdraw the record of a file that could not be put in its place.

        Raises:
            RegistryError: the registry refused.
        """
        from imuge.registry.publication import NEVER_OUT  # here: it needs a database's library

        if record.log_index is not None:
            self.registry.withdraw(record.log_index, note=NEVER_OUT)


def receipts_of(records: dict[str, Record]) -> set[str]:
    """The names of the receipts that belong to records in a registry.

    Those of failures, too: what an earlier success left stays the batch's own.
    """
    return {record.name + SUFFIX for record in records.values() if record.log_index is not None}


def _fits(path: Path, record: Record) -> bool:
    """Whether the receipt there is of the file that `record` speaks of."""
    with suppress(OSError, ReceiptError):
        return Receipt.parse(path.read_bytes()).record.sha256_published == record.output_sha256
    return False
