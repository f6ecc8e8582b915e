"""Tables of settings into dataclasses: what fits is taken, all else is named."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from imuge.errors import ConfigError
from imuge.settings import parse_settings


@dataclass(frozen=True, kw_only=True)
class Inner:
    count: int = 1


@dataclass(frozen=True, kw_only=True)
class Outer:
    word: str
    number: float = 0.5
    switch: bool = False
    pair: tuple[float, float] = (0, 1)
    many: tuple[int, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    maybe: float | None = None
    inner: Inner = field(default_factory=Inner)


def test_a_table_is_taken_with_its_types():
    table = {
        "word": "x",
        "number": 2,
        "switch": True,
        "pair": [1, 2.5],
        "many": [1, 2, 3],
        "shares": {"a": 1},
        "maybe": 3,
        "inner": {"count": 4},
    }
    made = parse_settings(Outer, table, name="t")
    assert made == Outer(
        word="x",
        number=2.0,
        switch=True,
        pair=(1.0, 2.5),
        many=(1, 2, 3),
        shares={"a": 1.0},
        maybe=3.0,
        inner=Inner(count=4),
    )
    assert isinstance(made.number, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wrd": "y"}, r"unknown settings in t: wrd; known are word, number"),
        ({"word": 3}, r"expected t.word to be a word, got 3"),
        ({"number": "3"}, r"expected t.number to be a number, got '3'"),
        ({"number": True}, r"expected t.number to be a number, got True"),
        ({"switch": 1}, r"expected t.switch to be true or false, got 1"),
        ({"pair": [1]}, r"expected t.pair to hold 2 values, got \[1\]"),
        ({"pair": 1}, r"expected t.pair to be a list, got 1"),
        ({"many": [1, 2.5]}, r"expected t.many to be a whole number, got 2.5"),
        ({"shares": {"a": "b"}}, r"expected t.shares.a to be a number, got 'b'"),
        ({"inner": {"cnt": 1}}, r"unknown settings in t.inner: cnt"),
        ({"inner": 1}, r"expected t.inner to be a table, got 1"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(ConfigError, match=message):
        parse_settings(Outer, {"word": "x"} | change, name="t")


def test_what_is_missing_and_has_no_default_is_named():
    with pytest.raises(ConfigError, match="t lacks word"):
        parse_settings(Outer, {}, name="t")
