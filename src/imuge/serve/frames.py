"""How service and worker talk: one JSON head and some blobs a message, over two pipes.

    length of the head (4 bytes, big-endian) | head: {"type": ..., "blobs": [lengths]} | blobs

No pickle: a worker that a hostile picture has taken over cannot make the service run anything.
"""

import asyncio
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

MOST_HEAD_BYTES = 16 * 2**20  # a verdict with very many regions
MOST_BLOB_BYTES = 2**30

Message = tuple[dict[str, Any], list[bytes]]


def pack(head: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> list[bytes]:
    """Give the pieces of a message, in order."""
    text = json.dumps({**head, "blobs": [len(blob) for blob in blobs]}).encode("ascii")
    return [struct.pack(">I", len(text)), text, *blobs]


def write(stream: BinaryIO, head: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Send a message from a worker."""
    stream.writelines(pack(head, blobs))
    stream.flush()


def read(stream: BinaryIO) -> Message:
    """Receive a message in a worker.

    Raises:
        EOFError: the service is gone.
    """
    (length,) = struct.unpack(">I", _exactly(stream, 4))
    head = json.loads(_exactly(stream, length))
    return head, [_exactly(stream, size) for size in head.pop("blobs")]


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


async def receive(reader: asyncio.StreamReader) -> Message:
    """Receive a message in the service.

    Raises:
        EOFError: the worker is gone, or what it sends is no message.
    """
    try:
        (length,) = struct.unpack(">I", await reader.readexactly(4))
        if length > MOST_HEAD_BYTES:
            raise EOFError
        head = json.loads(await reader.readexactly(length))
        sizes = head.pop("blobs")
        if not all(isinstance(size, int) and 0 <= size <= MOST_BLOB_BYTES for size in sizes):
            raise EOFError
        return head, [await reader.readexactly(size) for size in sizes]
    except (asyncio.IncompleteReadError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EOFError from error
