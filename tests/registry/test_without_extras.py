"""Without an extra's libraries one sentence names the extra; receipts need none of them."""

import subprocess
import sys

import pytest

from imuge.errors import to_install

BLOCK = "import sys\nfor name in {names}: sys.modules[name] = None\n"
EXTRAS = ("sqlalchemy", "alembic", "pdqhash", "psycopg", "c2pa")


def run(names, script):
    command = [sys.executable, "-c", BLOCK.format(names=names) + script]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "script", "extra"),
    [
        ("sqlalchemy", "from imuge.registry import Registry", "registry"),
        ("alembic", "from imuge.registry import Registry", "registry"),
        (
            "pdqhash",
            "from imuge.registry import perceptual_hash; perceptual_hash(None)",
            "registry",
        ),
        (
            "psycopg",
            "from imuge.registry import Registry; Registry.open('postgresql://h/d')",
            "postgres",
        ),
        ("c2pa", "from imuge.provenance import sign", "c2pa"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(library, script, extra):
    done = run((library,), script)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("imuge.errors.ConfigError")
    assert library in last
    assert f"[{extra}]" in last
    assert last.endswith(f"run: {to_install(extra)}")


def test_receipts_and_test_certificates_need_no_extra(tmp_path):
    script = (
        "from imuge.registry import Receipt, verify_receipt, compare_grids, parse_address\n"
        "from imuge.provenance import make_test_certificates, load_signer\n"
        f"load_signer(*make_test_certificates(__import__('pathlib').Path({str(tmp_path)!r}))[1:])"
    )
    done = run(EXTRAS, script)
    assert (done.returncode, done.stderr) == (0, "")
