"""What a batch over Ray finds, keeps and refuses, in a storage that is no disk and on one."""

import hashlib

import pytest

pytest.importorskip("pyarrow", reason="needs the extra [ray]")

from imuge.batch.parquet import MANIFEST, PARTS, Parts
from imuge.batch.plan import make_plan
from imuge.batch.record import Record
from imuge.batch.remote_store import RemoteStore, list_remote, refuse_inputs, refuse_strangers
from imuge.batch.storage import open_storage
from imuge.batch.tasks import BatchSpec, PictureTask
from imuge.errors import ConfigError

IMMUNIZE = BatchSpec(command="immunize")
HEADER = dict.fromkeys(("command", "source", "options", "key_ids", "model_sha256"))
HEADER |= {"schema": "imuge.batch/1", "overwrite": False}


@pytest.fixture
def places(tmp_path):
    """An input and an output folder in memory; pictures are never opened here."""
    inputs, outputs = f"memory://{tmp_path}/in", f"memory://{tmp_path}/in/made"
    storage = open_storage(inputs)
    for name in ("b.png", "sub/a.jpg", "notes.txt", ".hidden/c.png", "made/b.png"):
        storage.write(name, name.encode())
    return inputs, outputs


def test_a_folder_anywhere_is_listed_without_hidden_files_and_outputs(places):
    inputs, listing = list_remote(places[0], open_storage(places[1]))
    assert [(found.shown, found.source) for found in listing.found] == [
        ("b.png", "b.png"),
        ("sub/a.jpg", "sub/a.jpg"),
    ]
    assert list(listing.skipped) == ["notes.txt"]
    assert inputs.read(listing.found[1].source) == b"sub/a.jpg"


def test_a_folder_on_a_disk_is_listed_without_following_links(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.png").touch()
    (tmp_path / "outside.png").touch()
    (tmp_path / "in/b.png").symlink_to(tmp_path / "outside.png")
    inputs, listing = list_remote(str(tmp_path / "in"), open_storage(str(tmp_path / "out")))
    assert [(found.shown, found.source) for found in listing.found] == [("a.png", "a.png")]
    assert inputs.read("a.png") == b""


def test_nothing_and_itself_are_refused(places, tmp_path):
    with pytest.raises(ConfigError, match="both input and output"):
        list_remote(places[0], open_storage(places[0]))
    with pytest.raises(ConfigError, match="there are no files"):
        list_remote(f"{places[0]}/nowhere", open_storage(places[1]))
    with pytest.raises(ConfigError, match="expected a folder"):
        list_remote(str(tmp_path / "nowhere"), open_storage(places[1]))


def test_marks_hashes_and_outputs_answer_what_resume_asks(places):
    store = RemoteStore(open_storage(places[0]), open_storage(places[1]))
    task = PictureTask(name="b.png", source="b.png", shown="b.png")
    missing = PictureTask(name="x.png", source="x.png", shown="x.png")
    assert store.input_mark(task)[0] == 5
    assert store.input_mark(missing) is None
    assert store.input_sha256(task) == hashlib.sha256(b"b.png").hexdigest()
    assert store.input_sha256(missing) is None
    assert store.output_is("b.png", "any")
    assert not store.output_is("c.png", "any")


def test_strangers_are_kept_and_a_restart_knows_its_own(places):
    outputs = open_storage(places[1])
    inputs, listing = list_remote(places[0], outputs)
    plan = make_plan(listing, IMMUNIZE)
    store = RemoteStore(inputs, outputs)
    assert not store.resumes
    with pytest.raises(ConfigError, match=r"holds 1 of the files .*first: b\.png"):
        refuse_strangers(plan, IMMUNIZE, store, store.owned)

    parts = Parts(outputs, HEADER, run="1")
    parts.add([Record(name="b.png", input="b.png", output="b.png", output_sha256="0")])
    store = RemoteStore(inputs, outputs)
    assert store.resumes
    assert store.owned == {"b.png"}
    refuse_strangers(plan, IMMUNIZE, store, store.owned)
    store.set_manifest_aside()
    assert not RemoteStore(inputs, outputs).resumes
    Parts(outputs, HEADER, run="2").compact()
    RemoteStore(inputs, outputs).set_manifest_aside()
    kept = {name for name, _ in outputs.files() if name.startswith(PARTS)}
    first = {f"{PARTS}.old-1/part-1-{number:06}.parquet" for number in (1, 2)}
    assert kept == first | {MANIFEST.replace(PARTS, f"{PARTS}.old-2")}


def test_an_output_that_is_an_input_is_refused(places):
    inputs, listing = list_remote(places[0], open_storage(places[1]))
    plan = make_plan(listing, IMMUNIZE)
    refuse_inputs(plan, inputs, open_storage(places[1]))
    with pytest.raises(ConfigError, match="is one of the pictures"):
        refuse_inputs(plan, inputs, open_storage(places[0]))
