"""Where outputs belong, and what is refused before any work."""

import pytest

from imuge.batch.listing import Found, Listing
from imuge.batch.plan import check_places, make_plan
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.errors import ConfigError

IMMUNIZE = BatchSpec(command="immunize")
VERIFY = BatchSpec(command="verify")


def plan(*found, spec=IMMUNIZE):
    items = [f if isinstance(f, Found) else Found(shown=f, source=f"/in/{f}") for f in found]
    return make_plan(Listing("/in", items), spec)


def names(*found, **options):
    return [task.name for task in plan(*found, **options).tasks]


def test_outputs_keep_sub_folders_and_endings():
    assert names("x/b.jpg", "a.png") == ["a.png", "x/b.jpg"]


def test_one_format_for_all_changes_endings_that_say_otherwise():
    spec = BatchSpec(command="immunize", format="JPEG")
    assert names("a.png", "b.JPEG", "c.jfif", spec=spec) == ["a.jpg", "b.JPEG", "c.jfif"]


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        ("/else/a.jpg", "a.jpg"),
        ("../up/a.jpg", "a.jpg"),
        ("./x//a.jpg", "x/a.jpg"),
        ("s3://bucket/x/a.jpg", "a.jpg"),
    ],
)
def test_an_input_from_anywhere_gets_an_output_inside(shown, name):
    assert names(shown) == [name]


@pytest.mark.parametrize("output", ["../a.png", "/a.png", "x/../../a.png", ".", "a\0.png"])
def test_an_output_outside_is_refused(output):
    with pytest.raises(ConfigError, match="would lie outside --out"):
        plan(Found(shown="a.png", source="a.png", output=output))


def test_the_batchs_own_folder_is_refused():
    with pytest.raises(ConfigError, match="is the batch's own folder"):
        plan(Found(shown="a.png", source="a.png", output=".imuge-batch/a.png"))


@pytest.mark.parametrize(
    ("found", "spec"),
    [
        (["a.jpg", "a.png"], BatchSpec(command="immunize", format="PNG")),
        (["x/A.jpg", "x/a.jpg"], IMMUNIZE),
        (["u\u0308.jpg", "\u00fc.jpg"], IMMUNIZE),
        (["/one/a.jpg", "/two/a.jpg"], VERIFY),
    ],
)
def test_two_pictures_in_one_place_are_refused(found, spec):
    with pytest.raises(ConfigError, match="would both be written to"):
        plan(*found, spec=spec)


def test_a_file_where_another_needs_a_folder_is_refused():
    with pytest.raises(ConfigError, match="which is a folder for"):
        plan("a.png/b.png", "A.png")


@pytest.mark.parametrize("strength", [0.1, 5.0, float("nan")])
def test_a_strength_out_of_range_is_refused_whoever_asks(strength):
    with pytest.raises(ConfigError, match="expected a strength from"):
        plan("a.png", spec=BatchSpec(command="immunize", strength=strength))
    with pytest.raises(ConfigError, match=r"a\.png: expected a strength from"):
        plan(Found(shown="a.png", source="a.png", strength=strength))


def test_verify_has_no_strength():
    with pytest.raises(ConfigError, match="are for immunize"):
        plan(Found(shown="a.png", source="a.png", strength=1.0), spec=VERIFY)


def check(name, out, *, source="/in/a.png", strange=False):
    task = PictureTask(name=name, source=source, shown="a.png")
    check_places([task], out, [source], strange=lambda _: strange)


def test_places_are_held_against_inputs_links_and_strangers(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    check("x/a.png", out)
    with pytest.raises(ConfigError, match=r"holds 1 of the files .*\(first: x/a.png\)"):
        check("x/a.png", out, strange=True)
    with pytest.raises(ConfigError, match="is one of the pictures"):
        check("a.png", out, source=str(out / "a.png"))
    (out / "x").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="is a link that leads out of"):
        check("x/a.png", out)
