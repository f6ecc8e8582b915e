"""Put a picture's file in place and its record into the log, so that neither is ever alone.

    file, beside its place ─► record, committed ─► file gets its name ─► receipt beside it

Whatever has its final name is in the log. The order follows from what a crash may leave:

- before the commit: a temporary file and no record. Nothing was published.
- between commit and name: a record of a file that nobody was given. It names no place where the
  file could be missed, and immunizing again makes another file with another record.
- the other order could leave a file under its final name that the log does not know: somebody
  would publish it, and every later look-up would call it a forgery of ours.

Where the name cannot be given after all, the record is withdrawn at once.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from imuge.errors import ImageError, ImugeError, RegistryError
from imuge.files import staged, write_atomically
from imuge.registry.receipts import Receipt, receipt_path
from imuge.registry.records import PublishedPicture
from imuge.registry.registry import Registry

NEVER_OUT = "never published: the file could not be put in place"


def publish_file(
    registry: Registry,
    picture: PublishedPicture,
    data: bytes,
    path: Path,
    *,
    overwrite: bool = False,
) -> Receipt:
    """Record a picture and write its file, and its receipt beside it.

    Args:
        registry: Where it is recorded.
        picture: What is recorded; `sha256_published` is of `data`.
        data: The whole file.
        path: Where the file shall be.
        overwrite: Whether a file and a receipt there may be replaced.

    Raises:
        TakenError: the image id is taken; draw another and embed again. No file was left.
        RegistryError: it could not be recorded, and no file was left; or it is recorded and its
            file in place, and the receipt could not be written, as the sentence then says.
        ImageError: the file cannot be written. Nothing is recorded, or what was is withdrawn.
    """
    with ExitStack() as stack:
        place = stack.enter_context(staged(path, data, overwrite=overwrite))
        receipt = registry.publish(picture)
        _name(registry, receipt, place)
    try:
        write_atomically(receipt_path(path), receipt.to_json(), overwrite=overwrite)
    except ImageError as error:
        number = receipt.record.log_index
        raise RegistryError(
            f"{path} is written and recorded as {number}, but its receipt is not: {error}; "
            f"get it with `imuge registry receipt {number}`"
        ) from error
    return receipt


def _name(registry: Registry, receipt: Receipt, place: Callable[[], Path]) -> None:
    try:
        place()
    except ImageError as error:
        number = receipt.record.log_index
        try:
            registry.withdraw(number, note=NEVER_OUT)
        except ImugeError as second:
            raise ImageError(
                f"{error}; record {number} of it stands, withdraw it: {second}"
            ) from error
        raise
