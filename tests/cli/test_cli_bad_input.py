"""Whatever comes in, a person gets one sentence and status 1, and no file that is half a file."""

import ctypes
import os
import resource
import struct
import zlib
from pathlib import Path

import pytest

from imuge.cli.terminal import FAILED
from imuge.keys import key_folder

COMMANDS = {
    "immunize": ("immunize", "-o", "out.png"),
    "verify": ("verify", "--out", "report"),
}
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
libc = ctypes.CDLL(None)


def png_header(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    end = b"\0\0\0\0IEND\xaeB`\x82"
    pixels = zlib.compress(bytes(4))
    data = struct.pack(">I", len(pixels)) + b"IDAT" + pixels
    return b"\x89PNG\r\n\x1a\n" + content + data + struct.pack(">I", zlib.crc32(data[4:])) + end


BAD = {
    "truncated.png": (lambda good: good[: len(good) // 2], "is cut short"),
    "text.jpg": (lambda _: b"this is no picture\n", "the content is unknown"),
    "empty.png": (lambda _: b"", "is empty (0 bytes)"),
    "tiny.png": (lambda _: png_header(1, 1), "1×1 pixels"),
    "giant.png": (lambda _: png_header(20000, 20000), "pixels, above the limit"),
    "folder.png": (None, "is a folder; all of it is done by: imuge batch "),
    "missing.png": (None, "cannot read missing.png: there is no such file"),
}


@pytest.fixture
def bad(folder):
    """The working folder with every bad file in it."""
    good = (folder / "plain.png").read_bytes()
    (folder / "folder.png").mkdir()
    for name, (make, _) in BAD.items():
        if make is not None:
            (folder / name).write_bytes(make(good))
    return folder


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def assert_one_sentence(stderr, *parts):
    assert stderr.startswith("imuge: ")
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr
    for part in parts:
        assert part in stderr


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("doing", COMMANDS)
def test_a_bad_picture(bad, imuge, doing, name):
    before = everything(bad)
    result = imuge(*COMMANDS[doing], name)
    assert result.exit_code == FAILED
    assert result.stdout == ""
    assert_one_sentence(result.stderr, name, BAD[name][1])
    # Named once, and once more only in the command to type for a folder.
    assert result.stderr.replace(f"imuge batch {doing} {name} --out DIR", "").count(name) == 1
    assert everything(bad) == before


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("name", ["", ".", "..", "/"])
@pytest.mark.parametrize("doing", ["immunize", "verify"])
def test_a_folder_is_sent_to_the_command_for_folders(folder, imuge, doing, name):
    before = everything(folder)
    result = imuge(doing, name)
    assert result.exit_code == FAILED
    command = f"imuge batch {doing} {Path(name)} --out DIR"
    assert result.stderr == f"imuge: {Path(name)} is a folder; all of it is done by: {command}\n"
    assert everything(folder) == before


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("doing", ["immunize", "verify"])
def test_a_name_that_is_no_file_name(folder, imuge, doing):
    before = everything(folder)
    result = imuge(doing, "n" * 300)
    assert result.exit_code == FAILED
    assert_one_sentence(result.stderr, "cannot ")
    assert everything(folder) == before


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("doing", ["immunize", "verify"])
def test_the_real_command_goes_through_all_of_them_without_a_traceback(bad, command, doing):
    before = everything(bad)
    result = command(doing, *BAD)
    assert result.returncode == FAILED
    assert result.stdout == b""
    lines = result.stderr.decode().splitlines()
    assert len(lines) == len(BAD)
    for line, (name, (_, complaint)) in zip(lines, BAD.items(), strict=True):
        assert line.startswith("imuge: ")
        assert name in line
        assert complaint in line
    assert everything(bad) == before


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("doing", COMMANDS)
def test_a_wrong_ending_is_no_failure_but_is_mentioned(folder, imuge, doing):
    (folder / "tampered.png").rename(folder / "copy.jpg")
    replace = ["--replace"] if doing == "immunize" else []
    result = imuge(*COMMANDS[doing], "copy.jpg", *replace)
    assert result.exit_code == (0 if doing == "immunize" else 10)
    assert "the file is PNG although its name ends in .jpg" in result.stderr


def little_disk():
    """No file may grow beyond 1000 bytes: the system refuses as it does when a disk is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("doing", COMMANDS)
def test_a_full_disk_leaves_no_part_of_a_file(folder, command, doing):
    source = {"immunize": "plain.png", "verify": "tampered.png"}[doing]
    before = everything(folder)
    result = command(*COMMANDS[doing], source, preexec_fn=little_disk)
    assert result.returncode == FAILED
    assert_one_sentence(result.stderr.decode(), "cannot write", "nothing was written")
    assert set(everything(folder)) - set(before) <= {"report", "report/tampered.verdict.json"}


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_a_full_disk_behind_standard_output(command):
    with Path("/dev/full").open("wb") as full:
        result = command("immunize", "plain.png", "-o", "-", stdout=full)
    assert result.returncode == FAILED
    assert_one_sentence(result.stderr.decode(), "cannot use standard output: the disk is full")
    with Path("/dev/full").open("wb") as full:
        result = command("--help", stdout=full)
    assert result.returncode == FAILED
    assert_one_sentence(result.stderr.decode(), "cannot use standard output: the disk is full")


def obey_permissions():
    """Take from root the right to ignore permissions; others never had it."""
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError("cannot drop the right to ignore permissions")


@pytest.fixture
def locked():
    """Make a path unusable for the time of a test."""
    paths = []

    def lock(path, mode):
        paths.append((path, path.stat().st_mode))
        path.chmod(mode)

    yield lock
    for path, mode in paths:
        path.chmod(mode)


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize("doing", COMMANDS)
def test_a_picture_without_permission_to_read(folder, command, locked, doing):
    before = everything(folder)
    locked(folder / "tampered.png", 0o000)
    result = command(*COMMANDS[doing], "tampered.png", preexec_fn=obey_permissions)
    assert result.returncode == FAILED
    assert_one_sentence(result.stderr.decode(), "cannot read tampered.png: no permission")
    assert everything(folder) == before


@pytest.mark.slow
@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("immunize", "plain.png", "-o", "locked/out.png"), "cannot write locked/out.png"),
        (("verify", "tampered.png", "--out", "locked"), "cannot write locked/tampered.verdict"),
    ],
)
def test_a_folder_without_permission_to_write(folder, command, locked, arguments, complaint):
    (folder / "locked").mkdir()
    locked(folder / "locked", 0o555)
    result = command(*arguments, preexec_fn=obey_permissions)
    assert result.returncode == FAILED
    assert_one_sentence(result.stderr.decode(), complaint, "no permission")
    assert not any((folder / "locked").iterdir())


def broken_key(kind, path):
    text = path.read_text()
    if kind == "too short":
        head, secret, tail = text.partition('"key": "')
        path.write_text(head + secret + "c2hvcnQ=" + tail[tail.index('"') :])
    elif kind == "cut":
        path.write_text(text[:60])
    elif kind == "empty":
        path.write_text("")
    else:
        path.chmod(0o644)


@pytest.mark.parametrize("named", [True, False], ids=["with --key", "held"])
@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("too short", "the secret is 5 bytes long instead of 32"),
        ("cut", "truncated or not JSON"),
        ("empty", "truncated or not JSON"),
        ("world-readable", "chmod 600"),
    ],
)
@pytest.mark.parametrize("doing", COMMANDS)
def test_a_key_file_that_is_refused(folder, imuge, held, doing, kind, complaint, named):
    broken_key(kind, held)
    before = everything(folder)
    result = imuge(*COMMANDS[doing], "plain.png", *(["--key", "default"] if named else []))
    assert result.exit_code == FAILED
    assert result.stdout == ""
    assert_one_sentence(result.stderr, "default.key", complaint)
    assert everything(folder) == before
    assert sorted(path.name for path in key_folder().iterdir()) == ["default.key"]


def test_a_key_without_permission_to_read(command, locked, held):
    locked(held, 0o000)
    result = command("immunize", "plain.png", preexec_fn=obey_permissions)
    assert result.returncode == FAILED
    assert_one_sentence(result.stderr.decode(), "default.key", "no permission")
