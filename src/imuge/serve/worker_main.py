"""A worker process: `python -m imuge.serve.worker_main`, started by the service alone.

It reads tasks from standard input and writes steps and outcomes to standard output, as `frames`.
Keys come over the pipe too: never in arguments or in the environment, which others can list.
"""

import os
import signal
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from imuge.errors import ImugeError
from imuge.guard import Guard
from imuge.keys import Key
from imuge.serve import frames
from imuge.serve.desk import Desk, DeskSettings
from imuge.serve.settings import key_from_dict
from imuge.serve.tasks import JobError, JobTask, Outcome, megapixels_of, perform

STEP_EVERY_S = 0.2


def main() -> None:
    """Work until the service closes the pipe."""
    # The service decides when a worker ends; a Ctrl-C or a SIGTERM to the group is not for us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    source, sink = _own_streams()
    with suppress(EOFError, BrokenPipeError):
        _work(source, sink)


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Take the two pipes away from `print`, and from libraries that write to descriptor 1."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return source, sink


def _work(source: BinaryIO, sink: BinaryIO) -> None:
    settings, _ = frames.read(source)
    _limit_memory(settings["memory_bytes"])
    last = 0.0

    def step(name: str, share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= STEP_EVERY_S:
            last = now
            frames.write(sink, {"type": "step", "step": name, "progress": share})

    try:
        guard = _guard(settings, step)
        desk = Desk.opened(DeskSettings.from_dict(settings["desk"]))
    except (ImugeError, MemoryError) as error:
        frames.write(sink, {"type": "unusable", "message": str(error) or "too little memory"})
        return
    ready = {"model": guard.engine.record.name, "model_sha256": guard.engine.sha256}
    frames.write(sink, {"type": "ready", **ready})
    while True:
        head, blobs = frames.read(source)
        if not _one(guard, desk, JobTask(**head["task"]), blobs[0], sink):
            return


def _one(guard: Guard, desk: Desk, task: JobTask, data: bytes, sink: BinaryIO) -> bool:
    """Do one job; False where this process had better not go on."""
    try:
        # Said at once: in a picture of one strip the first step is told when it is over. The size
        # comes from the header, before anything is decoded: the time that the job gets hangs on it.
        told = {"step": "read", "progress": 0.0, "megapixels": megapixels_of(data)}
        frames.write(sink, {"type": "step", **told})
        outcome = perform(guard, task, data, desk)
        frames.write(sink, *packed(outcome))
    except JobError as error:
        final = error.detail == "memory"
        failed = {"type": "failed", "code": error.code, "message": error.message}
        frames.write(sink, failed | {"detail": error.detail, "final": final})
        return not final
    except BrokenPipeError:
        raise
    except Exception as error:
        # The last place alone: a message or a local variable could show what was in the picture.
        place = traceback.extract_tb(error.__traceback__)[-1]
        detail = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        failed = {"type": "failed", "code": "internal", "message": ""}
        frames.write(sink, failed | {"detail": detail, "final": True})
        return False
    return True


def packed(outcome: Outcome) -> tuple[dict[str, Any], list[bytes]]:
    """An outcome as head and blobs."""
    head = {
        "type": "done",
        "record": outcome.record,
        "verdict": outcome.verdict,
        "image_id": outcome.image_id,
        "files": [
            {"name": file.name, "media_type": file.media_type, "ending": file.ending}
            for file in outcome.files
        ],
    }
    return head, [file.content for file in outcome.files]


def _guard(settings: dict[str, Any], step: Any) -> Guard:  # noqa: ANN401
    keys: list[Key] = [key_from_dict(item) for item in settings["keys"]]
    weights = settings["weights"]
    guard = Guard(
        keys,
        weights=None if weights is None else Path(weights),
        threads=settings["threads"],
        progress=step,
    )
    for name in guard.engine.record.graphs:
        guard.engine.session(name)  # now, not in the first caller's time
    return guard


def _limit_memory(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold keys and pictures
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    main()
