"""/api/doctor: what works, what does not, and what to do about it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.fixtures.access import headers_of
from tests.fixtures.serving import Served, serving

from bedplate.doctor import examine as examination
from bedplate.doctor.examine import examine

DOWN = {"use": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key": "sk-secret"}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    assistants: dict[str, Any] = {"support": {"collections": ["handbook"]}}
    folder = tmp_path_factory.mktemp("doctor")
    async with serving(folder, models__down=DOWN, assistants=assistants) as opened:
        yield opened


async def test_each_part_is_told_of_with_what_to_do(served: Served) -> None:
    await served.post("/api/collections/docs/documents", [{"id": "a", "text": "Tents are light."}])
    reply = await served.get("/api/doctor")
    found = {each["check"]: each for each in reply.json["findings"]}

    assert reply.status == 200
    assert (found["collection docs"]["status"], found["model default"]["status"]) == ("ok", "ok")
    assert found["collection docs"]["detail"] == "1 document, 1 passage"
    assert "supported from" in found["guard groundedness"]["detail"]
    assert found["model down"]["status"] == "fail"
    assert found["model down"]["remedy"].startswith("Start that server")
    assert found["assistant support"]["status"] == "warn"
    assert {"python", "sqlite", "data", "embedder", "guard pii", "memory"} <= set(found)
    assert all(each["remedy"] for each in found.values() if each["status"] != "ok")
    assert b"sk-secret" not in reply.body


async def test_those_who_ask_at_once_are_told_what_was_found_once(served: Served) -> None:
    replies = await asyncio.gather(*(served.get("/api/doctor") for _ in range(4)))
    assert len({reply.json["at"] for reply in replies}) == 1


async def test_what_takes_too_long_is_a_finding(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(examination, "probe_model", silent)
    *found, last = await examine(served.app, seconds=1)
    assert [each.check for each in found][:2] == ["python", "sqlite"]
    assert (last.check, last.status) == ("doctor", "fail")
    assert "model default" in last.detail or "tools" in last.detail or "guard" in last.detail


async def test_only_the_default_tenant_s_operator_may_ask(served: Served) -> None:
    statuses = [
        (await served.get("/api/doctor", headers=await headers_of(served, tenant, scope))).status
        for tenant, scope in (("default", "admin"), ("other", "admin"), ("default", "read"))
    ]
    assert statuses == [200, 403, 403]
