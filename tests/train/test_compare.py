"""Variants side by side."""

from pathlib import Path

import pytest

from imuge.errors import ConfigError
from imuge.train.compare import main, read_variants

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "tiny.toml"
PHOTOGRAPHS = ROOT / "tests" / "data"


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "variants").glob("*.toml")))
def test_every_set_of_variants_can_be_read(path, tiny):
    variants = read_variants(tiny, path)
    assert len(variants) > 1
    assert len({str(variant.config.to_table()) for variant in variants.values()}) == len(variants)


@pytest.mark.slow
def test_two_variants_make_a_table_and_what_is_done_is_not_done_again(tmp_path, capsys):
    variants = tmp_path / "variants.toml"
    variants.write_text("[base]\n[wide.model]\nlocalizer_width = 12\n")
    arguments = ["--config", str(CONFIG), "--variants", str(variants), "--device", "cpu"]
    arguments += ["--data", str(PHOTOGRAPHS), "--validate", str(PHOTOGRAPHS), "--steps", "2"]
    arguments += ["--out", str(tmp_path / "runs"), "--table", str(tmp_path / "table.md")]
    assert main(arguments) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith("| variant | steps | ms a step | immunized dB | SSIM | F1 |")
    assert [line.split(" | ")[:2] for line in lines[2:4]] == [["| base", "2"], ["| wide", "2"]]
    assert "- base: nothing" in lines
    assert "- wide: model.localizer_width 8 → 12" in lines
    assert (tmp_path / "table.md").read_text() == said.out
    assert said.err.count("done at step 2") == 2
    assert main(arguments) == 0
    again = capsys.readouterr()
    assert again.out == said.out
    assert again.err == ""
    start = tmp_path / "runs" / "base" / "weights"
    assert main([*arguments, "--init", str(start)]) == 0
    first = capsys.readouterr().out.splitlines()[2].split(" | ")
    base = lines[2].split(" | ")
    assert first[:2] == ["| start", "0"]
    assert first[3] == base[3], "what a variant ended with is what another starts from"


def test_mistakes_are_named(tmp_path, tiny, capsys):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[a.model]\nwidht = 3\n")
    with pytest.raises(ConfigError, match=r"unknown settings in variant a.*: widht"):
        read_variants(tiny, wrong)
    wrong.write_text("a = 3\n")
    with pytest.raises(ConfigError, match="expected a table for each variant"):
        read_variants(tiny, wrong)
    arguments = ["--config", str(CONFIG), "--variants", str(tmp_path / "none.toml")]
    arguments += ["--data", "x", "--validate", "x", "--out", str(tmp_path / "runs")]
    assert main(arguments) == 1
    assert "cannot read the variants" in capsys.readouterr().err
    right = tmp_path / "right.toml"
    right.write_text("[warm]\nseed = 2\n[cool]\nseed = 3\n")
    arguments[3] = str(right)
    assert main([*arguments, "--only", "cool,hot"]) == 1
    assert f"unknown variants hot; {right} has warm, cool" in capsys.readouterr().err
