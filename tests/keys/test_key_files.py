"""Key files: what is written, and every refusal."""

import base64
import json
import os
import pickle
import pwd
import stat
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import pytest

import imuge
from imuge.errors import KeyFileError
from imuge.keys import (
    Key,
    create_default,
    find_key,
    folder,
    key_folder,
    key_path,
    list_keys,
    new_key,
    read_key,
    scan_keys,
    store_key,
    verify_only,
    write_key,
)
from imuge.keys import files as key_files

SECRET = bytes(range(100, 132))
SPELLINGS = (SECRET.hex(), base64.b64encode(SECRET).decode(), repr(SECRET), str(list(SECRET)))


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("IMUGE_KEY_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def key():
    return Key.from_secret("press", SECRET)


@pytest.fixture
def document(key, tmp_path):
    write_key(key, tmp_path / "whole.key")
    return json.loads((tmp_path / "whole.key").read_bytes())


def put(path, content):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(text)
    path.chmod(0o600)
    return path


class FileLike:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


def shows_secret(text):
    return any(spelling in text for spelling in SPELLINGS)


def refusal(path):
    """The refusal's message, after a look at everything that hangs on it."""
    with pytest.raises(KeyFileError) as caught:
        read_key(path)
    error = caught.value
    printed = "".join(traceback.format_exception(error))
    assert not shows_secret(printed)
    while error is not None:
        assert not shows_secret(repr(error) + repr(vars(error)))
        error = error.__cause__ or error.__context__
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_full_key_survives_the_file(key, tmp_path):
    path = tmp_path / "press.key"
    write_key(key, path)
    assert read_key(path) == key
    assert read_key(path).can_recover
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.glob(".*")) == []


def test_the_file_is_private_before_it_has_content(key, tmp_path, monkeypatch):
    modes = []
    original = os.link

    def link(source, target):
        modes.append(stat.S_IMODE(source.stat().st_mode))
        original(source, target)

    monkeypatch.setattr(os, "link", link)
    old = os.umask(0)
    try:
        write_key(key, tmp_path / "press.key")
    finally:
        os.umask(old)
    assert modes == [0o600]


def test_a_verify_only_key_survives_the_file_and_does_not_hold_the_secret(key, tmp_path):
    path = tmp_path / "press.key"
    write_key(verify_only(key), path)
    read = read_key(path)
    assert (read.name, read.key_id, read.can_recover) == ("press", key.key_id, False)
    assert [read.root(p) for p in ("pilot", "beacon", "layout", "auth")] == [
        key.root(p) for p in ("pilot", "beacon", "layout", "auth")
    ]
    assert read.image_key("layout", 5) == key.image_key("layout", 5)
    assert verify_only(read) == read
    held = path.read_text()
    assert not shows_secret(held)
    assert base64.b64encode(key.root("recover")).decode() not in held
    with pytest.raises(KeyFileError, match="verify-only"):
        read.root("recover")
    with pytest.raises(KeyFileError, match="verify-only"):
        read.image_key("recover", 5)


def test_new_keys_differ():
    assert new_key("a").root("beacon") != new_key("a").root("beacon")


def test_unknown_purposes_and_image_ids_are_refused(key):
    with pytest.raises(ValueError, match="purpose"):
        key.root("signing")
    with pytest.raises(ValueError, match="picture key"):
        key.image_key("beacon", 5)
    with pytest.raises(ValueError, match="48 bits"):
        key.image_key("layout", 1 << 48)
    with pytest.raises(ValueError, match="48 bits"):
        key.image_key("layout", -1)


def test_repr_hides_the_secret_and_keys_can_be_sent_to_workers(key):
    for shown in (key, verify_only(key)):
        assert repr(shown) == f"Key(name='press', key_id='{key.key_id}')"
        assert str(shown) == repr(shown)
        assert pickle.loads(pickle.dumps(shown)) == shown
        assert hash(shown) == hash(pickle.loads(pickle.dumps(shown)))
    with pytest.raises(AttributeError):
        key.name = "other"


