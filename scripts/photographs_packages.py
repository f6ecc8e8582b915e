"""Gets one package from its registry and reads chosen files out of it, in memory.

Only the registries' own clients go to the network (apt-get, npm, pip): they know this machine's
mirrors and check what they get. Nothing of an archive is ever written to the disk or run, and only
regular files that were asked for by name are read, so a path such as `../../x` has no effect.
"""

import gzip
import io
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

DEBIAN, NPM, PYPI = "Debian 12 main", "npm", "PyPI"
REGISTRIES = {"debian": DEBIAN, "npm": NPM, "pypi": PYPI}  # in the order of fetching
QT_RESOURCE = "named/"  # the manifest's mark of a file inside a Qt resource file (.rcc)
MAX_FILE_BYTES = 128 << 20  # the largest photograph is 20 MB
TIMEOUT_S = 900
NETWORK = re.compile(
    r"resolv|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|timed out|unreachable"
    r"|connection|could not connect|network",
    re.IGNORECASE,
)
UNKNOWN = re.compile(r"^E: |No matching|404")
BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
)


class FetchError(Exception):
    """A package or one of its files cannot be had; the message says why in one sentence."""


class Package(NamedTuple):
    """One version of one package."""

    registry: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.registry})"

    @property
    def folder(self) -> str:
        """Where it is kept: a name that stays inside its parent folder."""
        return re.sub(r"[^A-Za-z0-9.+-]", "_", f"{self.registry}_{self.name}_{self.version}")


def fetch(package: Package, kept: Path) -> Path:
    """Download `package` into its own folder of `kept`, or find it there.

    Raises:
        FetchError: No client, no network, or no such package.
        OSError: The disk is full.
    """
    folder = kept / package.folder
    if found := archive(folder):
        return found
    arriving = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(arriving, ignore_errors=True)
    arriving.mkdir(parents=True)
    {DEBIAN: _from_debian, NPM: _from_npm, PYPI: _from_pypi}[package.registry](package, arriving)
    if not archive(arriving):
        raise FetchError(f"{package}: the download left no package behind")
    shutil.rmtree(folder, ignore_errors=True)
    arriving.rename(folder)
    return archive(folder)


def archive(folder: Path) -> Path | None:
    """The package file in `folder`."""
    names = ("*.deb", "*.tgz", "*.whl")
    return next((path for name in names for path in sorted(folder.glob(name))), None)


