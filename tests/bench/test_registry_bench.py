"""The registry's measurement answers rightly, and writes what the page shows."""

import json

import pytest

from imuge.bench import registry as bench
from imuge.errors import ConfigError
from imuge.registry import Registry


@pytest.mark.slow
def test_a_small_run_writes_both_files(tmp_path, capsys):
    bench.main(["--out", str(tmp_path), "--records", "12"])
    result = json.loads((tmp_path / "registry.json").read_text())
    found = result["databases"]["SQLite"]
    assert found["milliseconds"].keys() == bench.COLUMNS.keys()
    for times in found["milliseconds"].values():
        assert 0 < times["p50"] <= times["p99"] <= times["most"]
    assert 500 < found["largest_receipt_bytes"] < 2048
    assert (tmp_path / "registry.md").read_text() == capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["registry.json", "registry.md"]


def test_a_registry_in_use_is_not_filled(tmp_path):
    with Registry.create(str(tmp_path / "registry.sqlite")) as registry:
        registry.publish(bench.picture(0))
        with pytest.raises(ConfigError, match="expected an empty registry"):
            bench.measure(registry, 4)
        assert registry.show().size == 1


def test_a_server_without_an_address_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("IMUGE_REGISTRY_URL", raising=False)
    with pytest.raises(SystemExit):
        bench.main(["--out", str(tmp_path), "--postgres"])
    assert "IMUGE_REGISTRY_URL" in capsys.readouterr().err
