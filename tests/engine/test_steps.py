"""One bar for a whole call: it never goes back, and ends where the call does."""

import pytest

from imuge.engine.steps import DEMO, IMMUNIZE, REPORT, VERDICT, Plan, step
from imuge.guard import Guard


@pytest.fixture
def told(key):
    """A guard, and every step that it tells of."""
    steps = []
    return Guard(key, threads=1, progress=lambda name, share: steps.append((name, share))), steps


def test_shares_add_up_and_never_fall():
    plan = Plan({"a": 1, "b": 3})
    asked = [("a", 0.0), ("a", 1.0), ("b", 0.5), ("a", 0.0), ("x", 1.0), ("b", 1.0)]
    assert [plan.reached(*one) for one in asked] == [0.0, 0.25, 0.625, 0.625, 0.625, 1.0]
    plan.begin()
    assert plan.reached("a", 0.0) == 0.0


@pytest.mark.parametrize("weights", [IMMUNIZE, VERDICT, REPORT, DEMO])
def test_every_plan_ends_whole(weights):
    plan = Plan(weights)
    assert plan.reached(list(weights)[-1], 1.0) == pytest.approx(1.0)


def test_a_step_that_fails_has_not_ended():
    told = []
    with pytest.raises(KeyError), step(lambda *one: told.append(one), "a"):
        raise KeyError
    assert told == [("a", 0.0)]
    with step(None, "a"):
        pass


@pytest.mark.slow
def test_a_guard_tells_every_step_of_its_plan_in_order(told, photograph):
    guard, steps = told
    made = guard.immunize(photograph)
    immunized = steps.copy()
    steps.clear()
    guard.verify(made.image, uncrop=True, hidden_copy=True)
    whole = {**REPORT}
    del whole["report"]  # which the command writes
    for said, weights in ((immunized, IMMUNIZE), (steps, whole)):
        planned = [name for name, share in said if name in weights and share == 0.0]
        assert list(dict.fromkeys(planned)) == list(weights)
        plan = Plan(weights)
        shares = [plan.reached(*one) for one in said]
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1.0)