def test_an_existing_file_is_kept_unless_asked(key, tmp_path):
    path = tmp_path / "press.key"
    write_key(key, path)
    with pytest.raises(KeyFileError, match="is not replaced"):
        write_key(new_key("press"), path)
    assert read_key(path) == key
    other = new_key("press")
    write_key(other, path, overwrite=True)
    assert read_key(path) == other
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["press.key"]


def test_of_many_writers_at_once_one_wins(tmp_path):
    path = tmp_path / "press.key"
    won, lost = [], []

    def write():
        key = new_key("press")
        try:
            write_key(key, path)
            won.append(key)
        except KeyFileError:
            lost.append(key)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1
    assert len(lost) == 7
    assert read_key(path) == won[0]


def test_a_drive_without_links_still_gets_its_key(key, tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    write_key(key, tmp_path / "press.key")
    assert read_key(tmp_path / "press.key") == key
    with pytest.raises(KeyFileError, match="exists"):
        write_key(key, tmp_path / "press.key")
    assert [p.name for p in tmp_path.iterdir()] == ["press.key"]


def test_where_a_key_cannot_be_written(key, tmp_path):
    with pytest.raises(KeyFileError, match="no such file or folder"):
        write_key(key, tmp_path / "nowhere" / "press.key")
    for overwrite in (False, True):
        with pytest.raises(KeyFileError, match="it is a directory"):
            write_key(key, tmp_path, overwrite=overwrite)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601, 0o620])
def test_a_file_open_to_others_is_refused_with_the_remedy(key, tmp_path, mode):
    path = tmp_path / "my press.key"
    write_key(key, path)
    path.chmod(mode)
    assert f"chmod 600 '{path}'" in refusal(path)


@pytest.fixture
def mounted(key, tmp_path):
    """A key as Kubernetes mounts it: behind two links."""
    data = tmp_path / "secret" / "..2026"
    data.mkdir(parents=True)
    write_key(key, data / "imuge.key")
    (tmp_path / "secret" / "..data").symlink_to("..2026")
    (tmp_path / "secret" / "imuge.key").symlink_to("..data/imuge.key")
    return tmp_path / "secret" / "imuge.key"


def test_a_mounted_secret_that_a_group_may_read_is_taken(key, mounted, monkeypatch):
    for mode in (0o400, 0o440, 0o640):
        mounted.chmod(mode)
        # Owned by root, and the user is another; or root on a read-only mount.
        with monkeypatch.context() as other_user:
            other_user.setattr(os, "geteuid", lambda: 54321)
            assert read_key(mounted) == key
        with monkeypatch.context() as read_only:
            read_only.setattr(key_files, "_may_change_mode", lambda *_: False)
            assert find_key(str(mounted)) == key


def test_a_mounted_secret_that_all_may_read_is_refused_with_a_remedy_the_user_has(
    key, mounted, monkeypatch
):
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    for mode in (0o444, 0o460, 0o644):
        mounted.chmod(mode)
        message = refusal(mounted)
        assert "0400 or 0440" in message
        assert "chmod" not in message
    monkeypatch.setenv("IMUGE_SHARED_KEYS", "1")
    assert read_key(mounted) == key


def test_missing_directory_and_special_files_are_refused(tmp_path):
    assert "there is no key file" in refusal(tmp_path / "missing.key")
    assert "is a directory" in refusal(tmp_path)
    assert "not a regular file" in refusal(Path("/dev/null"))
    put(tmp_path / "file", b"")
    assert "cannot read" in refusal(tmp_path / "file" / "below.key")
    assert "below 65536" in refusal(put(tmp_path / "long.key", b" " * 70_000))


@pytest.mark.parametrize("keep", [0, 1, 20, 150, -3])
def test_truncated_files_are_refused(key, tmp_path, keep):
    write_key(key, tmp_path / "press.key")
    content = (tmp_path / "press.key").read_bytes()
    assert "truncated or not JSON" in refusal(put(tmp_path / "cut.key", content[:keep]))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"imuge", SECRET, SECRET.hex().encode()])
