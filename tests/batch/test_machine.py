"""How many processes a machine gets, from its processors and its memory."""

import pytest

from imuge.batch import machine
from imuge.batch.machine import available_bytes, default_processes

GB = 10**9


@pytest.fixture
def system(tmp_path):
    """Writes what Linux would say, and gives what is read from it."""

    def say(*, available=None, limit=None, used=0):
        if available is not None:
            text = f"MemTotal: 99 kB\nMemAvailable:   {available // 1024} kB\n"
            (tmp_path / "meminfo").write_text(text)
        if limit is not None:
            (tmp_path / "memory.max").write_text(f"{limit}\n")
            (tmp_path / "memory.current").write_text(f"{used}\n")
        return available_bytes(tmp_path / "meminfo", tmp_path)

    return say


def test_the_narrower_of_machine_and_container_counts(system):
    assert system() is None
    assert system(available=8192 * 1024) == 8192 * 1024
    assert system(limit="max") == 8192 * 1024
    assert system(limit=5000, used=2000) == 3000
    assert system(limit=5000, used=6000) == 0


@pytest.mark.parametrize(
    ("memory", "threads", "expected"),
    [(None, 1, 8), (100 * GB, 1, 8), (100 * GB, 3, 2), (4 * GB, 1, 2), (GB, 1, 1), (None, 16, 1)],
)
def test_one_process_a_processor_as_far_as_memory_goes(monkeypatch, memory, threads, expected):
    monkeypatch.setattr(machine, "available_threads", lambda: 8)
    monkeypatch.setattr(machine, "available_bytes", lambda: memory)
    assert default_processes(threads) == expected
