"""Nothing of imuge speaks to a network, the libraries that it loads included."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import numpy as np
from imuge import Guard
from imuge.keys import new_key
Guard(new_key("test")).verify(np.zeros((128, 128, 3), np.uint8))
"""


@pytest.mark.slow
def test_onnx_runtime_keeps_no_device_id_to_report_under(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORT_")}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", SCRIPT]
    found = subprocess.run(
        command, env=kept | home, capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr
    # Its telemetry makes files of its own in a cache folder as soon as it starts.
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
