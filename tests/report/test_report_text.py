import pytest

from imuge.report.text import count, percent, probability, safe


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<b a=\"x\" c='y'>&", "&lt;b a=&quot;x&quot; c=&#x27;y&#x27;&gt;&amp;"),
        ("a\u202eb\x00c\u200bd\ud800", "a\ufffdb\ufffdc\ufffdd\ufffd"),
        ("two\nlines", "two lines"),
        ("<" * 400, "&lt;" * 300 + "… (100 more characters)"),
        ("Zoë 写真", "Zoë 写真"),
    ],
)
def test_text_is_escaped_cleaned_and_cut(value, shown):
    assert safe(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "not computed"),
        (float("nan"), "not computed"),
        (1.0, "1"),
        (0.37, "0.37"),
        (0.0012, "0.0012"),
        (0.00098, "9.8 × 10<sup>−4</sup>"),
        (3.16e-41, "3.2 × 10<sup>−41</sup>"),
        (0.0, "below 10<sup>−300</sup>"),
    ],
)
def test_p_values_read_well(value, shown):
    assert probability(value) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0, "0 %"), (1, "100 %"), (0.123, "12 %"), (0.0312, "3.1 %"), (0.00031, "0.031 %")],
)
def test_fractions_as_per_cent(fraction, shown):
    assert percent(fraction) == shown


def test_counts_have_their_plural():
    assert count(1, "region") == "1 region"
    assert count(12000, "pixel") == "12,000 pixels"
