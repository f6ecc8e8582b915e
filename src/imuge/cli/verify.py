"""`imuge verify`: say what happened to pictures since they were immunized."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from imuge.cli.keys import KeyOption, keys_to_verify
from imuge.cli.terminal import (
    FAILED,
    STREAM,
    Outcome,
    PixelsOption,
    Steps,
    label,
    limits_of,
    one_sentence,
    progress,
    read_source,
    say,
)
from imuge.errors import ConfigError
from imuge.guard import Guard
from imuge.image import described, load
from imuge.report.write import check_report_name, write_report
from imuge.results import Verdict

# What `write_report` may write beside the page; tests/test_cli_verify.py holds the two together.
REPORT_ENDINGS = (
    "report.html",
    "verdict.json",
    "mask.png",
    "overlay.png",
    "recovered.png",
    "hidden-copy.png",
)

Sources = Annotated[
    list[Path],
    # Not checked by click: a file that cannot be read is a failure (1), not wrong usage (2).
    typer.Argument(metavar="IN", readable=False, help="Pictures to check; - is standard input."),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        readable=False,
        help="Write a report to open in a browser, the mask and the recovered picture into DIR; "
        "an earlier report of the same name is kept.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace earlier reports of the same names.")
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print the verdict as JSON; for several pictures a list of them."),
]


@one_sentence
def verify(
    sources: Sources,
    key: KeyOption = None,
    out: ReportOption = None,
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    max_megapixels: PixelsOption = None,
) -> None:
    """Tell where pictures were changed since they were immunized.

    Without --key every key you hold is tried. A verdict never proves that a picture is
    authentic, and "unprotected" says nothing about whether it is.

    \b
    Exit status:
       0  intact       protected; no change beyond normal re-saving was found
      10  tampered     protected; parts of it were changed
      11  degraded     protected, but too damaged to say more
      12  foreign      the protection belongs to another picture
      13  unprotected  no protection of these keys was found
       1  a picture or key could not be used        2  wrong usage
    Of several pictures the highest counts, and 1 if any failed.
    """  # noqa: D301 - \b is click's mark for a paragraph to leave as it is
    _check_reports(sources, out)
    keys = keys_to_verify(key)
    failed, status = False, 0
    records: list[dict[str, Any]] = []
    with progress(len(sources)) as steps:
        guard = Guard(keys, limits=limits_of(max_megapixels), progress=steps.step)
        for source in sources:
            with steps.file(source) as outcome:
                verdict = _verify_one(guard, source, out, overwrite=overwrite)
                status = max(status, verdict.exit_status)
                outcome.record = verdict.to_dict()
                if not as_json:
                    _show(verdict, source, steps, several=len(sources) > 1)
                elif len(sources) == 1:
                    steps.answer(verdict.to_json())
            failed |= outcome.error is not None
            records.append(_record(source, outcome))
    if as_json and len(sources) > 1:
        typer.echo(json.dumps(records, indent=2, ensure_ascii=False))
    if out is not None and any("error" not in record for record in records):
        one = out / f"{_name(sources[0])}.report.html"
        say(f"Report: {one}" if len(sources) == 1 else f"Reports: {out}")
    raise typer.Exit(FAILED if failed else status)


def _check_reports(sources: list[Path], out: Path | None) -> None:
    """Refuse inputs whose reports would replace each other, or an input."""
    if sources.count(STREAM) > 1:
        raise ConfigError("standard input can be read once only")
    if out is None:
        return
    names = [_name(source) for source in sources]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"two pictures are called {twice[0]}; verify them into different --out")
    inputs = {source.resolve() for source in sources if source != STREAM}
    reports = [out / f"{name}.{ending}" for name in names for ending in REPORT_ENDINGS]
    for path in reports:
        if path.resolve() in inputs:
            raise ConfigError(f"the report would replace the picture {path}; give another --out")


def _verify_one(guard: Guard, source: Path, out: Path | None, *, overwrite: bool) -> Verdict:
    """The verdict, with its report written where one is wanted."""
    if out is None:
        return guard.verify(read_source(source), recover=False)
    check_report_name(out, _name(source), overwrite=overwrite)
    picture = load(read_source(source), limits=guard.limits)
    verdict = guard.verify(picture, hidden_copy=True)
    facts = {"File": label(source) if source == STREAM else source.name} | described(picture)
    write_report(verdict, out, _name(source), file_facts=facts, overwrite=overwrite)
    return verdict


def _name(source: Path) -> str:
    return "stdin" if source == STREAM else source.stem


def _record(source: Path, outcome: Outcome) -> dict[str, Any]:
    if outcome.error is not None:
        return {"file": str(source), "error": outcome.error}
    return {"file": str(source), **outcome.record}


def _show(verdict: Verdict, source: Path, steps: Steps, *, several: bool) -> None:
    """The sentence, the regions below it, and warnings on standard error."""
    prefix = f"{label(source)}: " if several else ""
    lines = [prefix + verdict.sentence]
    for number, region in enumerate(verdict.regions, 1):
        left, top, right, bottom = region.box
        lines.append(
            f"  {number}. {right - left}x{bottom - top} pixels at ({left}, {top}), "
            f"{region.area:.2%} of the picture"
        )
    steps.answer("\n".join(lines))
    for warning in verdict.warnings:
        say(prefix + warning)
