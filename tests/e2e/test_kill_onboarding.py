"""kill -9 of `bedplate serve` while examples/onboarding is at work: each effect happens once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.examples import documents
from tests.fixtures.office import GOAL, RECORD, Office, open_office
from tests.fixtures.process import ServerProcess, start_process
from tests.fixtures.run_chaos import call

pytestmark = pytest.mark.slow


async def test_a_client_is_taken_on_once_though_the_server_is_killed_at_each_effect(
    tmp_path: Path,
) -> None:
    async with open_office(tmp_path) as office:
        server = await begun(office)
        await asked(server, "/api/collections/inbox/documents", documents(office.place / "inbox"))
        body = {"assistant": "onboarding", "goal": GOAL, "id": "fjord"}
        await asked(server, "/api/runs", body)
        run = await stood(server, "waiting_approval")
        server.kill()

        # What was asked is there after the restart, and is answered.
        server = await begun(office)
        office.cut |= {"/accounts", "/events", "/mails"}
        decision = {"verdict": "approve", "by": "Ann"}
        await asked(server, f"/api/reviews/{run['waits_for'][0]}/decision", decision)
        while office.cut:
            async with asyncio.timeout(60):
                await office.lost.wait()
            office.lost.clear()
            server.kill()
            server = await begun(office)
        run = await stood(server, "succeeded")
        server.kill()

        assert office.clients == [RECORD]
        assert office.counts == {"accounts": 1, "events": 1, "mails": 1}
        assert office.posted == ["/accounts", "/events", "/mails"]


async def begun(office: Office) -> ServerProcess:
    """The example's own server, as a process, with its service where it really is."""
    declared = (office.place / "bedplate.toml").read_text()
    if "[embedder]" not in declared:
        declared = declared.replace("http://127.0.0.1:8422", office.address)
        declared = f'[embedder]\nuse = "hashing"\n\n{declared}'
    server = start_process(office.place, declared, office.place / "server.log")
    await asyncio.to_thread(server.wait_until_ready)
    return server


async def asked(server: ServerProcess, path: str, body: Any = None) -> Any:
    return await asyncio.to_thread(call, server, path, body)


async def stood(server: ServerProcess, status: str) -> Any:
    async with asyncio.timeout(60):
        while True:
            run = await asked(server, "/api/runs/fjord")
            if run["status"] == status:
                return run
            await asyncio.sleep(0.1)
