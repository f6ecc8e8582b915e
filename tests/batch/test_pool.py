"""Worker processes that do their tasks, die, run out of memory, or are told to stop."""

import os
import signal
from pathlib import Path

import pytest

from imuge.batch.pool import Died, Pool
from imuge.errors import ImugeError, WeightsError


def build():
    return work


def work(task):
    kind, value = task
    if kind == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "die once" and not Path(value).exists():
        Path(value).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "memory":
        raise MemoryError
    if kind == "halt":
        raise WeightsError("the disk is full")
    return value


def build_badly():
    raise WeightsError("the weights are altered")


def build_deadly():
    os._exit(3)


def test_all_tasks_are_done_and_one_process_more_is_never_needed():
    with Pool(build, processes=2) as pool:
        done = dict(pool.run([("give", n) for n in range(20)]))
    assert done == {("give", n): n for n in range(20)}


def test_tasks_are_taken_only_as_processes_fall_idle():
    taken = []

    def tasks():
        for number in range(10):
            taken.append(number)
            yield ("give", number)

    with Pool(build, processes=1) as pool:
        for done, _ in enumerate(pool.run(tasks()), 1):
            assert len(taken) <= done + 1


def test_a_death_costs_only_its_own_task(tmp_path):
    tasks = [("give", 0), ("die", 1), ("memory", 2), ("die once", str(tmp_path / "x")), ("give", 4)]
    with Pool(build, processes=2) as pool:
        results = list(pool.run(tasks))
    done = dict(results)
    assert len(results) == len(done) == len(tasks)
    assert done[("give", 0)] == 0
    assert done[("give", 4)] == 4
    assert done[("die once", str(tmp_path / "x"))] == str(tmp_path / "x")
    assert "signal 9" in done[("die", 1)].reason
    assert done[("memory", 2)] == Died(
        "there is not enough memory for this picture; use a smaller one"
    )


def test_told_to_stop_it_begins_nothing_more():
    done = []
    with Pool(build, processes=1) as pool:
        for task, _ in pool.run([("give", n) for n in range(5)], stop=lambda: len(done) >= 2):
            done.append(task)
    assert done == [("give", 0), ("give", 1)]


def test_what_no_task_can_help_ends_everything():
    with pytest.raises(WeightsError, match="the disk is full"), Pool(build, processes=1) as pool:
        list(pool.run([("halt", 0), ("give", 1)]))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("maker", "said"), [(build_badly, "the weights are altered"), (build_deadly, "exit status 3")]
)
def test_a_process_that_cannot_start_is_said(maker, said):
    with pytest.raises(ImugeError, match=said), Pool(maker, processes=2) as pool:
        list(pool.run([("give", 0)]))


def test_nothing_to_do_starts_nothing():
    with Pool(build_deadly, processes=0) as pool:
        assert list(pool.run([])) == []
