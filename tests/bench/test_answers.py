"""The FAQ's sentences say what the results say."""

import importlib
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from copies_result import result_of

from imuge.attacks.resave import PLATFORMS
from imuge.bench.grid.cases import Case

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
answers = importlib.import_module("answers")

COST = {"wall_s": 9.0, "processor_s": 4.0, "peak_gb": 0.5}


@pytest.fixture
def results():
    platforms = [
        {
            **asdict(Case(tamper, name)),
            "identified": 0.5,
            "pictures": 12,
            "f1": 0.9,
        }
        for name in PLATFORMS
        for tamper in ("none", "splice")
    ]
    return {
        "copies": result_of(),
        "bench": {"rows": platforms},
        "presence": {
            "samples": {
                "a": {"count": 100, "least": 2e-3, "shares": {"0.01": 0.01}},
                "b": {"count": 300, "least": 1e-4, "shares": {"0.01": 0.03}},
            }
        },
        "secrecy": {
            "pictures": {"a": "", "b": ""},
            "best": {
                "revealed": {
                    "plain": {
                        "none": {"share": 0.77, "least": 0.5, "most": 0.9},
                        "jpeg:90": {"share": 0.002},
                    }
                }
            },
        },
        "content": {
            "rows": [
                {"case": "untouched", "process": "jpeg:75", "intact": 1, "pictures": 10},
                {"case": "blurred", "process": "jpeg:75", "intact": 9, "pictures": 10},
            ]
        },
        "security": {
            "attacked": {"a": "", "b": ""},
            "rows": [
                {"group": "copy attack", "row": "as it is", "pictures": 2, "harmful": 1},
                {"group": "copy attack", "row": "blurred", "pictures": 2, "harmful": 0},
                {"group": "wrong key", "row": "one", "pictures": 2, "harmful": 2},
            ],
        },
        "commands": {
            "sizes": {
                "12": {
                    "megapixels": 12.0,
                    "now": {
                        "immunize": COST,
                        "verify, intact": COST | {"processor_s": 2.0},
                        "verify, tampered": COST | {"peak_gb": 0.7},
                    },
                }
            }
        },
    }


def test_numbers_come_from_the_results(results):
    found = {name: one.render(results[one.result]) for name, one in answers.ANSWERS.items()}
    assert (
        "43.0 dB PSNR and SSIM 0.985 over 2 photographs of 1220 to 2592 pixels"
        in (found["fidelity"])
    )
    assert "| 1220 to 2592 | JPEG 75 | 2 of 2 | 0.990 |" in found["survives"]
    assert "| 512 | scaled to 0.8, JPEG 75 | 1 of 2 |" in found["survives"]
    assert "| 1220 to 2592 | 1080 pixels, WebP 80 | 1 of 2 |" in found["accuses"]
    whatsapp = "| WhatsApp | shrinks to 1600 pixels on the long edge, JPEG 70 | 6 of 12 | 0.900 |"
    assert whatsapp in found["platforms"]
    assert len(found["platforms"].splitlines()) == 2 + len(PLATFORMS)
    assert "Among 400 pairs" in found["strangers"]
    assert "0.01 in 2.50%" in found["strangers"]
    assert "finds 77% of the places" in found["secrecy"]
    assert found["softened"].endswith("by a full key: 9 of 10 after JPEG 75.\n")
    assert "from 2 pictures to others in 2 ways, and 1 of the 4 copies" in found["moved"]
    assert found["moved"].endswith("themselves (as it is).\n")
    assert "| 12 | 4 s | 2 s | 4 s | 0.7 GB |" in found["takes"]
