"""Errors are one line that a terminal shows and does not obey."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imuge.errors import ImageError, ImugeError, KeyFileError, shown, to_install


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a\nb.jpg", r"a\nb.jpg"),
        ("esc\x1b[31mRED\x1b]0;title\a.jpg", r"esc\x1b[31mRED\x1b]0;title\x07.jpg"),
        ("bad\udcff\udcfe.jpg", r"bad\xff\xfe.jpg"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        ("line\u2028end\x85", r"line\u2028end\x85"),
        ("café😀 \u00a0Ω.jpg", "café😀 \u00a0Ω.jpg"),
        ("👨\u200d👩.jpg", "👨\u200d👩.jpg"),
        (r"C:\photos\x.jpg", r"C:\photos\x.jpg"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(name, safe):
    assert shown(name) == safe
    assert shown(shown(name)) == shown(name)
    assert str(ImageError(f"{name}: not a picture")) == f"{safe}: not a picture"


@given(st.text())
def test_any_text_is_one_printable_line(text):
    for error in (ImugeError(text), KeyFileError(text)):
        message = str(error)
        assert message.splitlines() in ([message], [])
        assert "\x1b" not in message
        message.encode("utf-8")


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install 'imuge[heif]'"),
        ({"url": "https://example.org/imuge.whl"}, "pip install 'imuge[heif]'"),
        ({"url": "file:///a%20b/imuge", "dir_info": {}}, "pip install '/a b/imuge[heif]'"),
        ({"url": "file:///i", "dir_info": {"editable": True}}, "pip install -e '/i[heif]'"),
        ({"url": "file:///i.whl", "archive_info": {}}, "pip install '/i.whl[heif]'"),
    ],
)
def test_an_extra_is_installed_from_where_imuge_came(monkeypatch, origin, command):
    class Found:
        def read_text(self, name):
            assert name == "direct_url.json"
            return None if origin is None else json.dumps(origin)

    monkeypatch.setattr("imuge.errors.metadata.distribution", lambda _: Found())
    assert to_install("heif") == command
