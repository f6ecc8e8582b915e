"""Registries on SQLite and on a real PostgreSQL server."""

import shutil
import tempfile
from itertools import count
from pathlib import Path

import postgres_server
import pytest
from registry_samples import NAME

from imuge.registry import Registry

DATABASES = count()


@pytest.fixture(scope="session")
def postgres():
    if postgres_server.programs() is None:
        pytest.skip("no PostgreSQL here; install Debian's package postgresql")
    # Not below pytest's own folder: the server's account may not look into it.
    folder = Path(tempfile.mkdtemp(prefix="imuge-postgres-"))
    try:
        with postgres_server.running(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres):
    name = f"registry{next(DATABASES)}"
    postgres.sql(f"CREATE DATABASE {name}")
    return postgres.url(name)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    """The address of a database that holds no registry yet."""
    if request.param == "sqlite":
        return str(tmp_path / "registry" / "registry.sqlite")
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def registry(url, tmp_path):
    with Registry.create(url, name=NAME, key_file=tmp_path / "registry.key") as made:
        yield made


@pytest.fixture
def sqlite_registry(tmp_path):
    """One registry where the kind of database makes no difference."""
    path, key = tmp_path / "registry.sqlite", tmp_path / "registry.key"
    with Registry.create(str(path), name=NAME, key_file=key) as made:
        yield made
