"""What the comparison of hidden copy and visible picture concludes."""

import pytest

from imuge.protection.hidden_copy import Comparison


@pytest.mark.parametrize(
    ("correlation", "difference", "check"),
    [
        (0.9, 0.01, "agrees"),
        (0.9, 0.3, "agrees"),  # only darker, say
        (0.0, 0.01, "agrees"),  # two plain pictures alike
        (0.0, 0.3, "disagrees"),
        (-0.3, 0.3, "disagrees"),
        (None, None, "not checked"),
    ],
)
def test_the_hidden_copy_disagrees_only_where_both_signs_say_so(correlation, difference, check):
    assert Comparison(correlation=correlation, difference=difference).check == check


def test_a_hidden_copy_of_which_little_is_left_accuses_less():
    doubtful = [Comparison(correlation=0.0, difference=0.15, told=told) for told in (1, 0.6, 0.4)]
    assert [one.check for one in doubtful] == ["disagrees", "disagrees", "agrees"]
    assert Comparison(correlation=0.0, difference=0.25, told=0.4).check == "disagrees"
    assert Comparison(correlation=0.0, difference=0.25, told=0.3).check == "not checked"
    assert Comparison(correlation=0.5, difference=0.25, told=0.3).check == "agrees"
