"""The photographs come back from packages that the tests build; nothing goes to a network."""

import csv
import errno
import hashlib
import importlib
import io
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "scripts"))
packages = importlib.import_module("photographs_packages")
pictures = importlib.import_module("photographs_pictures")
script = importlib.import_module("fetch_photographs")

DEB = packages.Package("Debian 12 main", "photos-data", "1:2.0-1")
NPM = packages.Package("npm", "@shop/theme", "v1.0.0")
RESOURCE = "named/app/sea.webp"


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def tar(files: dict[str, bytes], mode: str, *, link: str = "") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=f"w:{mode}") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)
    return packed.getvalue()


def deb(files: dict[str, bytes], mode: str = "xz", **extra) -> bytes:
    parts = [("debian-binary", b"2.0\n\n"), (f"data.tar.{mode}", tar(files, mode, **extra))]
    packed = b"!<arch>\n"
    for name, content in parts:
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        packed += content + b"\n" * (len(content) % 2)
    return packed


def rcc(content: bytes) -> bytes:
    """app/sea.webp in a Qt resource file of version 1: three nodes of 14 bytes."""
    names, at = b"", []
    for name in ("app", "sea.webp"):
        at.append(len(names))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    tree = struct.pack(">IHII", 0, 2, 1, 1)
    tree += struct.pack(">IHII", at[0], 2, 1, 2)
    tree += struct.pack(">IHHHI", at[1], 0, 0, 0, 0)
    data = struct.pack(">I", len(content)) + content
    offsets = (20, 20 + len(tree), 20 + len(tree) + len(data))
    return struct.pack(">4s4I", b"qres", 1, *offsets) + tree + data + names


SOURCES = {
    "train/a.webp": (DEB, "usr/share/a.png", png(1)),
    "train/sea.webp": (DEB, RESOURCE, png(2)),
    "validation/b.webp": (NPM, "package/b.png", png(3)),
    "calibration/squares/c.webp": (NPM, "package/b.png", png(3)),
    "calibration/whole/d.jpg": (NPM, "package/b.png", png(3)),
}


@pytest.fixture
def shelf(tmp_path):
    """Packages already in the folder of --keep-packages."""
    files = {"./usr/share/a.png": png(1), "./usr/share/app.rcc": rcc(png(2))}
    store(tmp_path / "kept", DEB, "photos.deb", deb(files))
    store(tmp_path / "kept", NPM, "theme.tgz", tar({"package/b.png": png(3)}, "gz"))
    return tmp_path / "kept"


def store(kept: Path, package, name: str, content: bytes) -> None:
    folder = kept / package.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


@pytest.fixture
def wanted(tmp_path):
    """Write a list of photographs; `changes` are made to every row."""

    def write(**changes: str) -> Path:
        path = tmp_path / "list.csv"
        with path.open("w", newline="") as file:
            lines = csv.DictWriter(file, list(pictures.COLUMNS))
            lines.writeheader()
            for name, (package, inside, source) in SOURCES.items():
                row = {
                    "file": name,
                    "package": package.name,
                    "registry": package.registry,
                    "version": package.version,
                    "licence": "CC0",
                    "source_width": "90",
                    "source_height": "60",
                    "path_in_package": inside,
                    "sha256_of_source": hashlib.sha256(source).hexdigest(),
                    "box": "5 0 85 60",
                    "resized": "40 30",
                    "crop": "4 0 32 30",
                }
                lines.writerow({**row, **changes})
        return path

    return write


@pytest.fixture
def run(tmp_path, shelf, wanted):
    def run(*more: str, manifest: Path | None = None) -> int:
        manifest = manifest or wanted()
        out = ["--out", str(tmp_path / "out"), "--manifest", str(manifest)]
        return script.main([*out, "--keep-packages", str(shelf), *more])

    return run


