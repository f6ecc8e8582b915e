"""docs/batch.md names every field, option and outcome there is."""

from dataclasses import fields
from pathlib import Path

import pytest

from imuge.batch.listing import COLUMNS
from imuge.batch.local import header
from imuge.batch.record import Record
from imuge.batch.tasks import BatchSpec

PAGE = (Path(__file__).parents[2] / "docs" / "batch.md").read_text("utf-8")


@pytest.mark.parametrize("name", [item.name for item in fields(Record)])
def test_every_field_of_a_record_is_explained(name):
    assert f"`{name}`" in PAGE


def test_every_field_of_the_header_and_of_a_list_is_explained(key):
    names = {*header("/in", BatchSpec(command="verify"), [key], overwrite=False), *COLUMNS}
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []
