"""What the tests of the pages share: the built site, the pages' own scripts."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
for folder in (ROOT / "scripts", ROOT / "docs"):
    sys.path.append(str(folder))


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the built pages, as `make docs` builds them."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going"]
    command += ["-d", folder / "read", ROOT / "docs", folder / "html"]
    built = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert built.returncode == 0, built.stderr
    return folder / "html"