def test_every_picture_is_made_and_listed(run, tmp_path, capsys):
    assert run() == 0
    out = capsys.readouterr().out
    assert "[1/2] photos-data" in out
    assert "5 of 5 pictures" in out
    with (tmp_path / "out" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == list(SOURCES)
    for row in rows:
        made = (tmp_path / "out" / row["file"]).read_bytes()
        assert row["sha256"] == hashlib.sha256(made).hexdigest()
        whole = row["file"].startswith("calibration/whole/")
        assert Image.open(io.BytesIO(made)).size == ((90, 60) if whole else (32, 30))


def test_what_calibrates_whole_is_the_source_itself(run, tmp_path):
    run("--only", "calibration")
    assert (tmp_path / "out" / "calibration" / "whole" / "d.jpg").read_bytes() == png(3)


@pytest.mark.parametrize("name", ["validation/b.webp", "calibration/squares/c.webp"])
def test_what_is_no_training_picture_is_lossless(run, tmp_path, name):
    run("--only", name.partition("/")[0])
    image = Image.open(io.BytesIO(png(3))).crop((5, 0, 85, 60))
    image = image.resize((40, 30), Image.Resampling.LANCZOS).crop((4, 0, 36, 30))
    made = Image.open(tmp_path / "out" / name)
    np.testing.assert_array_equal(np.asarray(made), np.asarray(image))


def test_a_training_picture_goes_through_jpeg_and_webp_as_the_set_did(run, tmp_path):
    run("--only", "train")
    image = Image.open(io.BytesIO(png(1))).crop((5, 0, 85, 60))
    image = image.resize((40, 30), Image.Resampling.LANCZOS).crop((4, 0, 36, 30))
    jpeg, webp = io.BytesIO(), io.BytesIO()
    image.save(jpeg, "JPEG", quality=92, subsampling=0)
    Image.open(jpeg).save(webp, "WEBP", quality=90, method=2)
    assert (tmp_path / "out" / "train" / "a.webp").read_bytes() == webp.getvalue()


@pytest.mark.parametrize(
    ("option", "made"),
    [
        (["--only", "train"], ["train/a.webp", "train/sea.webp"]),
        (["--registry", "npm"], ["calibration/squares/c.webp", "validation/b.webp"]),
        (["--only", "calibration"], ["calibration/squares/c.webp"]),
    ],
)
def test_a_part_can_be_chosen(run, tmp_path, option, made):
    assert run(*option) == 0
    out = tmp_path / "out"
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.webp")) == made


def test_existing_pictures_are_kept_unless_told_otherwise(run, tmp_path, capsys):
    there = tmp_path / "out" / "train" / "a.webp"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"mine")
    assert run() == 0
    assert there.read_bytes() == b"mine"
    assert "4 made, 1 kept" in capsys.readouterr().out
    assert run("--overwrite") == 0
    assert there.read_bytes() != b"mine"
    assert not list((tmp_path / "out").rglob("*.part"))


def test_a_package_with_nothing_left_to_make_is_not_fetched(run, monkeypatch):
    assert run() == 0
    monkeypatch.setattr(script, "fetch", lambda *_: pytest.fail("fetched again"))
    assert run() == 0


def test_a_changed_source_is_reported_and_the_rest_is_made(run, shelf, tmp_path, capsys):
    store(shelf, NPM, "theme.tgz", tar({"package/b.png": png(9)}, "gz"))
    assert run() == 1
    told = capsys.readouterr()
    assert "validation/b.webp: package/b.png in theme.tgz is another file now" in told.err
    assert "missing from @shop/theme v1.0.0 (npm):" in told.err
    assert "2 of 5 pictures" in told.out
    assert not (tmp_path / "out" / "validation").exists()


def test_a_missing_file_and_a_link_in_its_place_are_reported(run, shelf, capsys):
    store(shelf, DEB, "photos.deb", deb({"./x": b""}, link="./usr/share/a.png"))
    assert run() == 1
    assert "photos.deb holds no file usr/share/a.png" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["xz", "gz", "bz2"])
def test_paths_that_lead_outside_are_not_followed(mode, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    path = inside / "p.deb"
    path.write_bytes(deb({"../../evil.png": b"x", "/etc/evil.png": b"x", "./a": b"good"}, mode))
    assert packages.read(path, {"a", "evil.png"}) == {"a": b"good"}
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["p.deb"]


def test_a_wheel_is_read(tmp_path):
    path = tmp_path / "p.whl"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("ultra/a.jpg", b"jpeg")
    assert packages.read(path, {"ultra/a.jpg", "ultra/b.jpg"}) == {"ultra/a.jpg": b"jpeg"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>", "not a Debian package"),
        (deb({"./a": b"x"})[:100], "holds no data.tar|is broken"),
        (deb({"./a": png(1)})[:9999], "is broken"),
        (deb({"./a": b"x"}).replace(b"data.tar.xz ", b"data.tar.zst"), "packed with zstd"),
        (deb({"./a.rcc": rcc(b"x")[:30]}), "is broken"),
    ],
)
def test_a_broken_package_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "p.deb"
    path.write_bytes(content)
    with pytest.raises(packages.FetchError, match=said):
        packages.read(path, {"b", RESOURCE})


