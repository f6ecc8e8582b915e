"""The results of `imuge bench` as one self-contained page: no script, no request.

From top to bottom: what was measured; plots; examples; tables; how to make it again.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any

from imuge.bench.grid.sheets import Sheet
from imuge.bench.grid.summary import Rows, chosen, tampered, untouched
from imuge.bench.grid.table import ALARMS, LOCALIZATION, RECOVERY, Number, cells, taken
from imuge.report.pictures import preview

EDGE = 320  # pixels, of an example's picture

PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="\
default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>imuge bench: $title</title>
<style>
$css</style>
</head>
<body>
<main>
$sections
</main>
<footer>Made by imuge $version. It needs no network and runs no code.</footer>
</body>
</html>
""")


def build_page(
    result: Mapping[str, Any], *, plots: Mapping[str, str], sheets: Sequence[Sheet]
) -> str:
    """Build the page.

    Args:
        result: What `bench.json` holds.
        plots: SVG text by title.
        sheets: Examples.

    Returns:
        The whole page as HTML text.
    """
    rows: Rows = result["rows"]
    sections = [
        _head(result),
        _section("Plots", _plots(plots)),
        _section("Examples", _sheets(sheets)),
        _section("Where was it changed?", _table(tampered(rows), LOCALIZATION, verdicts=True)),
        _section("What was there?", [RECOVERY_NOTE, *_table(tampered(rows), RECOVERY)]),
        _section("Untouched pictures", _table(untouched(rows), ALARMS, verdicts=True)),
        _section("Watermarks that only carry bits", _bits(result)),
        _section("Not measured", _refusals(result)),
        _section("How it was measured", _provenance(result)),
    ]
    return PAGE.substitute(
        title=escape(result["grid"]),
        css=resources.files("imuge.bench.grid").joinpath("page.css").read_text("utf-8"),
        sections="\n".join(section for section in sections if section),
        version=escape(result["imuge"]),
    )


RECOVERY_NOTE = (
    "<p>PSNR in dB to the clean original, in the changed area unless it says whole. "
    "<i>Inpainted</i>: the true mask filled from its surroundings, which needs no protection.</p>"
)


def _section(title: str, content: Sequence[str] | Iterator[str]) -> str:
    lines = list(content)
    return f"<section>\n<h2>{title}</h2>\n" + "\n".join(lines) + "\n</section>" if lines else ""


def _head(result: Mapping[str, Any]) -> str:
    lines = ["<header>", "<h1>How good is it?</h1>"]
    names = ", ".join(escape(name) for name in result["contestants"])
    lines.append(
        f"<p>{names}: {taken(result)}, grid <b>{escape(result['grid'])}</b>, through real files "
        "and encoders.</p>"
    )
    lines += ["<ul class=figures>", *_figures(result["rows"]), "</ul>", "</header>"]
    return "\n".join(lines)


def _figures(rows: Rows) -> Iterator[str]:
    """The numbers people look for first, of the first contestant."""
    for row in list(chosen(rows, tamper="splice", process="jpeg:75"))[:1]:
        yield _figure(f"{row['psnr_db']:.1f} dB", "immunized picture to photograph")
        yield _figure(f"{row['f1']:.3f}", "F1, a tenth pasted over, JPEG 75")
        if "found_area_db" in row:
            words = f"{row['attacked_area_db']:.1f} to {row['found_area_db']:.1f} dB"
            yield _figure(words, "changed area, before and after recovery")
    for row in list(chosen(rows, process="jpeg:75"))[:1]:
        yield _figure(f"{row['any']:.0%}", "of untouched pictures with a false region, JPEG 75")


def _figure(number: str, what: str) -> str:
    return f"<li><b>{escape(number)}</b> {escape(what)}</li>"


def _plots(plots: Mapping[str, str]) -> Iterator[str]:
    for title, svg in plots.items():
        labelled = svg.replace("<svg", f'<svg role="img" aria-label="{escape(title)}"', 1)
        yield f"<figure class=plot><figcaption>{escape(title)}</figcaption>{labelled}</figure>"


def _sheets(sheets: Sequence[Sheet]) -> Iterator[str]:
    for one in sheets:
        yield f"<h3>{escape(one.title)}</h3>\n<div class=sheet>"
        for caption, picture in one.pictures:
            yield (
                f'<figure><img src="{preview(picture, EDGE)}" alt="{escape(caption)}">'
                f"<figcaption>{escape(caption)}</figcaption></figure>"
            )
        yield "</div>"


def _table(
    rows: Rows, columns: Mapping[str, tuple[str, Number]], *, verdicts: bool = False
) -> Iterator[str]:
    if not rows:
        return
    titles, lines = cells(rows, columns, verdicts=verdicts)
    head = "".join(f"<th scope=col>{escape(title)}</th>" for title in titles)
    yield f"<div class=wide><table>\n<thead><tr>{head}</tr></thead>\n<tbody>"
    for case, *line in lines:
        inside = "".join(f"<td>{escape(cell)}</td>" for cell in line)
        yield f"<tr><th scope=row>{escape(case)}</th>{inside}</tr>"
    yield "</tbody></table></div>"


def _bits(result: Mapping[str, Any]) -> Iterator[str]:
    bits = result.get("bits")
    if not bits:
        return
    yield "<p>Share of 64 bits read correctly; one half is guessing.</p>"
    yield "<div class=wide><table><tbody>"
    for name, row in bits["rows"].items():
        cells = "".join(f"<td>{escape(key)} {value:.3f}</td>" for key, value in row.items())
        yield f"<tr><th scope=row>{escape(name)}</th>{cells}</tr>"
    yield "</tbody></table></div>"
    for name, why in bits["missing"].items():
        yield f"<p>{escape(name)} was left out: {escape(why)}.</p>"


def _refusals(result: Mapping[str, Any]) -> Iterator[str]:
    for entry in result["cannot"]:
        yield (
            f"<p>{escape(entry['contestant'])}, {escape(entry['picture'])}, "
            f"{entry['cases']} cases: {escape(entry['why'])}</p>"
        )


def _provenance(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"<p><code>{escape(result['command'])}</code></p>"
    yield "<dl>"
    for name, facts in result["contestants"].items():
        weights = f", weights {facts['sha256'][:16]}…" if facts["sha256"] else ""
        yield (
            f"<dt>{escape(name)}</dt><dd>{escape(facts['architecture'])}, working point: "
            f"{escape(facts['working_point'])}{escape(weights)}</dd>"
        )
    for name, version in result["versions"].items():
        yield f"<dt>{escape(name)}</dt><dd>{escape(version)}</dd>"
    yield f"<dt>seed</dt><dd>{result['seed']}</dd>"
    yield "</dl>"
    yield "<details><summary>Photographs and their SHA-256</summary><ul>"
    for name, sha256 in result["pictures"].items():
        yield f"<li>{escape(name)} <code>{escape(sha256)}</code></li>"
    yield "</ul></details>"
