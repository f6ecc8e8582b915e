"""One uploaded picture and the fields beside it, out of a multipart body, in memory alone.

The name that the client gives its file is never looked at.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from imuge.serve.refusals import Refusal

MOST_FIELD_BYTES = 1024
MOST_FIELDS = 12
WANTED = "send one picture as the multipart field `file`"


@dataclass(frozen=True, slots=True)
class Upload:
    """What a request brought."""

    data: bytes = field(repr=False)
    fields: dict[str, str]


class _InMemory(MultiPartParser):
    # Larger than any body that the edge lets through: nothing is ever spooled to disk.
    spool_max_size = 2**40
    complete = False

    def on_end(self) -> None:
        """Note that the last boundary came."""
        self.complete = True

    async def parse(self) -> FormData:
        """Parse a body that is whole; Starlette would take what there is of one cut short."""
        form = await super().parse()
        if not self.complete:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("it is cut short")
        return form


async def receive(request: Request, known: Collection[str]) -> Upload:
    """Receive the body.

    Args:
        request: Of type multipart/form-data.
        known: Names that fields may have, beside `file`.

    Raises:
        Refusal: it is no multipart body, lacks the picture, or has more than was asked for.
    """
    kind = request.headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != "multipart/form-data":
        raise Refusal("unsupported_media", f"expected a body of type multipart/form-data; {WANTED}")
    parser = _InMemory(
        request.headers,
        request.stream(),
        max_files=1,
        max_fields=MOST_FIELDS,
        max_part_size=MOST_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise Refusal(
            "bad_request", f"the multipart body was refused ({error}); {WANTED}"
        ) from error
    except (UnicodeError, ValueError) as error:
        raise Refusal("bad_request", f"the multipart body cannot be read; {WANTED}") from error
    try:
        return await _sorted_out(form.multi_items(), known)
    finally:
        await form.close()


async def _sorted_out(items: list[tuple[str, UploadFile | str]], known: Collection[str]) -> Upload:
    data: bytes | None = None
    fields: dict[str, str] = {}
    for name, value in items:
        if isinstance(value, UploadFile):
            if name != "file":
                raise Refusal("invalid_request", f"got a file in another field; {WANTED}")
            data = await value.read()
        elif name == "file":
            raise Refusal("invalid_request", f"the field `file` has no file name; {WANTED}")
        elif name not in known:
            raise Refusal(
                "invalid_request",
                f"unknown field {_quoted(name)}; known are file, {', '.join(sorted(known))}",
            )
        elif name in fields:
            raise Refusal("invalid_request", f"the field {name} came twice; send it once")
        else:
            fields[name] = value
    if data is None:
        raise Refusal("invalid_request", f"there was no file; {WANTED}")
    return Upload(data, fields)


def _quoted(text: str) -> str:
    return ascii(text[:40])
