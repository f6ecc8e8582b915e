"""The queue: callers in turn, by the time that they have had."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imuge.serve.fair_queue import FairQueue


@dataclass(frozen=True)
class Item:
    caller: str
    number: int


def filled(callers):
    queue = FairQueue()
    for number, caller in enumerate(callers):
        queue.add(Item(caller, number))
    return queue


def drained(queue, seconds=lambda _: 1.0):
    """All items in the order they come; `seconds` is what each caller's jobs take."""
    order = []
    while len(queue):
        item = queue.take(1.0)
        queue.charge(item.caller, seconds(item.caller) - 1.0)
        order.append(item)
    return order


def test_callers_take_turns_and_each_keeps_its_order():
    order = drained(filled("aaaabbc"))
    assert "".join(item.caller for item in order) == "abcabaa"
    assert [item.number for item in order if item.caller == "a"] == [0, 1, 2, 3]


def test_whoever_takes_long_has_its_turn_less_often():
    order = drained(filled("a" * 9 + "b" * 9), {"a": 3, "b": 1}.get)
    assert [item.caller for item in order[:8]].count("b") == 6


def test_a_newcomer_has_no_more_than_its_turn():
    queue = filled("aaaa")
    for _ in range(3):
        queue.take(1.0)
    queue.add(Item("b", 0))
    queue.add(Item("b", 1))
    queue.add(Item("b", 2))
    assert "".join(item.caller for item in drained(queue)) in {"babb", "bbab"}


@given(st.lists(st.sampled_from("abcd"), max_size=30))
def test_nothing_is_lost_and_places_are_those_that_come_true(callers):
    queue = filled(callers)
    foreseen = list(queue.in_order(1.0))
    assert len(queue) == len(callers)
    order = drained(queue)
    assert order == foreseen
    assert sorted(item.number for item in order) == list(range(len(callers)))


@given(st.lists(st.sampled_from("abcd"), max_size=60))
def test_the_first_of_every_caller_waits_for_one_of_each_other_at_most(callers):
    order = drained(filled(callers))
    first = {}
    for place, item in enumerate(order):
        first.setdefault(item.caller, place)
    assert all(place < len(set(callers)) for place in first.values())


def test_removing_and_an_empty_queue():
    queue = filled("ab")
    queue.remove(Item("a", 0))
    assert (len(queue), queue.count("a"), queue.count("b")) == (1, 0, 1)
    assert queue.take(1.0).caller == "b"
    with pytest.raises(IndexError):
        queue.take(1.0)


def test_callers_who_are_gone_are_forgotten():
    queue = FairQueue()
    for number in range(1000):
        queue.add(Item(str(number), number))
        queue.take(1.0)
        queue.charge(str(number), -1.0)
    assert len(queue._had_s) < 10
