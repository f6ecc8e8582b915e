"""The rules of the verdict, and that a verdict can be continued."""

from dataclasses import replace

import numpy as np
import pytest

from imuge.engine.canvas import to_canvas
from imuge.errors import ConfigError
from imuge.keys import Geometry, Message, Reading, new_key
from imuge.protection.locate import Located, Regions
from imuge.protection.placement import Placement
from imuge.protection.verify import Evidence, judge, with_hidden_copy, with_recovered
from imuge.results import Region

MESSAGE = Message(1, Geometry(side_number=0, tall=False, shorter=128))
READ = Reading(
    present=True,
    presence_p=1e-9,
    message=MESSAGE,
    tag_p=1e-7,
    identity_p=1e-16,
    flips=0,
    agreement=0.9,
    hypotheses=1,
)
REGION = Region(box=(0, 0, 8, 8), area_pixels=64, area=0.1, mean_probability=0.9)
LOST = replace(REGION, kind="protection lost", content="agrees")
AGAIN = replace(REGION, kind="protected again", content="differs")


def evidence(*, regions=(), faint=False, hidden_copy="agrees", layout_p=0.0, clarity=0.95):
    field = np.zeros((24, 24), np.float32)
    shown = Regions(
        probability=field,
        mask=field > 0,
        labels=np.zeros((24, 24), np.int32),
        regions=regions,
    )
    return Evidence(
        key=new_key("newsdesk"),
        canvas=to_canvas(np.zeros((24, 24, 3), np.float32)),
        placement=Placement(matrix=np.eye(2), offset=np.zeros(2), width=24, height=24),
        piloted=True,
        layout_p=layout_p,
        located=Located(probability=field, clarity=clarity, signs_read=100, code=None),
        shown=None if faint else shown,
        likeness=None,
        hidden_copy=hidden_copy,
    )


@pytest.mark.parametrize(
    ("reading", "found", "verdict"),
    [
        (replace(READ, present=False, message=None), None, "unprotected"),
        (replace(READ, message=None), None, "degraded"),
        (READ, evidence(faint=True, hidden_copy="not checked"), "degraded"),
        (READ, evidence(), "intact"),
        (READ, evidence(hidden_copy="not checked"), "intact"),  # a verify-only key
        (READ, evidence(regions=(REGION,)), "tampered"),
        (READ, evidence(regions=(REGION,), hidden_copy="disagrees"), "foreign"),
        (READ, evidence(regions=(LOST,)), "intact"),
        (READ, evidence(regions=(AGAIN, LOST)), "tampered"),
        (READ, evidence(layout_p=0.5), "foreign"),
        (READ, evidence(layout_p=0.5, clarity=0.8), "intact"),  # compression may be to blame
    ],
)
def test_the_rules_of_the_verdict(reading, found, verdict):
    assert judge(reading, found) == verdict


@pytest.fixture(scope="module")
def received(immunized, other_photograph):
    picture = immunized.image.copy()
    picture[64:176, 96:208] = other_photograph[64:176, 96:208]
    return picture


@pytest.fixture(scope="module")
def transplant(immunized, photograph, other_photograph):
    """The protection of one picture in another."""
    residual = immunized.image.astype(int) - photograph
    return (other_photograph + residual).clip(0, 255).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["received", "transplant", "photograph"])
def test_a_continued_verdict_is_the_one_given_at_once(guard, name, request):
    picture = request.getfixturevalue(name)
    at_once = guard.verify(picture, recover=True, hidden_copy=True)
    short = guard.verify(picture, recover=False)
    assert short.recovered is None
    assert short.hidden_copy_image is None
    continued = guard.hidden_copy(guard.recover(short))
    assert continued == at_once
    for field in ("recovered", "hidden_copy_image", "mask"):
        np.testing.assert_array_equal(getattr(continued, field), getattr(at_once, field))
    assert (at_once.recovered is not None) == (name == "received")
    assert (at_once.hidden_copy_image is not None) == (name != "photograph")


@pytest.mark.slow
def test_continuing_costs_only_itself(guard, received, monkeypatch):
    verdict = guard.verify(received, recover=False)
    for step in ("encode", "reveal", "localize"):
        monkeypatch.setattr(guard.engine, step, None)
    recovered = guard.recover(verdict)
    monkeypatch.setattr(guard.engine, "recover", None)
    both = guard.hidden_copy(recovered)  # was rendered to know the published tones
    assert guard.recover(recovered) is recovered
    assert guard.hidden_copy(both) is both


@pytest.mark.slow
@pytest.mark.parametrize("go_on", [with_recovered, with_hidden_copy])
def test_only_a_verdict_of_the_same_weights_is_continued(guard, received, go_on):
    verdict = guard.verify(received, recover=False)
    with pytest.raises(ConfigError, match="without its evidence"):
        go_on(guard.engine, replace(verdict, evidence=None))
    with pytest.raises(ConfigError, match="a guard of those weights"):
        go_on(guard.engine, replace(verdict, model_sha256="0" * 64))


@pytest.mark.slow
def test_evidence_is_no_part_of_the_record(guard, received):
    verdict = guard.verify(received, recover=False)
    assert "evidence" not in verdict.to_dict()
    assert "evidence" not in repr(verdict)
    assert replace(verdict, evidence=None) == verdict
