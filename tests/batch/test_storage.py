"""Files and manifests through pyarrow, on a disk and in a storage that fsspec brings."""

from urllib.parse import quote

import pytest

pytest.importorskip("pyarrow", reason="needs the extra [ray]")

from imuge.batch import storage as module
from imuge.batch.parquet import MANIFEST, PARTS, Parts
from imuge.batch.record import Record
from imuge.batch.storage import open_storage, split_place, without_secrets
from imuge.errors import ConfigError, ImageError

HEADER = {
    "schema": "imuge.batch/1",
    "command": "immunize",
    "source": "/in",
    "options": {"strength": 1.0},
    "key_ids": ["01234567"],
    "model_sha256": "0" * 64,
    "overwrite": False,
}
RECORDS = [
    Record(name="a.png", input="a.png", verdict="intact", psnr_db=40.5, warnings=["mind this"]),
    Record(name="sub/ü.png", input="ü.png", error="broken", options={"strength": 2.0}),
    Record(name="c.png", input="c.png", input_mtime_ns=1_795_539_183_401_352_355, files={"x": "0"}),
]


@pytest.fixture(params=["path", "file URI", "memory"])
def storage(request, tmp_path):
    places = {
        "path": str(tmp_path / "a b"),
        "file URI": f"file://{quote(str(tmp_path))}/a%20b",
        "memory": f"memory://{tmp_path}",
    }
    return open_storage(places[request.param])


def test_files_come_back_and_are_listed_with_their_sizes(storage):
    storage.write("sub/ü x.png", b"first")
    storage.write("sub/ü x.png", b"second")
    storage.write("top.gz", b"1")
    assert storage.read("sub/ü x.png") == b"second"
    assert {name: info.size for name, info in storage.files()} == {"sub/ü x.png": 6, "top.gz": 1}
    assert storage.info("top.gz").is_file
    storage.remove("top.gz")
    assert [name for name, _ in storage.files()] == ["sub/ü x.png"]


def test_an_empty_place_holds_nothing_and_a_missing_file_is_one_sentence(storage):
    assert list(storage.files("nowhere")) == []
    with pytest.raises(ImageError, match="it cannot be read"):
        storage.read("missing.png")


def test_a_file_above_the_limit_is_not_read_whole(storage):
    storage.write("big", b"x" * 11)
    with pytest.raises(ImageError, match="it has more than"):
        storage.read("big", limit=10)


def test_a_write_that_breaks_off_leaves_the_old_file(tmp_path):
    storage = open_storage(str(tmp_path))
    storage.write("a", b"old")

    class Broken:
        type_name = "local"

        def __getattr__(self, name):
            return getattr(storage.filesystem, name)

        def move(self, *_):
            raise OSError("the disk is gone")

    with pytest.raises(ImageError, match="the disk is gone"):
        module.Storage(Broken(), storage.root).write("a", b"new")
    assert storage.read("a") == b"old"


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ConfigError, match="cannot use nonsense://x"):
        open_storage("nonsense://x/y")


@pytest.mark.parametrize(
    ("place", "parts"),
    [("s3://b/x/a b.png", ("s3://b/x", "a b.png")), ("/x/a.png", ("/x", "a.png"))],
)
def test_a_file_is_split_into_its_folder_and_name(place, parts):
    assert split_place(place) == parts


def test_secrets_in_a_uri_are_not_written_down():
    assert without_secrets("s3://me:secret@b/x?endpoint_override=h") == "s3://b/x"
    assert without_secrets("/a@b/c?d") == "/a@b/c?d"


def names(storage):
    return sorted(name for name, _ in storage.files())


def test_parts_come_back_in_order_and_become_one_file(storage):
    parts = Parts(storage, HEADER, run="1")
    assert not parts.resumed
    parts.add(RECORDS[:2])
    mended = Record(name="sub/ü.png", input="ü.png", verdict="intact")
    again = Parts(storage, HEADER, run="2")
    assert again.resumed
    assert list(again.records.values()) == RECORDS[:2]
    again.add([mended, RECORDS[2]])
    again.compact()
    assert names(storage) == [MANIFEST]
    assert list(Parts(storage, HEADER, run="3").records.values()) == [
        RECORDS[0],
        mended,
        RECORDS[2],
    ]


def test_parts_left_beside_the_whole_do_no_harm(storage):
    parts = Parts(storage, HEADER, run="1")
    parts.add(RECORDS)
    left = {name: storage.read(name) for name, _ in storage.files(PARTS)}
    parts.compact()
    for name, data in left.items():
        storage.write(name, data)  # a kill between writing the one and removing the other
    assert list(Parts(storage, HEADER, run="2").records.values()) == RECORDS


def test_another_batch_and_a_damaged_manifest_are_refused(storage):
    Parts(storage, HEADER, run="1").compact()
    with pytest.raises(ConfigError, match=r'"strength": 1\.0}, and this one has'):
        Parts(storage, HEADER | {"options": {"strength": 1.5}}, run="2")
    storage.write(MANIFEST, storage.read(MANIFEST)[:-9])
    with pytest.raises(ConfigError, match="is no manifest of imuge, or damaged"):
        Parts(storage, HEADER, run="2")
