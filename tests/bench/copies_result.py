"""A result of `imuge.bench.copies` as it could be, for the pages and tables made of it."""

from imuge.bench.copies import WANTED


def result_of():
    """Large pictures that reach what was asked for, and validation ones that fall short once."""
    groups = {}
    for group, sides in (("large", [1220, 2592]), ("validation", [512, 512])):
        rows = []
        for process, wanted in WANTED[group].items():
            short = process.startswith("resize")
            facts = {"process": process, "pictures": 2, "psnr_db": 43.0, "ssim": 0.985}
            facts |= {"ssim_on_screen": 0.99}
            scores = {
                "f1": (wanted.f1 or 0.988) - 0.1 * short + 0.002,
                "attacked_db": 7.0,
                "area_db": 22.0,
                "read": 0.5 if short else 1.0,
                "verdicts": {"tampered": 2},
            }
            rows.append({**facts, "tamper": "splice", **scores})
            alarm = 0.5 if process.endswith("webp:80") else 0.0
            kept = {"tamper": "none", "any": alarm, "read": 1.0, "verdicts": {"intact": 2}}
            rows.append({**facts, **kept})
        groups[group] = {"pictures": {"a": "", "b": ""}, "longer_sides": sides, "rows": rows}
    return {
        "command": "python -m imuge.bench.copies",
        "imuge": "0",
        "model": "lab.r5",
        "model_sha256": "00" * 32,
        "detail": "normal",
        "groups": groups,
    }
