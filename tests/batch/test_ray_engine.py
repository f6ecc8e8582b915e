"""The same batch over Ray: actors, manifest in Parquet, resume; and the actor without Ray."""

import hashlib
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("ray", reason="needs the extra [ray]")

import pyarrow.parquet as pq
from typer.testing import CliRunner

from imuge.batch import remote
from imuge.batch.parquet import to_records
from imuge.batch.remote import DEATHS, GIVE_UP, GO, SKIP, Actor, ActorSetup, KeyReference, Register
from imuge.batch.storage import open_storage
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.cli.app import app
from imuge.errors import ConfigError
from imuge.keys import store_key

# Ray Data sets its own deprecated settings when it is first used.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, key):
    """A Ray of two processors in this process; its machines hold the session's key."""
    import ray

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))  # Ray keeps a token there
        patch.setenv("XDG_CONFIG_HOME", str(home))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_BACKEND_LOG_LEVEL", "fatal")
        store_key(replace(key, name="default"))
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield home
        ray.shutdown()


@pytest.fixture
def run(cluster, monkeypatch):
    """`imuge batch ... --engine ray` on the cluster, after checking its exit status."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(cluster))

    def go(*arguments, status=0):
        command = ["batch", *map(str, arguments), "--engine", "ray", "--processes", "1"]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == status, result.output
        return result.output

    return go


def records(out):
    return {record.name: record for record in to_records(pq.read_table(out / "manifest.parquet"))}


def assert_whole(photos, out, guard):
    found = records(out)
    assert found.keys() == {str(p.relative_to(photos)) for p in photos.rglob("*") if p.is_file()}
    for name, record in found.items():
        assert record.error is None
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == record.output_sha256
        verdict = guard.verify(out / name, recover=False)
        assert (verdict.verdict, verdict.image_id) == ("intact", record.image_id)


@pytest.mark.slow
def test_a_batch_is_made_resumed_and_refused_over_ray(photos, tmp_path, run):
    folder, out = photos(3), tmp_path / "out"
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing")
    said = run("immunize", folder.as_uri(), "--out", out, status=1)
    assert "4 pictures: 3 immunized, 1 failed" in said
    assert "bad.jpg: the JPEG header is damaged" in said
    assert not list((out / "manifest").glob("*"))
    before = records(out)

    (folder / "bad.jpg").unlink()
    assert "3 were finished by earlier runs" in run("immunize", folder.as_uri(), "--out", out)
    assert records(out) == before

    shutil.copy(folder / "a00.png", folder / "new.png")
    (out / "a00.png").unlink()
    said = run("immunize", folder.as_uri(), "--out", out, "--json")
    assert '"finished_now": 2' in said
    assert '"finished_earlier": 2' in said
    after = records(out)
    assert {name for name in after if after[name] != before.get(name)} == {"a00.png", "new.png"}

    said = run("immunize", folder.as_uri(), "--out", out, "--strength", 1.2, status=2)
    assert "--restart to begin again" in said
    (tmp_path / "strangers").mkdir()
    (tmp_path / "strangers" / "a00.png").write_bytes(b"precious")
    said = run("immunize", folder, "--out", tmp_path / "strangers", status=2)
    assert "holds 1 of the files to be written already" in said
    assert (tmp_path / "strangers" / "a00.png").read_bytes() == b"precious"


@pytest.mark.slow
def test_a_worker_without_the_key_is_one_sentence(photos, tmp_path, run, key, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "here"))  # and not on the workers
    store_key(replace(key, name="elsewhere"))
    said = run("immunize", photos(1), "--out", tmp_path / "out", status=1)
    assert "there is no key 'elsewhere'" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ended_in_the_middle_it_goes_on(photos, tmp_path, guard, number, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder, out = photos(12), tmp_path / "out"
    command = [str(Path(sys.executable).with_name("imuge")), "batch", "immunize"]
    command += [str(folder), "--out", str(out), "--engine", "ray", "--processes", "2"]
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 300  # machines are shared
    while not list(out.rglob("*.png")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(300) == (-9 if number == signal.SIGKILL else 143)
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert_whole(folder, out, guard)


# The actor without Ray: its register is an object, and nothing is waited for.


def remotely(thing):
    methods = [name for name in dir(thing) if not name.startswith("_")]
    wrapped = {name: SimpleNamespace(remote=getattr(thing, name)) for name in methods}
    return SimpleNamespace(**wrapped)


@pytest.fixture
def setup(tmp_path, key, guard, request):
    request.getfixturevalue("held")
    return ActorSetup(
        spec=BatchSpec(command="immunize"),
        keys=(KeyReference(find="default", key_id=key.key_id),),
        threads=1,
        device="cpu",
        inputs=open_storage(str(tmp_path / "photos")),
        outputs=open_storage(str(tmp_path / "out")),
        model_sha256=guard.engine.sha256,
    )


def tasks(*names):
    return [PictureTask(name=name, source=name, shown=name) for name in names]


@pytest.mark.slow
def test_the_actor_reads_works_writes_and_records(photos, setup, tmp_path):
    photos(1)
    actor = Actor(setup, remotely(Register()), lambda answer: answer)
    found = to_records(actor(remote.from_tasks(tasks("a00.png", "missing.png"))))
    assert [record.name for record in found] == ["a00.png", "missing.png"]
    assert (
        found[0].output_sha256
        == hashlib.sha256((tmp_path / "out/a00.png").read_bytes()).hexdigest()
    )
    assert found[0].input_bytes == (tmp_path / "photos/a00.png").stat().st_size
    assert found[0].input_mtime_ns == (tmp_path / "photos/a00.png").stat().st_mtime_ns
    assert found[1].error.startswith("it cannot be read")


def test_what_processes_died_over_is_given_up_and_a_stop_skips(photos, setup):
    photos(1)
    register = Register()
    for _ in range(DEATHS):
        assert register.begin("a00.png") == GO
    assert register.begin("a00.png") == GIVE_UP
    actor = Actor(setup, remotely(register), lambda answer: answer)
    (found,) = to_records(actor(remote.from_tasks(tasks("a00.png"))))
    assert "worker processes died over it" in found.error
    assert register.begin("b.png") == GO
    assert register.stop() == (1, 1)
    assert register.begin("c.png") == SKIP
    assert actor(remote.from_tasks(tasks("a00.png"))).num_rows == 0


def test_a_worker_with_another_model_version_or_key_refuses(setup):
    with pytest.raises(ConfigError, match="install the same"):
        replace(setup, model_sha256="0" * 64).guard()
    with pytest.raises(ConfigError, match="install the same"):
        replace(setup, tool_version="0.0.1").guard()
    with pytest.raises(ConfigError, match="give all machines the same"):
        KeyReference(find="default", key_id="00000000").key()


@pytest.mark.slow
def test_a_list_names_each_picture_by_path_or_uri(photos, setup, tmp_path):
    folder = photos(2)
    given = [
        PictureTask(name="one.png", source=(folder / "a00.png").as_uri(), shown="one"),
        PictureTask(name="x/two.jpg", source=str(folder / "sub/b01.jpg"), shown="two"),
    ]
    actor = Actor(replace(setup, inputs=None), remotely(Register()), lambda answer: answer)
    found = to_records(actor(remote.from_tasks(given)))
    assert [record.error for record in found] == [None, None]
    assert (tmp_path / "out/x/two.jpg").read_bytes().startswith(b"\xff\xd8\xff")