def test_other_content_is_refused(tmp_path, content):
    assert "not a key file" in refusal(put(tmp_path / "other.key", content))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"version": 1}, "version is missing or another"),
        ({"version": 3, "cipher": "new"}, "version is missing or another"),
        ({"version": "2"}, "version is missing or another"),
        ({"version": None}, "version is missing or another"),
        ({"kind": "public"}, "kind has the wrong type or value"),
        ({"name": 7}, "name has the wrong type or value"),
        ({"name": "../press"}, "cannot name a key"),
        ({"name": ".press"}, "cannot name a key"),
        ({"name": ""}, "cannot name a key"),
        ({"name": "a/b\n"}, "cannot name a key"),
        ({"key_id": "00000000"}, "holds the key"),
        ({"key_id": "xyz"}, "key_id has the wrong type or value"),
        ({"comment": SPELLINGS[1]}, "comment does not belong there"),
        ({"secrets": SPELLINGS[1]}, "secrets has the wrong type or value"),
        ({"secrets": {}}, "needs one secret, named key"),
        ({"secrets": {"key": SPELLINGS[1], "beacon": SPELLINGS[1]}}, "needs one secret"),
        (
            {"secrets": {"key": base64.b64encode(SECRET[:31]).decode()}},
            "31 bytes long instead of 32",
        ),
        (
            {"secrets": {"key": base64.b64encode(SECRET * 2).decode()}},
            "64 bytes long instead of 32",
        ),
        ({"secrets": {"key": ""}}, "0 bytes long instead of 32"),
        ({"secrets": {"key": SPELLINGS[1][:-1]}}, "is not base64"),
        ({"secrets": {"key": "ä" + SPELLINGS[1]}}, "is not base64"),
        ({"secrets": {"key": [SPELLINGS[1]]}}, "secrets.key has the wrong type or value"),
        ({"kind": "verify-only"}, "needs the roots pilot, beacon, layout, auth and no others"),
    ],
)
def test_altered_documents_are_refused(document, tmp_path, change, expected):
    path = put(tmp_path / "altered.key", document | change)
    message = refusal(path)
    assert expected in message
    assert "altered.key" in message


@pytest.mark.parametrize("field", ["version", "kind", "name", "key_id", "secrets"])
def test_incomplete_documents_are_refused(document, tmp_path, field):
    del document[field]
    assert f"{field} is missing" in refusal(put(tmp_path / "short.key", document))


def test_a_verify_only_file_with_a_fourth_root_is_refused(key, tmp_path):
    write_key(verify_only(key), tmp_path / "press.key")
    document = json.loads((tmp_path / "press.key").read_bytes())
    document["secrets"]["recover"] = document["secrets"]["beacon"]
    assert "no others" in refusal(put(tmp_path / "more.key", document))


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "a b", "a\n", "Ä", "x" * 65])
def test_names_that_could_be_paths_are_refused(name):
    for make in (new_key, key_path):
        with pytest.raises(KeyFileError, match="cannot name a key"):
            make(name)


def test_the_folder_follows_xdg(monkeypatch, tmp_path):
    assert key_folder() == tmp_path / "config" / "imuge" / "keys"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for ignored in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CONFIG_HOME", ignored)
        assert key_folder() == tmp_path / "home" / ".config" / "imuge" / "keys"


@pytest.fixture
def nobody(monkeypatch):
    """A user without HOME whom the system does not know, as containers run them."""
    for variable in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999_999)


@pytest.mark.usefixtures("nobody")
def test_without_a_home_a_named_key_file_will_do(key, tmp_path, monkeypatch):
    write_key(key, tmp_path / "k.key")
    for given in ("k.key", "./k.key", tmp_path / "k.key", FileLike(tmp_path / "k.key")):
        assert find_key(given) == key
    monkeypatch.setenv("IMUGE_KEY_FILE", str(tmp_path / "k.key"))
    assert find_key() == key
    assert scan_keys() == ([], [])


@pytest.mark.usefixtures("nobody")
def test_without_a_home_one_sentence_says_what_to_set():
    for ask in (key_folder, create_default, find_key, lambda: find_key("press")):
        with pytest.raises(KeyFileError, match=r"no home folder.*HOME or XDG_CONFIG_HOME"):
            ask()


def test_a_relative_home_is_refused_and_nothing_lands_below_the_current_folder(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "rel")
    for ask in (key_folder, create_default, lambda: store_key(new_key("q"))):
        with pytest.raises(KeyFileError, match=r"HOME is 'rel'.*absolute"):
            ask()
    assert not any(tmp_path.iterdir())


