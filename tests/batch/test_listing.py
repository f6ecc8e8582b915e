"""What is taken from folders and lists, what is left out, and what is refused."""

import os

import pytest

from imuge.batch.listing import (
    DANGLING,
    HIDDEN,
    LINKED_FOLDER,
    LINKED_OUT,
    NO_FILE,
    NOT_A_PICTURE,
    list_folder,
    list_source,
)
from imuge.errors import ConfigError


@pytest.fixture
def tree(tmp_path):
    """A folder of empty files; nothing here reads them."""
    root = tmp_path / "in"
    names = ["b.JPG", "a.png", "notes.txt", "sub/c.webp", "sub/d.tif", ".hidden.png", ".git/e.png"]
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def names(listing):
    return [found.shown for found in listing.found]


def test_pictures_are_found_by_their_endings_and_others_are_named(tree, tmp_path):
    listing = list_folder(tree, tmp_path / "out")
    assert names(listing) == ["a.png", "b.JPG", "sub/c.webp", "sub/d.tif"]
    assert listing.skipped == {"notes.txt": NOT_A_PICTURE, ".hidden.png": HIDDEN}


def test_pipes_and_links_that_lead_nowhere_are_named(tree, tmp_path):
    os.mkfifo(tree / "pipe.png")
    (tree / "gone.png").symlink_to(tree / "nothing.png")
    (tree / "round.png").symlink_to(tree / "round.png")
    (tree / "piped.png").symlink_to(tree / "pipe.png")
    skipped = list_folder(tree, tmp_path / "out").skipped
    assert (skipped["pipe.png"], skipped["piped.png"]) == (NO_FILE, NO_FILE)
    assert (skipped["gone.png"], skipped["round.png"]) == (DANGLING, DANGLING)


def test_links_out_of_the_tree_and_linked_folders_are_not_followed(tree, tmp_path):
    (tmp_path / "outside.png").touch()
    (tree / "out.png").symlink_to(tmp_path / "outside.png")
    (tree / "inner.png").symlink_to(tree / "a.png")
    (tree / "loop").symlink_to(tree)
    listing = list_folder(tree, tmp_path / "out")
    assert names(listing) == ["a.png", "b.JPG", "inner.png", "sub/c.webp", "sub/d.tif"]
    assert listing.skipped["out.png"] == LINKED_OUT
    assert listing.skipped["loop"] == LINKED_FOLDER


def test_an_output_folder_inside_is_not_read_again(tree):
    (tree / "sub/made").mkdir()
    (tree / "sub/made/a.png").touch()
    assert "sub/made/a.png" in names(list_folder(tree, tree / "elsewhere"))
    assert "sub/made/a.png" not in names(list_folder(tree, tree / "sub/made"))


@pytest.mark.parametrize(
    ("globs", "expected"),
    [
        (["*.png"], ["a.png"]),
        (["sub/*"], ["sub/c.webp", "sub/d.tif"]),
        (["*.png", "*.tif"], ["a.png", "sub/d.tif"]),
    ],
)
def test_patterns_choose_and_what_they_leave_is_no_news(tree, tmp_path, globs, expected):
    listing = list_folder(tree, tmp_path / "out", globs)
    assert names(listing) == expected
    hidden = {".hidden.png": HIDDEN} if "*.png" in globs else {}
    assert listing.skipped == hidden


def test_json_lines_are_seen_from_the_list_and_blank_ones_skipped(tmp_path):
    path = tmp_path / "list.jsonl"
    path.write_text('{"input": "x/a.jpg"}\n\n{"input": "/b.png", "output": "c/d.png"}\n')
    first, second = list_source(path, tmp_path / "out").found
    assert (first.shown, first.source, first.output) == ("x/a.jpg", f"{tmp_path}/x/a.jpg", None)
    assert (second.source, second.output) == ("/b.png", "c/d.png")


def test_csv_with_a_mark_and_empty_cells(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text('\ufeffinput,output,strength\n"a, b.jpg",,\nc.jpg,d.jpg,1.5\n', "utf-8")
    first, second = list_source(path, tmp_path / "out").found
    assert (first.shown, first.output, first.strength) == ("a, b.jpg", None, None)
    assert (second.output, second.strength) == ("d.jpg", 1.5)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("l.jsonl", '{"input": "a"}\n{"input"', "line 2: no JSON"),
        ("l.jsonl", '["a"]', "line 1: expected an object"),
        ("l.jsonl", '{"output": "a"}', "line 1: there is no input"),
        ("l.jsonl", '{"input": "a", "strenght": 1}', "unknown field 'strenght'"),
        ("l.jsonl", '{"input": 7}', "expected text for input, got 7"),
        ("l.jsonl", '{"input": "a", "strength": true}', "expected a number for strength, got True"),
        ("l.jsonl", '{"input": "a", "metadata": "all"}', "one of keep, no-gps, none"),
        ("l.csv", "input\na,b\n", "line 2: more fields than columns"),
        ("l.csv", "input,strength\na,big\n", "expected a number for strength, got 'big'"),
        ("l.csv", 'input\n"a\n', "no CSV"),
        ("l.txt", "a.jpg", "expected a folder of pictures or a list"),
    ],
)
def test_a_wrong_list_is_refused_by_line(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=said):
        list_source(tmp_path / name, tmp_path / "out")


def test_a_list_that_is_no_text_and_a_source_that_is_not_there(tmp_path):
    (tmp_path / "l.csv").write_bytes(b"input\n\xff\xfe\n")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        list_source(tmp_path / "l.csv", tmp_path / "out")
    with pytest.raises(ConfigError, match="there is nothing of that name"):
        list_source(tmp_path / "missing", tmp_path / "out")


def test_a_batch_of_nothing_makes_no_key(imuge, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    run = imuge("batch", "immunize", tmp_path / "nope", "--out", tmp_path / "out")
    assert run.exit_code == 2
    assert "there is nothing of that name" in run.output
    assert not (tmp_path / "config").exists()
