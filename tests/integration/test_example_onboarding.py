"""examples/onboarding, from its folder: documents in, records, accounts, a meeting and a mail.

With BEDPLATE_TEST_MODEL set to a model's options as JSON, that model does it.
"""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from tests.fixtures.examples import documents, ended, in_example
from tests.fixtures.office import GOAL, RECORD, Office, open_office
from tests.fixtures.serving import Served


@pytest.fixture
async def office(tmp_path: Path) -> AsyncGenerator[Office]:
    async with open_office(tmp_path) as office:
        yield office


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
    async with in_example(office.place, tools__office__server=office.address) as served:
        await begin(served, office.place / "inbox")
        async with asyncio.timeout(60):
            await office.lost.wait()
    assert office.clients == [RECORD]
    assert office.counts == {"accounts": 1, "events": 0, "mails": 0}

    async with in_example(office.place, tools__office__server=office.address) as served:
        run = await ended(served, "fjord")

    assert run["status"] == "succeeded"
    assert "taken on" in run["summary"]
    assert office.clients == [RECORD]
    assert office.counts == {"accounts": 1, "events": 1, "mails": 1}
    assert office.posted == ["/accounts", "/events", "/mails"]
    [mail] = office.made["mails"].values()
    assert mail == {"client": "Fjord Foods", "to": "kari@fjord.example"}
