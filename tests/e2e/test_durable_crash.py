"""Real processes that are killed, stopped and started again, on SQLite and on PostgreSQL."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fixtures.durable_process import Plan, running
from tests.fixtures.postgres import empty_database

pytestmark = pytest.mark.slow

SECONDS = 60
Line = tuple[str, str, str, int]


@pytest.fixture(params=["sqlite", "postgres"])
def plan(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plan]:
    with ExitStack() as stack:
        database = None
        if request.param == "postgres":
            database = stack.enter_context(empty_database())
        yield Plan(str(tmp_path), database)


def lines(plan: Plan) -> list[Line]:
    log = Path(plan.folder) / "log"
    return (
        [tuple(json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []
    )


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def says(process: "subprocess.Popen[str]", *expected: str) -> None:
    assert process.stdout is not None
    assert [process.stdout.readline().strip() for _ in expected] == list(expected)


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait()


def count(plan: Plan, what: str) -> Counter[tuple[str, str]]:
    return Counter((job, step) for kind, job, step, _ in lines(plan) if kind == what)


def test_after_a_kill_only_the_step_that_was_cut_off_is_done_again(plan: Plan) -> None:
    with running(replace(plan, start={"job": 4}, hold="s2")) as first:
        wait_for(lambda: ("job", "s2") in count(plan, "begin"))
        kill(first)
    with running(replace(plan, wait=["job"])) as second:
        says(second, "succeeded")
    assert count(plan, "begin") == {("job", f"s{n}"): 2 if n == 2 else 1 for n in range(4)}
    assert count(plan, "end") == {("job", f"s{n}"): 1 for n in range(4)}


def test_a_living_process_takes_over_the_work_of_a_dead_one(plan: Plan) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(running(replace(plan, start={"a": 2, "b": 2}, hold="s1")))
        wait_for(lambda: len(count(plan, "begin")) == 4)
        second = stack.enter_context(running(replace(plan, wait=["a", "b"])))
        # It lives and holds the work: nothing is taken while it does.
        time.sleep(1.5)
        assert {line[3] for line in lines(plan)} == {first.pid}
        kill(first)
        says(second, "succeeded", "succeeded")
    assert count(plan, "end") == {(job, step): 1 for job in "ab" for step in ("s0", "s1")}
    assert {pid for what, _, step, pid in lines(plan) if (what, step) == ("end", "s1")} == {
        second.pid
    }


def test_a_process_that_was_stopped_and_given_up_does_not_go_on_with_work_taken_from_it(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        plan = Plan(str(tmp_path), stack.enter_context(empty_database()))
        first = stack.enter_context(running(replace(plan, start={"job": 4}, hold="s1")))
        wait_for(lambda: ("job", "s1") in count(plan, "begin"))
        second = stack.enter_context(running(replace(plan, wait=["job"])))
        os.kill(first.pid, signal.SIGSTOP)
        says(second, "succeeded")
        (Path(plan.folder) / "s1").touch()
        os.kill(first.pid, signal.SIGCONT)
        wait_for(lambda: count(plan, "end")["job", "s1"] == 2)
        time.sleep(1)
        assert first.poll() is None
    # The step it was in was done by both; no later one was.
    assert {pid for _, _, step, pid in lines(plan) if step in ("s2", "s3")} == {second.pid}


def test_a_process_that_hangs_on_a_file_is_not_robbed(tmp_path: Path) -> None:
    plan = Plan(str(tmp_path), dead_seconds=1)
    with ExitStack() as stack:
        first = stack.enter_context(running(replace(plan, start={"job": 2}, hold="s0")))
        wait_for(lambda: lines(plan))
        os.kill(first.pid, signal.SIGSTOP)
        stack.enter_context(running(plan))
        time.sleep(2)
        assert len(lines(plan)) == 1


def test_two_processes_share_a_queue_and_do_each_step_once(plan: Plan) -> None:
    jobs = {f"j{n}": 2 for n in range(8)}
    with ExitStack() as stack:
        both = [
            stack.enter_context(
                running(replace(plan, start=jobs, wait=list(jobs), step_seconds=0.2))
            )
            for _ in range(2)
        ]
        for process in both:
            says(process, *["succeeded"] * 8)
    assert count(plan, "begin") == {(job, step): 1 for job in jobs for step in ("s0", "s1")}
    assert {line[3] for line in lines(plan)} == {process.pid for process in both}


def test_scheduled_work_is_done_once_with_two_processes(plan: Plan) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(running(replace(plan, every=1)))
        wait_for(lambda: len(count(plan, "end")) >= 4)
    assert set(count(plan, "begin").values()) == {1}
    times = sorted(job for job, _ in count(plan, "begin"))
    assert all(job.startswith("tick@") for job in times)


def test_a_process_that_ends_hands_its_work_on_at_once(plan: Plan) -> None:
    plan = replace(plan, dead_seconds=600)
    with ExitStack() as stack:
        first = stack.enter_context(running(replace(plan, start={"job": 2}, hold="s1")))
        wait_for(lambda: ("job", "s1") in count(plan, "begin"))
        second = stack.enter_context(running(replace(plan, wait=["job"])))
        assert first.stdin is not None
        first.stdin.close()
        assert first.wait(SECONDS) == 0
        says(second, "succeeded")
    assert count(plan, "begin")["job", "s0"] == 1
