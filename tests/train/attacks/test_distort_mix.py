import dataclasses
import json

import pytest

from imuge.errors import ConfigError
from imuge.settings import parse_settings
from imuge.train.attacks.distort_mix import (
    CHAINS,
    DRAWING,
    ENCODED,
    GROWN_JPEG,
    STEPS,
    DistortMix,
    plan,
    steps_of,
)


def test_a_table_changes_what_it_names_and_nothing_else():
    mix = parse_settings(
        DistortMix,
        {"simulator": "smooth", "quality": [60, 90], "chains": {"jpeg": 2}},
        name="distort",
    )
    assert mix == dataclasses.replace(
        DistortMix(), simulator="smooth", quality=(60.0, 90.0), chains={"jpeg": 2.0}
    )


def test_a_mix_survives_json():
    mix = DistortMix(chains={"none": 1, "resize+jpeg": 2})
    assert (
        parse_settings(DistortMix, json.loads(json.dumps(dataclasses.asdict(mix))), name="distort")
        == mix
    )


def test_the_default_mix_has_every_step_that_can_be_recorded():
    recordable = STEPS.keys() - ENCODED - {GROWN_JPEG}
    assert {step for chain in CHAINS for step in steps_of(chain)} == recordable
    assert not DistortMix().uses_files


@pytest.mark.parametrize("step", sorted(ENCODED | {GROWN_JPEG}))
def test_steps_through_files_are_known_as_such(step):
    assert DistortMix(chains={f"noise+{step}": 1, "none": 1}).uses_files
    assert not DistortMix(chains={step: 0, "none": 1}).uses_files


def test_only_the_grown_jpeg_has_a_simulator():
    assert not DistortMix(chains={GROWN_JPEG: 1}, real_encoders=False).uses_files
    with pytest.raises(ConfigError, match="real_encoders for the steps grown-webp, which"):
        DistortMix(chains={"grown-webp+jpeg": 1, "avif": 0}, real_encoders=False)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"qualtiy": [40, 95]}, "qualtiy"),
        ({"simulator": "exakt"}, "exakt"),
        ({"chains": {"jpeg+gif": 1}}, "gif"),
        ({"chains": {"": 1}}, "unknown steps"),
        ({"chains": {"none+jpeg": 1}}, "none"),
        ({"chains": {"noise+noise": 1}}, "noise twice"),
        ({"chains": {}}, "above 0"),
        ({"chains": {"jpeg": 0}}, "above 0"),
        ({"chains": {"jpeg": -1, "none": 2}}, "0 or more"),
        ({"chains": {"jpeg": float("nan")}}, "0 or more"),
        ({"chains": ["jpeg"]}, "a table"),
        ({"quality": [95, 40]}, "smaller first"),
        ({"quality": [0, 95]}, "from 1 to 100"),
        ({"quality": 75}, "a list"),
        ({"factor": [0, 1]}, "from 0.1 to 4"),
        ({"noise": [float("nan"), 2]}, "two numbers"),
        ({"blur": ["a", "b"]}, "a number"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_the_message_names_it(table, message):
    with pytest.raises(ConfigError, match=message):
        parse_settings(DistortMix, table, name="distort")


@pytest.mark.parametrize("name", DRAWING)
def test_every_range_is_a_setting_with_limits(name):
    low, high = DRAWING[name].limits
    assert getattr(DistortMix(**{name: (low, high)}), name) == (low, high)
    with pytest.raises(ConfigError, match=name):
        DistortMix(**{name: (low, high + 1)})


@pytest.mark.parametrize(
    "chains",
    [tuple(CHAINS), ("none",), ("jpeg+resize", "resize+jpeg", "jpeg+jpeg+jpeg", "tone+jpeg+tone")],
)
def test_a_plan_runs_each_chain_in_its_order(chains):
    ran = [[] for _ in chains]
    for stage in plan(chains):
        for index in stage.chains:
            ran[index].append(stage.step)
    assert [tuple(steps) for steps in ran] == [steps_of(chain) for chain in chains]


def test_a_plan_shares_the_last_jpeg():
    stages = plan(("none", "jpeg", "resize+jpeg", "jpeg+jpeg", "tone+jpeg"))
    assert [(stage.step, stage.chains) for stage in stages] == [
        ("resize", (2,)),
        ("tone", (4,)),
        ("jpeg", (1, 2, 3, 4)),
        ("jpeg", (3,)),
    ]
    assert [stage.first for stage in stages] == [0, 1, 5, 6]
