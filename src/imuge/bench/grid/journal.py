"""What was measured, line by line on disk, so that a run that was stopped can go on.

The first line says what the run is; every other one holds all rows of one picture under one
contestant. A line that was cut off when the run was stopped is measured again.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from imuge.bench.grid.cases import Case
from imuge.bench.grid.trials import Row
from imuge.errors import ConfigError

NAME = "bench.journal.jsonl"
Unit = tuple[str, str]  # contestant and picture


class Journal:
    """The journal of one run, in the folder of its results.

    Args:
        folder: Where the results go.
        plan: What the run is: two runs of one plan measure the same.
        resume: Whether to go on where an earlier run of the same plan stopped.
        name: Of the file.

    Raises:
        ConfigError: an unfinished run is in the way, or there is none of this plan to go on with.
    """

    def __init__(
        self, folder: Path, plan: dict[str, Any], *, resume: bool, name: str = NAME
    ) -> None:
        self._path = folder / name
        self.done: dict[Unit, list[Row]] = {}
        header = json.loads(json.dumps({"plan": plan}))
        if resume:
            self._read(header)
            return
        if self._path.exists():
            raise ConfigError(
                f"{folder} holds an unfinished run; go on with --resume, or remove {name} in it"
            )
        self._path.write_text(json.dumps(header) + "\n")

    def add(self, unit: Unit, rows: Iterable[Row]) -> None:
        """Keep the rows of one picture under one contestant."""
        self.done[unit] = list(rows)
        line = {"contestant": unit[0], "picture": unit[1]}
        with self._path.open("a") as file:
            file.write(
                json.dumps({**line, "rows": [asdict(row) for row in self.done[unit]]}) + "\n"
            )

    def finish(self) -> None:
        """Remove it: the results are written."""
        self._path.unlink()

    def _read(self, header: dict[str, Any]) -> None:
        if not self._path.exists():
            raise ConfigError(f"there is nothing to resume: {self._path} does not exist")
        text = self._path.read_text()
        whole = text[: text.rfind("\n") + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        if not lines or lines[0] != header:
            raise ConfigError(
                f"{self._path} is of another run ({_differing(lines, header)}); "
                "give the same options, or remove it"
            )
        if whole != text:
            self._path.write_text(whole)
        for line in lines[1:]:
            rows = [Row(Case(**row.pop("case")), **row) for row in line["rows"]]
            self.done[line["contestant"], line["picture"]] = rows


def _differing(lines: list[dict[str, Any]], header: dict[str, Any]) -> str:
    before = lines[0].get("plan", {}) if lines else {}
    now = header["plan"]
    names = [name for name in now if before.get(name) != now[name]]
    return f"different: {', '.join(names)}" if names else "unreadable"
