"""The FAQ's sentences say what the results say."""

import copy
import importlib
import json
import sys
from pathlib import Path

import pytest

from imuge.attacks.resave import PLATFORMS
from imuge.bench.grid.summary import chosen

sys.path.append(str(Path(__file__).parents[2] / "scripts"))
answers = importlib.import_module("answers")
SCORES = Path(__file__).parents[2] / "docs" / "scores"


@pytest.fixture
def results():
    names = ("acceptance", "bench", "secrecy", "speed")
    return [json.loads((SCORES / f"{name}.json").read_text()) for name in names]


def test_numbers_come_from_the_results(results):
    before = answers.to_answers(*results)
    changed = copy.deepcopy(results)
    changed[0]["rows"]["immunized"]["psnr_db"] = 12.34
    changed[0]["message"]["512x512, JPEG 70"]["read"] = 7
    changed[0]["strangers"]["wrong key"]["unprotected"] = 29
    (noisy,) = chosen(changed[1]["rows"], process="noise:5")
    noisy["any"], noisy["pictures"] = 0.25, 12
    (whatsapp,) = chosen(changed[1]["rows"], process="whatsapp")
    whatsapp["identified"], whatsapp["pictures"] = 0.5, 12
    changed[2]["best"]["revealed"]["plain"]["none"]["share"] = 0.77
    changed[3]["large"]["12"]["verify_s"] = 321.0
    after = answers.to_answers(*changed)
    assert "12.3 dB" in after["fidelity"]
    assert "| JPEG 70 | 7 of 30 |" in after["survives"]
    whatsapp = "| WhatsApp | shrinks to 1600 pixels on the long edge, JPEG 70 | 6 of 12 |"
    assert whatsapp in after["platforms"]
    assert "| `noise:5` | 3 of 12 |" in after["accuses"]
    assert "Of 120 copies" in after["strangers"]
    assert "119 were" in after["strangers"]
    assert "finds 77% of the places" in after["secrecy"]
    assert "321 s" in after["takes"]
    assert all(before[name] != after[name] for name in before)


def test_every_platform_has_its_row(results):
    rows = answers.to_answers(*results)["platforms"].splitlines()[2:]
    assert len(rows) == len(PLATFORMS)
