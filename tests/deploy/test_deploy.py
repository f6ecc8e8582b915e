"""The container's file and the systemd unit: linted, hardened, and in step with the command."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from imuge.cli.app import app

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
UNIT = (DEPLOY / "imuge.service").read_text()
COMMANDS = typer.main.get_command(app).commands


def joined(text):
    """Lines that end in a backslash, put together."""
    return re.sub(r"\\\n\s*", "", text)


def instructions(name):
    return re.findall(rf"^{name} (.*)$", joined(DOCKERFILE), re.MULTILINE)


def settings():
    """The unit's settings: a name may come several times."""
    found = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", joined(UNIT), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def check_command(words):
    """Every option of an `imuge` command line is one that the command has."""
    assert words[0] == "serve"
    if "serve" not in COMMANDS:
        pytest.skip("this tree has no service yet")
    known = {flag for parameter in COMMANDS["serve"].params for flag in parameter.opts}
    given = {word for word in words if word.startswith("--")}
    assert {"--host", "--key", "--tokens"} <= given <= known


def test_the_container_file_has_no_complaints():
    linter = Path(sys.executable).with_name("hadolint")
    command = [linter, "--failure-threshold", "style", DEPLOY / "Dockerfile"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_linter_would_complain(tmp_path):
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python\nRUN cd /tmp && apt-get install curl\n")
    linter = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([linter, bad], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 1
    assert "DL3006" in found.stdout


def test_the_container_runs_without_root_and_watches_itself():
    user = instructions("USER")[-1]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    (check,) = instructions("HEALTHCHECK")
    assert "/health" in check
    code = json.loads(check[check.index("CMD ") + 4 :])
    assert code[:2] == ["python", "-c"]
    compile(code[2], "healthcheck", "exec")
    # The last stage takes the finished environment alone: no compiler, no source, no cache.
    last = joined(DOCKERFILE).rpartition("\nFROM ")[2]
    assert re.findall(r"^COPY (.*)$", last, re.MULTILINE) == ["--from=build /opt/imuge /opt/imuge"]


def test_the_container_starts_the_service_as_it_is():
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["imuge"]
    check_command(json.loads(instructions("CMD")[0]))


def test_only_what_the_container_needs_is_sent_to_the_builder():
    lines = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    sent = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert sent == copied
    assert all((DEPLOY.parent / name).exists() for name in sent)


def test_the_unit_starts_the_service_as_it_is():
    (start,) = settings()["ExecStart"]
    program, *words = shlex.split(start)
    assert program == "/opt/imuge/bin/imuge"
    check_command(words)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateDevices", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("CapabilityBoundingSet", ""),
        ("IPAddressDeny", "any"),
        ("KillMode", "mixed"),
    ],
)
def test_the_unit_is_hardened(name, value):
    assert settings()[name] == [value]


def test_the_unit_waits_longer_than_the_service_does():
    assert int(settings()["TimeoutStopSec"][0]) > 60  # --grace
    assert settings()["MemoryMax"]
    assert all(":/etc/imuge/" in one for one in settings()["LoadCredential"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_understands_the_unit(tmp_path):
    program = tmp_path / "imuge"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "imuge.service"
    unit.write_text(UNIT.replace("/opt/imuge/bin/imuge", str(program)))
    command = ["systemd-analyze", "verify", "--man=no", unit]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    about_us = [line for line in found.stderr.splitlines() if "imuge" in line]
    assert (found.returncode, about_us) == (0, [])
