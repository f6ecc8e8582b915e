"""What a run tells: on the terminal, in `log.jsonl`, to TensorBoard, and as pictures."""

import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch.utils.tensorboard.writer import SummaryWriter

from imuge.files import make_folder, write_atomically

BAR = 24  # characters


class TrainingJournal:
    """Keeps the records of one run in its folder; a run that goes on adds to them."""

    def __init__(self, folder: Path, *, from_step: int) -> None:
        self._folder = folder
        make_folder(folder / "sheets")
        self._cut_after(from_step)
        self._lines = (folder / "log.jsonl").open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=from_step + 1)

    def _cut_after(self, step: int) -> None:
        """Drop what an interrupted run logged beyond the checkpoint that this one starts from."""
        path = self._folder / "log.jsonl"
        if not path.exists():
            return
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
        write_atomically(path, "".join(f"{line}\n" for line in kept).encode(), overwrite=True)

    def record(self, step: int, kind: str, numbers: Mapping[str, float]) -> None:
        """Add numbers to the log and to TensorBoard.

        Args:
            step: The training step they belong to.
            kind: What they are: `train` or `validation`.
            numbers: By name; what is not finite is written as null.
        """
        line: dict[str, Any] = {"step": step, "kind": kind}
        line |= {k: v if np.isfinite(v) else None for k, v in numbers.items()}
        self._lines.write(json.dumps(line, allow_nan=False) + "\n")
        self._lines.flush()
        for name, number in numbers.items():
            self._board.add_scalar(f"{kind}/{name}", number, step)

    def picture(self, step: int, name: str, pixels: NDArray[np.uint8]) -> None:
        """Keep a sheet (H, W, 3): as a PNG file and in TensorBoard."""
        path = self._folder / "sheets" / f"{name}-{step:08d}.png"
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        write_atomically(path, buffer.getvalue(), overwrite=True)
        self._board.add_image(name, pixels, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is still in memory."""
        self._lines.close()
        self._board.close()


class Terminal:
    """A line that moves where somebody watches, now and then a whole one where nobody does.

    Args:
        stream: Where to; None says nothing.
        every_s: Seconds between whole lines where nobody watches.
    """

    def __init__(self, stream: TextIO | None, *, every_s: float = 30.0) -> None:
        self._stream = stream
        self._every_s = every_s
        self._last = -every_s
        self._open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self.end()
        self._write(f"{text}\n")

    def show(self, share: float, text: str) -> None:
        """Show how far it has come."""
        filled = round(BAR * min(max(share, 0), 1))
        line = f"[{'#' * filled}{'.' * (BAR - filled)}] {100 * share:3.0f} %  {text}"
        if self._stream is not None and self._stream.isatty():
            self._write(f"\r\x1b[2K{line}")
            self._open = True
        elif time.monotonic() - self._last >= self._every_s:
            self._last = time.monotonic()
            self._write(f"{line}\n")

    def end(self) -> None:
        """Leave the moving line behind."""
        if self._open:
            self._write("\n")
            self._open = False

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(text)
            self._stream.flush()


def duration(seconds: float) -> str:
    """A time as people say it: `50 s`, `12 min`, `3 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
