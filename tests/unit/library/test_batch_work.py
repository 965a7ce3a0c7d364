"""A batch as durable work, over the real tables and an answerer of the test's own."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bedplate.domain.batches import Batch
from bedplate.domain.ids import TenantId
from bedplate.durable.protocol import JSON, STEP_SECONDS, Retry, WorkId
from bedplate.library.batch_calls import Answered, Calls
from bedplate.library.batch_work import BatchWork
from bedplate.library.files import UploadedFiles
from bedplate.objects import OBJECTS
from bedplate.objects.protocol import Objects, Room

TENANT = TenantId("north")
URL = "/v1/chat/completions"
SERVED = b'{"usage":{"prompt_tokens":3,"completion_tokens":2}}'


@dataclass
class Direct:
    """Steps that keep nothing: as of a work that is always run from its start."""

    job: WorkId
    tenant: TenantId = TENANT

    async def step(
        self,
        name: str,
        call: Callable[[], Awaitable[JSON]],
        *,
        retry: Retry = Retry(),  # noqa: B008
        seconds: float = STEP_SECONDS,
    ) -> JSON:
        return await call()

    async def emit(self, event: JSON) -> None: ...


@dataclass
class Server:
    """Answers by the script: what it gives for the first call of a request, the second, ..."""

    script: dict[str, list[Answered]] = field(default_factory=dict[str, list[Answered]])
    asked: list[tuple[TenantId, str | None, str, str]] = field(default_factory=list[Any])

    async def __call__(self, tenant: TenantId, key: str | None, path: str, body: bytes) -> Answered:
        number: str = json.loads(body)["number"]
        self.asked.append((tenant, key, path, number))
        told = self.script.get(number) or [Answered(200, "id", SERVED)]
        return told.pop(0) if len(told) > 1 else told[0]

    @property
    def numbers(self) -> list[str]:
        return [number for *_, number in self.asked]


@dataclass
class Bench:
    objects: Objects
    files: UploadedFiles
    server: Server
    work: BatchWork

    async def batch(self, count: int, **facts: Any) -> str:
        lines = [
            {"custom_id": f"r{n}", "method": "POST", "url": URL, "body": {"number": str(n)}}
            for n in range(count)
        ]
        content = "\n".join(map(json.dumps, lines)).encode()
        file = await self.files.create(TENANT, "requests.jsonl", content, purpose="batch")
        made = int(time.time())
        batch = Batch("batch_1", file.id, URL, "1h", made, facts.pop("expires_at", made + 3_600),
                      3_600, key="key-1", **facts)  # fmt: skip
        await self.objects.batches.add(TENANT, batch, most=1)
        return file.id

    async def run(self) -> Batch:
        await self.work.run(Direct(WorkId("batch_1")), None)
        return await self.objects.batches.get(TENANT, "batch_1")

    async def rows(self, file: str | None) -> list[dict[str, Any]]:
        if file is None:
            return []
        return [json.loads(each) for each in (await self.files.read(TENANT, file)).splitlines()]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with OBJECTS.load("sqlite")(tmp_path / "objects.db") as objects:
        files = UploadedFiles(objects, room=Room(100, 10_000_000), batch_seconds=3_600)
        calls, server = Calls(), Server()
        calls.open(server)
        yield Bench(objects, files, server, BatchWork(objects, files, calls, at_once=2, most=1_000))


def refused(status: int, type: str, **facts: Any) -> Answered:
    body = json.dumps({"error": {"message": "No.", "type": type}}).encode()
    return Answered(status, "id", body, **facts)


async def test_each_request_is_asked_once_with_the_key_that_the_batch_was_made_with(
    bench: Bench,
) -> None:
    await bench.batch(20)
    batch = await bench.run()
    assert batch.status == "completed"
    assert batch.total == 20
    assert sorted(bench.server.asked) == sorted(
        (TENANT, "key-1", URL, str(number)) for number in range(20)
    )
    output = await bench.rows(batch.output_file)
    assert [row["custom_id"] for row in output] == [f"r{number}" for number in range(20)]
    assert (await bench.objects.batch_lines.sums(TENANT, "batch_1")).usage.input == 60
    # Run again, as after a crash that came before its end was written down.
    assert await bench.run() == batch
    assert len(bench.server.asked) == 20


async def test_what_may_help_is_tried_again_and_what_may_not_is_told(bench: Bench) -> None:
    good = Answered(200, "id", SERVED)
    bench.server.script = {
        "0": [*[refused(429, "rate_limit_error", retry_after=0.0)] * 8, good],
        "1": [*[refused(503, "server_error", retry_after=0.0)] * 4, good],
        "2": [refused(503, "server_error", retry_after=0.0)],
        "3": [refused(429, "insufficient_quota", retry_after=0.0)],
        "4": [refused(500, "server_error", again=False)],
        "5": [refused(400, "invalid_request_error")],
    }
    await bench.batch(6)
    batch = await bench.run()
    counts = [bench.server.numbers.count(str(number)) for number in range(6)]
    assert counts == [9, 5, 5, 1, 1, 1]
    assert [row["custom_id"] for row in await bench.rows(batch.output_file)] == ["r0", "r1"]
    errors = await bench.rows(batch.error_file)
    assert [(row["custom_id"], row["response"]["status_code"]) for row in errors] == [
        ("r2", 503),
        ("r3", 429),
        ("r4", 500),
        ("r5", 400),
    ]
    assert errors[1]["response"]["body"]["error"]["type"] == "insufficient_quota"


async def test_a_work_that_was_cut_off_asks_what_is_not_kept_yet(bench: Bench) -> None:
    await bench.batch(6)
    failing = [refused(503, "server_error", retry_after=60.0)]
    bench.server.script = {"3": failing}

    async def kept() -> int:
        return len(await bench.objects.batch_lines.done(TENANT, "batch_1"))

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bench.run())
        while await kept() < 5:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
        running.cancel()
    assert (await bench.objects.batches.get(TENANT, "batch_1")).status == "in_progress"
    bench.server.script, bench.server.asked = {}, []
    batch = await bench.run()
    assert (batch.status, bench.server.numbers) == ("completed", ["3"])
    output = await bench.rows(batch.output_file)
    assert [row["custom_id"] for row in output] == [f"r{number}" for number in range(6)]


async def test_what_its_window_leaves_unasked_is_told_as_expired(bench: Bench) -> None:
    await bench.batch(3, expires_at=int(time.time()))
    batch = await bench.run()
    assert batch.status == "expired"
    assert "expired" in batch.times
    assert not bench.server.asked
    assert batch.output_file is None
    errors = await bench.rows(batch.error_file)
    assert [(row["custom_id"], row["response"], row["error"]["code"]) for row in errors] == [
        (f"r{number}", None, "batch_expired") for number in range(3)
    ]


async def test_one_that_was_cancelled_before_it_began_ends_without_files(bench: Bench) -> None:
    await bench.batch(3, status="cancelling")
    batch = await bench.run()
    assert (batch.status, batch.output_file, batch.error_file) == ("cancelled", None, None)
    assert not bench.server.asked


async def test_one_whose_input_is_gone_fails(bench: Bench) -> None:
    file = await bench.batch(3)
    await bench.objects.files.delete(TENANT, file)
    batch = await bench.run()
    assert (batch.status, batch.errors[0].code) == ("failed", "input_file_not_found")
    assert not bench.server.asked