def test_too_large_a_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "MAX_FILE_BYTES", 3)
    path = tmp_path / "p.tgz"
    path.write_bytes(tar({"a": b"four"}, "gz"))
    with pytest.raises(packages.FetchError, match="larger than"):
        packages.read(path, {"a"})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("file", "train/../../etc/x.webp"),
        ("file", "/train/x.webp"),
        ("file", "calibration/whole/../x.jpg"),
        ("file", "train/x.jpg"),
        ("package", "--help"),
        ("registry", "gems"),
        ("version", "-o=x"),
        ("sha256_of_source", "abc"),
        ("source_width", "wide"),
        ("box", "1 2 3"),
        ("crop", "0 0 -1 9"),
    ],
)
def test_a_malformed_list_names_line_and_column(run, wanted, capsys, column, value):
    assert run(manifest=wanted(**{column: value})) == 1
    assert f"line 2, column {column}: cannot use {value!r}" in capsys.readouterr().err


def test_a_list_without_a_column_and_no_list_are_one_sentence(run, tmp_path, capsys):
    path = tmp_path / "list.csv"
    path.write_text("file,package\n")
    assert run(manifest=path) == 1
    assert "line 1: no column box, crop," in capsys.readouterr().err
    assert run(manifest=tmp_path / "none.csv") == 1
    assert "cannot be read as a list of photographs" in capsys.readouterr().err


CLIENT = {
    "E: Unable to locate package photos-data": r"not to be had \(E: Unable to locate",
    "Temporary failure resolving 'mirror'": "is there a network",
    "npm error code ENOTFOUND": "is there a network",
    "write error: No space left on device": "the disk is full",
}


@pytest.mark.parametrize("package", [DEB, NPM], ids=["debian", "npm"])
@pytest.mark.parametrize("says", CLIENT)
def test_a_failing_client_is_one_sentence(tmp_path, monkeypatch, package, says):
    for name in ("apt-get", "npm"):
        client = tmp_path / "bin" / name
        client.parent.mkdir(exist_ok=True)
        client.write_text(f'#!/bin/sh\necho "{says}" >&2\nexit 100\n')
        client.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(packages.FetchError, match=CLIENT[says]):
        packages.fetch(package, tmp_path / "kept")


def test_a_missing_client_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(packages.FetchError, match="npm is not on this machine"):
        packages.fetch(NPM, tmp_path / "kept")


def test_a_download_is_kept_only_when_whole(tmp_path, monkeypatch):
    def download(_package, command, folder):
        assert command[-1] == "@shop/theme@1.0.0"
        (folder / "theme.tgz").write_bytes(b"tgz")

    monkeypatch.setattr(packages, "_run", download)
    (tmp_path / f"{NPM.folder}.part").mkdir()
    assert packages.fetch(NPM, tmp_path) == tmp_path / NPM.folder / "theme.tgz"
    assert [path.name for path in tmp_path.iterdir()] == [NPM.folder]


def test_a_full_disk_is_one_sentence(run, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(script, "write", full)
    assert run() == 1
    assert "the disk is full; make room and run again" in capsys.readouterr().err


def test_the_list_in_the_repository_is_whole():
    photographs = pictures.read_list(script.LIST)
    sets = [photograph.file.partition("/")[0] for photograph in photographs]
    counts = {name: sets.count(name) for name in script.SETS}
    assert counts == {"train": 400, "calibration": 126, "validation": 30}
    assert len({photograph.file for photograph in photographs}) == len(photographs)


def test_no_package_gives_pictures_to_two_sets():
    photographs = pictures.read_list(script.LIST)
    given = {(p.package.registry, p.package.name, p.file.partition("/")[0]) for p in photographs}
    assert len(given) == len({(registry, name) for registry, name, _ in given})
