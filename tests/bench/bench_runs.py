"""What runs cost: CPU a step, CPU of runs that wait, and what is left of them when their server is killed.

`steps` pursues goals of so many steps (a model call and a tool call each) with a scripted model and a
tool that does nothing: `journal` is the loop on its journal alone, `durable` with DBOS handing the
legs out, as served. `parked` has so many runs wait for a human and measures the process beside them.
`chaos` kills `bedplate serve` at random moments with SIGKILL. CPU is this process's; time is of the wall.

    python -m tests.bench.bench_runs steps --steps 50 --runs 10
    python -m tests.bench.bench_runs parked --runs 300 --seconds 20
    python -m tests.bench.bench_runs chaos --runs 200 --kills 20
    python -m tests.bench.bench_runs chaos-postgres --runs 50 --kills 10
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.fixtures.ledger_service import LedgerService
from tests.fixtures.postgres import empty_database
from tests.fixtures.process import ServerProcess, start_process
from tests.fixtures.run_chaos import chaos, toml
from tests.fixtures.runs import Till, calls, says, world

from bedplate.agents.run_work import run_queue
from bedplate.agents.runs import NewRun, Runs
from bedplate.agents.upkeep import RunUpkeep
from bedplate.domain.accounts import LOCAL
from bedplate.domain.ids import DEFAULT_TENANT
from bedplate.domain.runs import RunLimits, RunStatus
from bedplate.durable.open import DurableOptions, open_durable

PARKED = RunStatus.WAITING_APPROVAL
DEAD_SECONDS = 6.0
WIDE = RunLimits(10_000, 10_000, 10_000, 10**9, None, 3_600.0, 100)


def script(steps: int) -> list[Any]:
    """Each call differs, so that it is no circle."""
    lines = [calls(("look", {"id": str(n + 1)}), after=f"result {n};") for n in range(1, steps)]
    return [*lines, says("Done.", after=f"result {steps};"), calls(("look", {"id": "1"}))]


class Counting(Till):
    """Answers with the number that it is given."""

    async def call(self, arguments: Any, context: Any) -> Any:
        self.answer = f"result {arguments['id']};"
        return await super().call(arguments, context)


async def steps(folder: Path, count: int, runs: int) -> list[dict[str, Any]]:
    till = Counting("look", effect="none", parameters={"type": "object"})
    rows: list[dict[str, Any]] = []
    async with world(folder, script(count), till, limits=WIDE) as w:
        await w.run("Warm up")
        begun, cpu = time.perf_counter(), time.process_time()
        for _ in range(runs):
            run = await w.run("Count")
            assert (run.status, run.used.tool_calls) == (RunStatus.SUCCEEDED, count)
        rows.append(_row("journal", count, runs, begun, cpu))
        work = w.queue.works["run"]
        queue = run_queue(at_once=4, waiting=1_000)
        options = DurableOptions(dir=folder, stop_seconds=0.2)
        async with open_durable(options, works=[work], queues=[queue]) as jobs:
            served = Runs(w.journal, jobs, _setup_of(w), _no_tools, None)
            await _ended(served, [(await served.start(LOCAL, NewRun("clerk", "Warm up"))).id])
            begun, cpu = time.perf_counter(), time.process_time()
            ids = [(await served.start(LOCAL, NewRun("clerk", "Count"))).id for _ in range(runs)]
            await _ended(served, ids)
            rows.append(_row("durable", count, runs, begun, cpu))
    return rows


async def parked(folder: Path, runs: int, seconds: float) -> dict[str, Any]:
    till = Till(approve=True)
    lines = [calls(("pay", {"to": "Ann", "amount": 1})), says("Done.", after="")]
    async with AsyncExitStack() as stack:
        w = await stack.enter_async_context(world(folder, lines, till))
        options = DurableOptions(dir=folder, stop_seconds=0.2)
        jobs = await stack.enter_async_context(
            open_durable(
                options, works=[w.queue.works["run"]], queues=[run_queue(at_once=4, waiting=1_000)]
            )
        )
        idle = await _cpu_over(seconds)
        served = Runs(w.journal, jobs, _setup_of(w), _no_tools, None)
        upkeep = RunUpkeep(w.journal, jobs, served, w.humans, keep=timedelta(days=1), most=10_000)
        ids = [(await served.start(LOCAL, NewRun("clerk", "Pay Ann 1"))).id for _ in range(runs)]
        for id in ids:
            while (await served.get(DEFAULT_TENANT, id)).status is not PARKED:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        task = asyncio.get_running_loop().create_task(upkeep.run())
        fresh = await _cpu_over(seconds)
        await asyncio.sleep(30)
        settled = await _cpu_over(seconds)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return {
        "runs": runs,
        "cpu_percent_without": idle,
        "cpu_percent_at_first": fresh,
        "cpu_percent_after_30s": settled,
    }


def killed(
    folder: Path,
    runs: int,
    kills: int,
    seed: int,
    *,
    longest: float = 2.0,
    beside: bool = False,
    dsn: str | None = None,
    nodes: int = 1,
) -> dict[str, Any]:
    """With `dsn` in that PostgreSQL database, which several servers share; with `beside` the tools
    are a process of their own, which is killed too.
    """
    database, started = folder / "effects.db", list[ServerProcess]()
    data = (
        ""
        if dsn is None
        else f'database = "{dsn}"\n[jobs]\ndead_seconds = {DEAD_SECONDS}\n[store]\nuse = "pgvector"'
    )
    service = LedgerService(database) if beside else None
    settings = toml(database, at_once=2 if dsn else 4, data=data, service=service)

    def start() -> ServerProcess:
        server = start_process(folder, settings, folder / f"server-{len(started)}.log")
        started.append(server)
        server.wait_until_ready()
        return server

    try:
        return asdict(
            chaos(
                start,
                database,
                runs=runs,
                kills=kills,
                seed=seed,
                longest=longest,
                nodes=nodes,
                service=service,
            )
        )
    finally:
        if service is not None:
            service.kill()
        for server in started:
            server.kill()


def _setup_of(w: Any) -> Any:
    async def setup_of(_tenant: str, name: str) -> Any:
        return w.setups[name]

    return setup_of


async def _no_tools(_assistant: str, _names: Any) -> dict[str, Any]:
    return {}


async def _ended(runs: Runs, ids: list[str]) -> None:
    for id in ids:
        while not (run := await runs.get(DEFAULT_TENANT, id)).status.ended:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert run.status is RunStatus.SUCCEEDED


async def _cpu_over(seconds: float) -> float:
    """Percent of a core."""
    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    return round(100 * (time.process_time() - cpu) / (time.perf_counter() - begun), 2)


def _row(what: str, count: int, runs: int, begun: float, cpu: float) -> dict[str, Any]:
    made = count * runs
    return {
        "what": what,
        "steps": count,
        "runs": runs,
        "cpu_ms_a_step": round(1_000 * (time.process_time() - cpu) / made, 2),
        "ms_a_step": round(1_000 * (time.perf_counter() - begun) / made, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("steps", "parked", "chaos", "chaos-postgres"))
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--longest", type=float, default=2.0, help="seconds between two kills")
    parser.add_argument("--tools", choices=("within", "beside"), default="within")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    how: dict[str, Any] = {"longest": given.longest, "beside": given.tools == "beside"}
    folder = Path(tempfile.mkdtemp(prefix="bench-runs-"))
    try:
        match given.what:
            case "steps":
                found: Any = asyncio.run(steps(folder, given.steps, given.runs))
            case "parked":
                found = asyncio.run(parked(folder, given.runs, given.seconds))
            case "chaos":
                found = killed(folder, given.runs, given.kills, given.seed, **how)
            case _:
                with empty_database() as dsn:
                    found = killed(
                        folder, given.runs, given.kills, given.seed, dsn=dsn, nodes=2, **how
                    )
        sys.stdout.write(json.dumps(found, indent=1) + os.linesep)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