def test_an_empty_home_means_the_one_the_system_knows(monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "")
    assert key_folder() == Path(pwd.getpwuid(os.getuid()).pw_dir) / ".config" / "imuge" / "keys"


def test_a_home_that_is_a_file_holds_no_keys(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert scan_keys() == ([], [])
    with pytest.raises(KeyFileError, match="cannot make the folder"):
        create_default()


def test_a_leading_tilde_in_the_variable_is_the_home_folder(key, tmp_path, monkeypatch):
    write_key(key, tmp_path / "k.key")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IMUGE_KEY_FILE", "~/k.key")
    assert find_key() == key


def test_the_default_key_is_made_once_in_a_private_folder():
    assert list_keys() == []
    key, path = create_default()
    assert path == key_folder() / "default.key"
    assert stat.S_IMODE(key_folder().stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find_key(None) == find_key("default") == find_key(path) == find_key(str(path)) == key
    assert create_default() == (key, path)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        create_default()


@pytest.mark.slow
def test_first_runs_at_once_agree_on_one_key(tmp_path):
    for round_ in range(3):
        code = "from imuge.keys import create_default; print(create_default()[0].key_id)"
        environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / f"config{round_}")}
        environment["PYTHONPATH"] = str(Path(imuge.__file__).parents[1])
        runs = [
            subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
            for _ in range(4)
        ]
        said = {run.communicate()[0] for run in runs}
        assert len(said) == 1
        assert all(run.returncode == 0 for run in runs)


def test_a_key_that_appears_between_look_and_write_is_taken(monkeypatch):
    theirs = new_key("default")
    draw = folder.new_key

    def race(name):
        store_key(theirs)
        return draw(name)

    monkeypatch.setattr(folder, "new_key", race)
    assert create_default() == (theirs, key_path("default"))


def test_no_key_at_all_is_an_error_that_names_the_folder():
    with pytest.raises(KeyFileError, match=r"no key 'default' in .*imuge/keys"):
        find_key(None)


def test_the_environment_names_a_file(key, tmp_path, monkeypatch):
    create_default()
    write_key(key, tmp_path / "other.key")
    monkeypatch.setenv("IMUGE_KEY_FILE", str(tmp_path / "other.key"))
    assert find_key(None) == key
    monkeypatch.setenv("IMUGE_KEY_FILE", str(tmp_path / "gone.key"))
    with pytest.raises(KeyFileError, match=r"gone\.key"):
        find_key(None)


def test_a_name_means_the_folder_before_the_working_directory(key, tmp_path):
    write_key(key, tmp_path / "press")
    assert find_key("press") == key
    stored = new_key("press")
    store_key(stored)
    assert find_key("press") == stored
    assert find_key("./press") == find_key(Path("press")) == key


def test_a_key_in_the_folder_goes_by_its_file_name(key):
    store_key(key).rename(key_path("archive"))
    assert find_key("archive").name == "archive"
    assert find_key("archive").root("beacon") == key.root("beacon")
    assert [key.name for key in list_keys()] == ["archive"]


def test_broken_files_do_not_hide_the_good_keys(document):
    for name in ("zebra", "default", "ant"):
        store_key(new_key(name))
    (key_folder() / "notes.txt").write_text("not a key")
    put(key_folder() / "cut.key", b"{")
    put(key_folder() / "bad name.key", document)
    key_path("zebra").chmod(0o644)
    keys, refused = scan_keys()
    assert [key.name for key in keys] == ["ant", "default"]
    assert list_keys() == keys
    assert len(refused) == 3
    assert any("chmod 600" in str(error) for error in refused)


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "config" / "imuge").mkdir(parents=True)
    (tmp_path / "config" / "imuge" / "keys").write_text("")
    with pytest.raises(KeyFileError, match="cannot list"):
        list_keys()
    with pytest.raises(KeyFileError, match="cannot make the folder"):
        create_default()


def test_without_a_name_a_file_in_the_working_directory_is_no_key(key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_key(key, tmp_path / "default")
    with pytest.raises(KeyFileError, match="there is no key 'default'"):
        find_key()