def _from_debian(package: Package, folder: Path) -> None:
    """The exact version by the system's lists, else by fresh private ones, else any version."""
    private = folder.parent.resolve() / "apt"
    options = [f"-oDir::State={private}", f"-oDir::Cache={private}", "-oAPT::Sandbox::User=root"]
    exact, any_version = f"{package.name}={package.version}", package.name
    try:
        _run(package, ["apt-get", "download", exact], folder)
    except FetchError:
        (private / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        # apt needs the file of installed packages to be there; an empty one will do.
        status = private / "status"
        status.touch()
        options.append(f"-oDir::State::status={status}")
        if not any(private.glob("lists/*Packages*")):
            _run(package, ["apt-get", *options, "update"], folder)
        try:
            _run(package, ["apt-get", *options, "download", exact], folder)
        except FetchError:
            _run(package, ["apt-get", *options, "download", any_version], folder)


def _from_npm(package: Package, folder: Path) -> None:
    wanted = f"{package.name}@{package.version.removeprefix('v')}"
    _run(package, ["npm", "pack", "--loglevel=error", "--ignore-scripts", wanted], folder)


def _from_pypi(package: Package, folder: Path) -> None:
    """A wheel: pip would run the set-up code of a source package just to name it."""
    wanted = f"{package.name}=={package.version}"
    options = ["--no-deps", "--only-binary=:all:", "--quiet"]
    _run(package, [sys.executable, "-m", "pip", "download", *options, wanted], folder)


def _run(package: Package, command: list[str], folder: Path) -> None:
    """Run a registry's client in `folder`, with one sentence for each way it fails."""
    client = shutil.which(command[0])
    if client is None:
        raise FetchError(
            f"{package}: {command[0]} is not on this machine; install it, or put the package file "
            "into its folder under --keep-packages"
        )
    try:
        ran = subprocess.run(  # noqa: S603 - no shell, and the manifest's names were checked
            [client, *command[1:]],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{package}: no answer from the registry in {TIMEOUT_S} s") from None
    if ran.returncode:
        raise FetchError(f"{package}: {_reason(ran.stderr + ran.stdout)}")


def _reason(said: str) -> str:
    """What a client's messages come down to."""
    if "No space left" in said or "ENOSPC" in said:
        return "the disk is full"
    if NETWORK.search(said):
        return "the registry cannot be reached; is there a network?"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if UNKNOWN.search(line)]
    return f"not to be had ({(told or lines or ['the client gave no reason'])[0][:160]})"


def read(path: Path, wanted: set[str]) -> dict[str, bytes]:
    """The `wanted` files of the package at `path`, by name; what is not there is left out.

    Raises:
        FetchError: The archive is broken, or packed in a way that Python cannot unpack.
    """
    found: dict[str, bytes] = {}
    try:
        for name, content in _members(path, wanted):
            found.setdefault(name, content)
            if found.keys() >= wanted:
                break
    except BROKEN as error:
        raise FetchError(f"{path.name} is broken ({error}); delete it and try again") from None
    return found


def _members(path: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the wanted files, in the archive's order."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as packed:
            for name in sorted(wanted & set(packed.namelist())):
                with packed.open(name) as file:
                    yield name, _content(file, name)
        return
    with path.open("rb") as file:
        stream = _debian_data(file) if path.suffix == ".deb" else file
        resources = any(name.startswith(QT_RESOURCE) for name in wanted)
        with tarfile.open(fileobj=stream, mode="r|*") as packed:
            for member in packed:
                name = member.name.removeprefix("./")
                if not member.isfile():
                    continue
                if name in wanted:
                    yield name, _content(packed.extractfile(member), name)
                elif resources and name.endswith(".rcc"):
                    inside = qt_resources(_content(packed.extractfile(member), name))
                    yield from ((n, content) for n, content in inside if n in wanted)


def _content(file: IO[bytes], name: str) -> bytes:
    content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise FetchError(f"{name} is larger than {MAX_FILE_BYTES >> 20} MiB")
    return content


def _debian_data(file: IO[bytes]) -> IO[bytes]:
    """The tar of a Debian package's files: a .deb is an ar archive of three members."""
    if file.read(8) != b"!<arch>\n":
        raise FetchError(f"{Path(file.name).name} is not a Debian package; delete it and try again")
    while len(header := file.read(60)) == 60:
        name, size = header[:16].decode().strip(" /"), int(header[48:58])
        if name == "data.tar.zst":
            raise FetchError(f"{Path(file.name).name} is packed with zstd, which Python 3.11 lacks")
        if name.startswith("data.tar"):
            return io.BytesIO(file.read(size))
        file.seek(size + size % 2, 1)
    raise FetchError(f"{Path(file.name).name} holds no data.tar; delete it and try again")


def qt_resources(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Names, with `QT_RESOURCE` in front, and contents in a Qt resource file.

    The file is a tree of fixed-size nodes: a folder's say how many children follow one another
    from which node on, a file's where its bytes are. https://doc.qt.io/qt-5/rcc.html
    """
    magic, version, tree, data, names = struct.unpack_from(">4s4I", content)
    if magic != b"qres":
        return
    node_bytes = 14 if version == 1 else 22
    waiting = [(0, QT_RESOURCE)]
    seen: set[int] = set()
    while waiting:
        number, parent = waiting.pop()
        if number in seen:  # a node that is its own ancestor: not made by Qt
            continue
        seen.add(number)
        at = tree + number * node_bytes
        name_at, flags, count, place = struct.unpack_from(">IHII", content, at)
        (length,) = struct.unpack_from(">H", content, names + name_at)
        start = names + name_at + 6
        name = content[start : start + 2 * length].decode("utf-16-be") if number else ""
        if flags & 2:
            folder = f"{parent}{name}/" if number else parent
            waiting += [(child, folder) for child in range(place, place + min(count, 1 << 16))]
        elif not flags:  # 1 and 4 mean packed, which pictures never are
            (size,) = struct.unpack_from(">I", content, data + place)
            yield parent + name, content[data + place + 4 : data + place + 4 + size]
