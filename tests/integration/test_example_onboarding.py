"""examples/onboarding, from its folder: documents in, records, accounts, a meeting and a mail.

With BEDPLATE_TEST_MODEL set to a model's options as JSON, that model does it.
"""

import asyncio
import importlib
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.fixtures.examples import copied, documents, ended, in_example, rows, service
from tests.fixtures.serving import Served

GOAL = "Take on Fjord Foods, kari@fjord.example, with a kick-off at 2026-12-03T09:00."
RECORD = ("Fjord Foods", "NO987654321", "Team", "kari@fjord.example")


@dataclass
class Office:
    """The service; `posted` are its POSTs. The answer to one of `cut` is lost, once, after it is done."""

    place: Path
    address: str
    made: Any
    posted: list[str]
    lost: asyncio.Event
    cut: set[str] = field(default_factory=set[str])

    @property
    def counts(self) -> dict[str, int]:
        return {kind: len(each) for kind, each in self.made.items()}

    @property
    def clients(self) -> list[tuple[Any, ...]]:
        return rows(self.place / "crm.db", "SELECT name, registration, plan, email FROM clients")

    @asynccontextmanager
    async def server(self) -> AsyncGenerator[Served]:
        async with in_example(self.place, tools__office__server=self.address) as served:
            yield served


@pytest.fixture
async def office(tmp_path: Path) -> AsyncGenerator[Office]:
    place = copied("onboarding", tmp_path)
    sys.path.insert(0, str(place))
    api = importlib.import_module("office_api")
    sys.path.remove(str(place))
    app = api.make_app()
    posted: list[str] = []
    found: list[Office] = []
    over = asyncio.Event()

    @web.middleware
    async def losing(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        answer = await handler(request)
        if request.method == "POST":
            posted.append(request.path)
            if request.path in found[0].cut:
                found[0].cut.remove(request.path)
                found[0].lost.set()
                await over.wait()
        return answer

    app.middlewares.append(losing)
    async with service(app) as address:
        found.append(Office(place, address, app[api.MADE], posted, asyncio.Event()))
        yield found[0]
        # The service waits for the answers that it owes.
        over.set()


async def begin(served: Served, inbox: Path) -> None:
    """Documents in, a run begun, and its record before a human."""
    await served.post("/api/collections/inbox/documents", documents(inbox))
    body = {"assistant": "onboarding", "goal": GOAL, "id": "fjord"}
    assert (await served.post("/api/runs", body)).status == 202
    run = await ended(served, "fjord", stops="waiting_approval")
    assert run["status"] == "waiting_approval", run
    [review] = run["waits_for"]
    asked = (await served.get(f"/api/reviews/{review}")).json
    assert asked["subject"]["arguments"]["registration"] == "NO987654321"
    await served.post(f"/api/reviews/{review}/decision", {"verdict": "approve", "by": "Ann"})


async def test_a_client_is_taken_on_once_though_the_server_stops_in_the_middle(
    office: Office,
) -> None:
    office.cut.add("/accounts")
    async with office.server() as served:
        await begin(served, office.place / "inbox")
        async with asyncio.timeout(60):
            await office.lost.wait()
    assert office.clients == [RECORD]
    assert office.counts == {"accounts": 1, "events": 0, "mails": 0}

    async with office.server() as served:
        run = await ended(served, "fjord")

    assert run["status"] == "succeeded"
    assert "taken on" in run["summary"]
    assert office.clients == [RECORD]
    assert office.counts == {"accounts": 1, "events": 1, "mails": 1}
    assert office.posted == ["/accounts", "/events", "/mails"]
    [mail] = office.made["mails"].values()
    assert mail == {"client": "Fjord Foods", "to": "kari@fjord.example"}
