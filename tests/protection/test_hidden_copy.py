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
