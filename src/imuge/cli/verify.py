"""`imuge verify`: say what happened to pictures since they were immunized."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from imuge.cli.keys import KeyOption, keys_to_verify
from imuge.cli.provenance import Asking, AskOption, TrustOption, ask_options
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
    refuse_folder,
    say,
)
from imuge.engine.steps import REPORT, VERDICT, Plan, step
from imuge.errors import ConfigError, shown
from imuge.guard import Guard
from imuge.image import Picture, described, load
from imuge.protection.places import Search
from imuge.report.write import check_report_name, write_report
from imuge.results import Finding, Verdict, gravest_status

# What `write_report` may write beside the page; tests/test_cli_verify.py holds the two together.
REPORT_ENDINGS = (
    "report.html",
    "verdict.json",
    "mask.png",
    "overlay.png",
    "recovered.png",
    "hidden-copy.png",
    "uncropped.png",
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
SearchOption = Annotated[
    Search,
    typer.Option(
        help="How far to look: off takes a copy to be whole and upright; quick also finds parts, "
        "turns, mirror images and copies inside a larger picture; full also stretched ones, and "
        "small ones in large screenshots, in seconds more."
    ),
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
    search: SearchOption = "quick",
    as_json: JsonOption = False,
    overwrite: OverwriteOption = False,
    max_megapixels: PixelsOption = None,
    registry: AskOption = False,
    trust: TrustOption = None,
) -> None:
    """Tell where pictures were changed since they were immunized.

    Without --key every key you hold is tried. A verdict never proves that a picture is
    authentic, and "unprotected" says nothing about whether it is.

    \b
    Exit status:
       0  intact       protected; no change was found beyond re-saving,
                       scaling and cropping
      10  tampered     protected; parts of it were changed
      11  degraded     protected, but too damaged to say more
      12  foreign      the protection belongs to another picture
      13  unprotected  no protection of these keys was found
       1  a picture or key could not be used        2  wrong usage
    Of several pictures the first counts in the order tampered, foreign, degraded,
    unprotected, intact, and 1 if any failed.
    """  # noqa: D301 - \b is click's mark for a paragraph to leave as it is
    if sources.count(STREAM) > 1:
        raise ConfigError("standard input can be read once only")
    _check_reports(sources, out, overwrite=overwrite)
    keys = keys_to_verify(key)
    failed = False
    findings: list[Finding] = []
    records: list[dict[str, Any]] = []
    plan = Plan(VERDICT if out is None else REPORT)
    asking = Asking(ask_options(registry=registry, trust=trust))
    with progress(len(sources), plan) as steps, asking:
        guard = Guard(keys, limits=limits_of(max_megapixels), progress=steps.step)
        for source in sources:
            with steps.file(source) as outcome:
                verdict, picture = _verify_one(
                    guard, source, search, steps, asking, report=out is not None
                )
                findings.append(verdict.verdict)
                outcome.record = verdict.to_dict()
                # Before the report is written: what was found is told, whatever the disk says.
                if not as_json:
                    _show(verdict, source, steps, several=len(sources) > 1)
                elif len(sources) == 1:
                    steps.answer(verdict.to_json())
                if out is not None and picture is not None:
                    with step(steps.step, "report"):
                        _report(verdict, picture, source, out, overwrite=overwrite)
            failed |= outcome.error is not None
            records.append(_record(source, outcome))
    if as_json and len(sources) > 1:
        typer.echo(json.dumps(records, indent=2))
    if out is not None and any("error" not in record for record in records):
        one = out / f"{_name(sources[0])}.report.html"
        say(f"Report: {shown(one)}" if len(sources) == 1 else f"Reports: {shown(out)}")
    raise typer.Exit(FAILED if failed else gravest_status(findings))


def _check_reports(sources: list[Path], out: Path | None, *, overwrite: bool) -> None:
    """Refuse reports that would replace each other, an input or an earlier one."""
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
    for name in names:
        check_report_name(out, name, overwrite=overwrite)


def _verify_one(
    guard: Guard, source: Path, search: Search, steps: Steps, asking: Asking, *, report: bool
) -> tuple[Verdict, Picture | None]:
    """The verdict and, for a report, the picture with all that a report shows of it."""
    refuse_folder(source, "verify")
    given = read_source(source)
    if not report:
        return asking.about(guard.verify(given, recover=False, search=search), given), None
    with step(steps.step, "decode"):
        picture = load(given, limits=guard.limits)
    verdict = guard.verify(picture, hidden_copy=True, uncrop=True, search=search)
    return asking.about(verdict, given), picture


def _report(
    verdict: Verdict, picture: Picture, source: Path, out: Path, *, overwrite: bool
) -> None:
    facts = {"File": label(source) if source == STREAM else source.name} | described(picture)
    write_report(verdict, out, _name(source), file_facts=facts, overwrite=overwrite)


def _name(source: Path) -> str:
    return "stdin" if source == STREAM else source.stem


def _record(source: Path, outcome: Outcome) -> dict[str, Any]:
    failure = {} if outcome.error is None else {"error": outcome.error}
    return {"file": str(source), **failure, **outcome.record}


def _show(verdict: Verdict, source: Path, steps: Steps, *, several: bool) -> None:
    """The verdict, the regions below it, and warnings on standard error."""
    prefix = f"{label(source)}: " if several else ""
    lines = [f"{prefix}{verdict.verdict}: {verdict.sentence}"]
    for number, region in enumerate(verdict.regions, 1):
        left, top, right, bottom = region.box
        lines.append(
            f"  {number}. {right - left}x{bottom - top} pixels at ({left}, {top}), "
            f"{region.area:.2%} of the picture: {region.in_words}"
        )
    if verdict.provenance is not None:
        lines += verdict.provenance.sentences
    steps.answer("\n".join(lines))
    for warning in verdict.warnings:
        say(prefix + warning)
