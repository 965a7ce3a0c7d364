"""Microseconds of reserve + settle, on SQLite and PostgreSQL, at 1 and 100 parallel.

Each call is held to three limits (a tenant's dollars of the day, a key's tokens of the month, a
tenant's requests a minute). `none` is the same call where no limit is set. Time is of the wall over
the calls made; CPU is this process's alone, a PostgreSQL server's is not in it.

    python -m tests.bench.bench_ledger --calls 2000
"""

import argparse
import asyncio
import json
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.contract.ledgers import usd, used
from tests.fixtures.postgres import run_postgres

from bedplate.domain.accounts import Account
from bedplate.domain.budgets import MEASURES, Subject
from bedplate.domain.ids import TenantId
from bedplate.ledger import LEDGERS
from bedplate.ledger.protocol import Ledger, LedgerOptions
from bedplate.state.postgres_schema import migrate

TENANT = TenantId("t1")
ACCOUNT = Account(TENANT, key="k")
PARALLEL = (1, 100)


async def limits(ledger: Ledger) -> None:
    tenant, key = Subject("tenant", TENANT, TENANT), Subject("key", "k", TENANT)
    amounts = {MEASURES["usd_day"]: 10**15, MEASURES["requests_minute"]: 10**9}
    await ledger.budgets.set(tenant, amounts)
    await ledger.budgets.set(key, {MEASURES["tokens_month"]: 10**15})


async def call(ledger: Ledger) -> float:
    started = time.perf_counter()
    held = await ledger.reserve(ACCOUNT, "m", usd("0.001"), seconds=60)
    if held is not None:
        await ledger.settle(held, used("0.0005"))
    return time.perf_counter() - started


async def measure(ledger: Ledger, calls: int, parallel: int) -> dict[str, Any]:
    await asyncio.gather(*(call(ledger) for _ in range(parallel)))
    took: list[float] = []

    async def worker() -> None:
        took.extend([await call(ledger) for _ in range(max(1, calls // parallel))])

    cpu, started = _cpu(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(parallel)))
    wall = time.perf_counter() - started
    took.sort()
    return {
        "parallel": parallel,
        "calls": len(took),
        "us_per_call": round(wall / len(took) * 1e6, 1),
        "cpu_us_per_call": round((_cpu() - cpu) / len(took) * 1e6, 1),
        "latency_us_p50": round(statistics.median(took) * 1e6, 1),
        "latency_us_p99": round(took[int(len(took) * 0.99) - 1] * 1e6, 1),
    }


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


@contextmanager
def durable_place(name: str, folder: Path) -> Generator[Path | str]:
    """As in earnest: a server that waits for the disk, as the file does."""
    if name == "sqlite":
        yield folder / "ledger.db"
        return
    with run_postgres(fsync=True) as server:
        address = server.database()
        migrate(address)
        yield address


async def bench(name: str, calls: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bedplate-ledger-"))
    try:
        with durable_place(name, folder) as place:
            async with LEDGERS.load(name)(LedgerOptions(place)) as ledger:
                for limited in ("none", "three"):
                    if limited == "three":
                        await limits(ledger)
                    for parallel in PARALLEL:
                        found = await measure(ledger, calls, parallel)
                        print(json.dumps({"ledger": name, "limits": limited, **found}), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--ledger", choices=["sqlite", "postgres"], action="append")
    chosen = parser.parse_args()
    for name in chosen.ledger or ["sqlite", "postgres"]:
        asyncio.run(bench(name, chosen.calls))


if __name__ == "__main__":
    main()
