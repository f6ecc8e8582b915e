"""A file is written whole or not at all, and nothing is left beside it."""

import errno
import os
import stat

import pytest

from imuge.errors import ImageError
from imuge.files import make_folder, reason, write_atomically


@pytest.fixture
def refusing(monkeypatch):
    """Make one call of the operating system fail."""

    def refuse(name, number):
        def fail(*_, **__):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, name, fail)

    return refuse


def test_the_content_is_all_there(tmp_path):
    path = write_atomically(tmp_path / "a.bin", b"content")
    assert path == tmp_path / "a.bin"
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == ["a.bin"]  # noqa: PTH208


def test_an_existing_file_is_replaced_only_where_allowed(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(ImageError, match=r"a\.bin exists and is not replaced"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    sync = os.fsync

    def race(handle):
        sync(handle)
        path.write_bytes(b"theirs")

    monkeypatch.setattr(os, "fsync", race)
    with pytest.raises(ImageError, match="exists"):
        write_atomically(path, b"ours")
    assert path.read_bytes() == b"theirs"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EFBIG, "larger than this account may write"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "the file system is read-only"),
        (errno.EIO, "input/output error"),
    ],
)
def test_a_refusal_leaves_the_old_file_and_nothing_else(
    tmp_path, refusing, number, words, overwrite
):
    path = tmp_path / "a.bin"
    if overwrite:
        path.write_bytes(b"old")
    refusing("fsync", number)
    with pytest.raises(ImageError, match=f"cannot write .*a.bin: .*{words}.*; nothing was written"):
        write_atomically(path, b"new", overwrite=overwrite)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == (
        {"a.bin": b"old"} if overwrite else {}
    )


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.bin", b"new")
    assert not any(tmp_path.iterdir())


def test_a_file_system_without_links_will_do(tmp_path, refusing):
    refusing("link", errno.EPERM)
    assert write_atomically(tmp_path / "a.bin", b"new").read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_the_mode_holds_from_the_first_moment(tmp_path, monkeypatch, mode):
    sync, seen = os.fsync, []

    def look(handle):
        seen.append(stat.S_IMODE(os.fstat(handle).st_mode))
        sync(handle)

    monkeypatch.setattr(os, "fsync", look)
    path = write_atomically(tmp_path / "a.bin", b"new", mode=mode)
    mask = os.umask(0)
    os.umask(mask)
    assert seen == [mode & ~mask]
    assert stat.S_IMODE(path.stat().st_mode) == mode & ~mask


def test_a_private_file_stays_private_when_it_is_replaced(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write_atomically(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_replaced_file_keeps_its_mode_whatever_the_umask(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    for mode in (0o664, 0o640, 0o444):
        path.chmod(mode)
        write_atomically(path, b"new", overwrite=True)
        assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_secret_never_takes_the_mode_of_the_file_it_replaces(tmp_path):
    path = tmp_path / "a.key"
    path.write_bytes(b"old")
    path.chmod(0o664)
    write_atomically(path, b"new", overwrite=True, mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to give away")
def test_a_replaced_file_keeps_its_owner(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    write_atomically(path, b"new", overwrite=True)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root to give away")
def test_a_group_that_cannot_be_kept_gets_no_bits(tmp_path, refusing):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    os.chown(path, -1, 23456)
    path.chmod(0o664)
    refusing("chown", errno.EPERM)
    write_atomically(path, b"new", overwrite=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_writing_through_a_link_writes_the_real_file_and_keeps_the_link(tmp_path):
    real, link = tmp_path / "folder" / "real.bin", tmp_path / "link.bin"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link.symlink_to("folder/real.bin")
    with pytest.raises(ImageError, match=r"link\.bin exists"):
        write_atomically(link, b"new")
    assert write_atomically(link, b"new", overwrite=True) == link
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert [p.name for p in real.parent.iterdir()] == ["real.bin"]


def test_a_dangling_link_is_no_free_name(tmp_path):
    link = tmp_path / "link.bin"
    link.symlink_to("nowhere.bin")
    with pytest.raises(ImageError, match="exists and is not replaced"):
        write_atomically(link, b"new")
    write_atomically(link, b"new", overwrite=True)
    assert (tmp_path / "nowhere.bin").read_bytes() == b"new"
    assert link.is_symlink()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_is_never_replaced(tmp_path, overwrite):
    (tmp_path / "a").mkdir()
    with pytest.raises(ImageError, match="it is a directory"):
        write_atomically(tmp_path / "a", b"new", overwrite=overwrite)


def test_a_folder_that_is_missing_is_said(tmp_path):
    with pytest.raises(ImageError, match="there is no such file or folder"):
        write_atomically(tmp_path / "missing" / "a.bin", b"new")


def test_the_longest_name_that_a_folder_takes(tmp_path):
    name = "n" * 251 + ".png"
    assert write_atomically(tmp_path / name, b"new").exists()


def test_an_unknown_refusal_keeps_the_systems_words():
    assert reason(OSError(errno.EIO, "Input/output error")) == "input/output error"
    assert reason(OSError("odd")) == "odd"


def test_a_folder_is_made_with_those_it_lies_in_and_one_that_is_there_is_kept(tmp_path):
    folder = make_folder(tmp_path / "a" / "b")
    assert folder == tmp_path / "a" / "b"
    (folder / "mine").write_bytes(b"mine")
    assert (make_folder(folder) / "mine").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("name", "why"), [("file", "a file of this name"), ("file/out", "a part of it is a file")]
)
def test_where_a_file_is_in_the_way_of_a_folder_it_says_so(tmp_path, name, why):
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(ImageError, match=f"cannot make the folder .*{why}; name another"):
        make_folder(tmp_path / name)
    assert (tmp_path / "file").read_bytes() == b"mine"
