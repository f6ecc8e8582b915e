"""The page on who published a picture, as Content Credentials and the registry tell it."""

import base64

from imuge.report.text import safe
from imuge.results import Provenance, Verdict

MANIFESTS = {
    "not asked": "not looked at",
    "none": "the file has none",
    "invalid": "they do not hold: the file or they were changed",
    "valid": "they hold; their signer is not among those trusted",
    "trusted": "they hold, and their signer is trusted",
    "recovered": "stripped from this copy, found again in the registry",
}
REFERENCES = {
    "agrees": "the same as the record",
    "differs": "<b>not</b> the same as the record",
    "not comparable": "could not be compared with the record",
}
BINDINGS = {
    True: "the mark in these pixels",
    False: "<b>another mark</b> than the one in these pixels",
    None: "no mark, or none to compare with",
}


def provenance_section(verdict: Verdict) -> str:
    """Who published it, when, and whether it is still that; nothing where nobody asked."""
    made = verdict.provenance
    if made is None:
        return ""
    said = "".join(f"<p>{safe(sentence, 600)}</p>" for sentence in made.sentences)
    rows = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in _rows(made).items())
    return (
        '<section id="provenance"><h2>Who published it</h2><div class="beside-text"><div>'
        f'{said}<dl class="facts">{rows}</dl>'
        '<p class="soft">A record says who registered a picture and a signature who signed it; '
        f"neither says that it shows the truth.</p></div>{_thumbnail(made)}</div></section>"
    )


def _rows(made: Provenance) -> dict[str, str]:
    rows = {}
    if made.record is not None:
        record = made.record
        rows["Publisher"] = f"<bdi>{safe(record['publisher'] or 'not named')}</bdi>"
        rows["Recorded"] = f"<time>{safe(record['created_at'])}</time>"
        rows["Record"] = f"{safe(record['log_index'])} of <bdi>{safe(made.registry_name)}</bdi>"
        if record["note"]:
            rows["Note"] = f"<bdi>{safe(record['note'])}</bdi>"
        if made.withdrawn is not None:
            rows["Withdrawn"] = f"<time>{safe(made.withdrawn)}</time>"
        rows["This copy"] = (
            "the recorded file, bit for bit" if made.same_file else REFERENCES[made.reference]
        )
    elif made.registry == "not found":
        rows["Record"] = f"none in <bdi>{safe(made.registry_name)}</bdi>"
    if made.manifest != "not asked":
        rows["Content Credentials"] = MANIFESTS[made.manifest]
        if made.signer is not None:
            rows["Signed by"] = f"<bdi>{safe(made.signer)}</bdi>"
            rows["Signed at"] = safe(made.signed_at or "no time-stamp: nobody vouches for a date")
            rows["They name"] = BINDINGS[made.bindings_agree]
    return rows


def _thumbnail(made: Provenance) -> str:
    if made.thumbnail is None:
        return ""
    address = "data:image/webp;base64," + base64.b64encode(made.thumbnail).decode("ascii")
    return (
        f'<figure><img src="{address}" alt="The picture as it was recorded">'
        "<figcaption>As it was recorded</figcaption></figure>"
    )
