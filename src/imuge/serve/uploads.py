"""One uploaded picture and the fields beside it, out of a multipart body, in memory alone.

    body ─► a buffer, on the event loop ─► parsed in a thread: many small parts hold up nobody else

Whatever name the client gives its file, as `filename` or as `filename*`, is never looked at.
"""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from imuge.serve.refusals import Refusal

MOST_FIELD_BYTES = 1024
MOST_FIELDS = 12
PIECE_BYTES = 64 * 2**10
IDENTITY_ENCODINGS = {b"", b"binary", b"8bit", b"7bit"}
WANTED = "send one picture as the multipart field `file`"


@dataclass(frozen=True, slots=True)
class Upload:
    """What a request brought."""

    data: bytes = field(repr=False)
    fields: dict[str, str]


async def receive(request: Request, known: Collection[str]) -> Upload:
    """Receive the body.

    Args:
        request: Of type multipart/form-data.
        known: Names that fields may have, beside `file`.

    Raises:
        Refusal: it is no multipart body, lacks the picture, or has more than was asked for.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind.strip() != b"multipart/form-data":
        raise Refusal("unsupported_media", f"expected a body of type multipart/form-data; {WANTED}")
    if not options.get(b"boundary"):
        raise _unreadable("its Content-Type names no boundary")
    body = bytearray()
    async for piece in request.stream():
        body += piece
    return await asyncio.to_thread(parse, body, options[b"boundary"], known)


def parse(body: bytearray, boundary: bytes, known: Collection[str]) -> Upload:
    """Take a whole multipart body apart.

    Raises:
        Refusal: as for `receive`.
    """
    form = _Form(known)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.header_end,
                "on_headers_finished": form.headers_end,
                "on_part_data": form.data,
                "on_part_end": form.end,
                "on_end": form.finish,
            },
        )
        for piece in _pieces(body):
            parser.write(piece)
    except FormParserError as error:
        raise _unreadable("its boundaries or headers are not those of a form") from error
    return form.upload()


def _pieces(body: bytearray) -> Iterator[bytes]:
    for start in range(0, len(body), PIECE_BYTES):
        yield bytes(body[start : start + PIECE_BYTES])


class _Form:
    """Collects what a parser finds; refuses at once what is not wanted."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._fields: dict[str, str] = {}
        self._file: bytearray | None = None
        self._parts = 0
        self._complete = False
        self._headers: dict[bytes, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._name = ""
        self._content = bytearray()

    def begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_FIELDS:
            raise _unreadable(f"it has more than {MOST_FIELDS} fields")
        self._headers, self._header, self._content = {}, (bytearray(), bytearray()), bytearray()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def headers_end(self) -> None:
        """Look at the name alone; a file's own name, in whatever form, says nothing."""
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        if b"name" not in options:
            raise _unreadable("a part has no name")
        self._name = options[b"name"].decode("utf-8", "replace")
        encoding = self._headers.get(b"content-transfer-encoding", b"").strip().lower()
        if encoding not in IDENTITY_ENCODINGS:
            raise _unreadable(f"a part is encoded as {_quoted(encoding.decode('latin-1'))}")
        if self._name == "file":
            if self._file is not None:
                raise _unreadable("it holds several files")
            self._file = self._content
        elif b"filename" in self._headers.get(b"content-disposition", b""):
            raise Refusal("invalid_request", f"got a file in another field; {WANTED}")
        elif self._name not in self._known:
            known = ", ".join(sorted(self._known))
            raise Refusal(
                "invalid_request", f"unknown field {_quoted(self._name)}; known are file, {known}"
            )
        elif self._name in self._fields:
            raise Refusal("invalid_request", f"the field {self._name} came twice; send it once")

    def data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]
        if self._content is not self._file and len(self._content) > MOST_FIELD_BYTES:
            raise _unreadable(f"the field {self._name} has more than {MOST_FIELD_BYTES} bytes")

    def end(self) -> None:
        if self._content is not self._file:
            self._fields[self._name] = self._content.decode("utf-8", "replace")

    def finish(self) -> None:
        """Note that the last boundary came."""
        self._complete = True

    def upload(self) -> Upload:
        """What came, if all of it came."""
        if not self._complete:
            raise _unreadable("it is cut short")
        if self._file is None:
            raise Refusal("invalid_request", f"there was no file; {WANTED}")
        return Upload(bytes(self._file), self._fields)


def _unreadable(why: str) -> Refusal:
    return Refusal("bad_request", f"the multipart body was refused ({why}); {WANTED}")


def _quoted(text: str) -> str:
    return ascii(text[:40])
