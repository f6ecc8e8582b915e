"""Addresses of registries: what is taken, what is refused, and that no password is shown."""

from pathlib import Path

import pytest

from imuge.errors import ConfigError
from imuge.keys import key_folder
from imuge.registry.places import parse_address


def test_the_default_lies_beside_the_keys():
    address = parse_address()
    assert address.file == key_folder().parent / "registry" / "registry.sqlite"
    assert address.key_file == address.file.with_suffix(".key")


def test_the_environment_names_registry_and_key(monkeypatch):
    monkeypatch.setenv("IMUGE_REGISTRY_URL", "postgresql://u:secret@db.example.org/pictures")
    address = parse_address()
    assert address.shown == "postgresql://db.example.org/pictures"
    assert address.key_file.name == "pictures.key"
    assert "secret" not in repr(address)
    monkeypatch.setenv("IMUGE_REGISTRY_KEY_FILE", "~/k")
    assert address.key_file == Path.home() / "k"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a.sqlite", "a.sqlite"),
        ("sqlite:///a.sqlite", "a.sqlite"),
        ("sqlite:////tmp/a b.sqlite", "/tmp/a b.sqlite"),
        ("postgres://h/d", "postgresql://h/d"),
        ("postgresql://h/d?sslmode=verify-full&password=x", "postgresql://h/d"),
        ("postgresql+psycopg://u:p%40x@[::1]:5433/d", "postgresql://::1:5433/d"),
    ],
)
def test_addresses_that_are_taken(text, shown):
    assert parse_address(text).shown == shown


@pytest.mark.parametrize(
    "text",
    [
        "mysql://u:secret@h/d",
        "sqlite://",
        "sqlite:///:memory:?secret",
        "postgresql://u:secret@h",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:sec/ret@h/d",
    ],
)
def test_addresses_that_are_refused_show_no_password(text):
    with pytest.raises(ConfigError, match="expected a registry at") as caught:
        parse_address(text)
    assert "secret" not in str(caught.value)
