"""What a newcomer sees first, and that an error inside never prints what it held."""

import pytest

import imuge as package
from imuge.cli import verify as cli_verify
from imuge.cli.app import app
from imuge.cli.terminal import FAILED, USAGE

COMMANDS = ["immunize", "verify", "attack", "keys", "doctor", "demo", "export", "calibrate"]
COMMANDS += ["batch", "bench", "serve", "tokens"]
BELOW = ["keys new", "keys list", "keys export", "tokens new", "tokens list", "tokens remove"]
BELOW += ["batch immunize", "batch verify"]


def test_alone_it_shows_help(imuge):
    result = imuge()
    assert "Commands:" in result.output
    for name in COMMANDS:
        assert f"\n  {name} " in result.output
    assert "..." not in result.output.split("Commands:")[1], "a summary is too long for its line"


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", [*COMMANDS, *BELOW, ""])
def test_every_command_explains_itself_within_80_columns(imuge, name, flag):
    result = imuge(*name.split(), flag)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_version(imuge):
    assert imuge("--version").stdout == f"imuge {package.__version__}\n"


@pytest.mark.parametrize("name", [*COMMANDS, "keys list", ""])
def test_an_unknown_option_is_wrong_usage(imuge, name):
    result = imuge(*name.split(), "--bogus")
    assert result.exit_code == USAGE
    assert "No such option" in result.stderr


def test_the_real_command_runs(command):
    result = command("--version")
    assert (result.returncode, result.stderr) == (0, b"")


def test_tracebacks_never_show_local_variables():
    assert app.pretty_exceptions_enable is False
    assert app.pretty_exceptions_show_locals is False


@pytest.mark.slow
@pytest.mark.usefixtures("held")
def test_too_little_memory_is_one_sentence_and_the_others_go_on(imuge, monkeypatch):
    sound = cli_verify._verify_one

    def greedy(guard, source, *rest, **options):
        if source.name == "plain.png":
            raise MemoryError
        return sound(guard, source, *rest, **options)

    monkeypatch.setattr(cli_verify, "_verify_one", greedy)
    result = imuge("verify", "plain.png", "protected.png")
    assert result.exit_code == FAILED
    assert result.stderr.startswith("imuge: plain.png: there is not enough memory")
    assert result.stdout.startswith("protected.png: intact: No change was found")


@pytest.mark.parametrize("name", ["plain", "Imuge.v1", "../x.y", "a.b.c"])
def test_export_refuses_a_name_before_any_work(folder, imuge, name):
    result = imuge("export", "plain.png", "-o", "release", "--name", name)
    assert result.exit_code == USAGE
    assert "expected a name such as imuge.v1" in result.stderr
    assert not (folder / "release").exists()


def test_export_keeps_a_release_that_is_there(folder, imuge):
    (folder / "record.json").write_text("{}")
    result = imuge("export", "plain.png", "-o", ".", "--name", "imuge.v1")
    assert result.exit_code == USAGE
    assert "holds a release already" in result.stderr
