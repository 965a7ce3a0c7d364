import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from openai.types.conversations import Conversation, ConversationItemList
from openai.types.responses import ResponseItemList
from tests.fixtures.responses_wire import checked, events_of, types_of
from tests.fixtures.serving import Served, asked, serving, until

from bedplate.domain.ids import DEFAULT_TENANT

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/responses"
CONVERSATIONS = "/v1/conversations"
SCRIPT = {
    "use": "scripted",
    "chunk_characters": 6,
    "usage": {"input_tokens": 5, "output_tokens": 3},
    "rules": [
        {"match": "my name", "reply": "You said so."},
        {"match": "think", "reasoning": "Hm.", "reply": "Done."},
    ],
    "replies": ["Hello there"],
}
SLOW = {**SCRIPT, "delay_seconds": 0.02, "replies": ["Hello there, my friend. " * 400]}
BROKEN = {"use": "scripted", "replies": ["Hello there, friend"], "fail_after": 1}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    settings: dict[str, Any] = {
        "models__default": SCRIPT,
        "models__slow": SLOW,
        "models__broken": BROKEN,
        "responses__background_at_once": 1,
        "responses__background_waiting": 1,
    }
    async with serving(tmp_path_factory.mktemp("stored"), **settings) as served:
        yield served


async def create(served: Served, input: Any = "Hi", **fields: Any) -> dict[str, Any]:
    reply = await served.post(PATH, {"model": "default", "input": input, **fields})
    assert reply.status == 200, reply.body
    return checked(reply.body)


async def ended(served: Served, id: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            response = checked((await served.get(f"{PATH}/{id}")).body)
            if response["status"] not in {"queued", "in_progress"}:
                return response
            await asyncio.sleep(0.01)


def texts(served: Served) -> list[str]:
    return [message.content for message in asked(served.app)[-1].messages]


async def test_a_response_is_kept_as_it_was_answered(served: Served):
    made = await create(served, "Please think", metadata={"a": "b"})
    assert made["store"] is True

    assert (await served.get(f"{PATH}/{made['id']}")).json == made
    stream = await served.post(PATH, {"model": "default", "input": "Hi", "stream": True})
    told = events_of(stream.body)[-1]["response"]
    assert (await served.get(f"{PATH}/{told['id']}")).json == told


async def test_one_that_shall_not_be_kept_is_not(served: Served):
    made = await create(served, store=False)

    assert made["store"] is False
    reply = await served.get(f"{PATH}/{made['id']}")
    assert (reply.status, reply.error["type"]) == (404, "invalid_request_error")
    follow = {"model": "default", "input": "x", "previous_response_id": made["id"]}
    reply = await served.post(PATH, follow)
    assert (reply.status, reply.error["code"]) == (400, "previous_response_not_found")
    assert reply.error["param"] == "previous_response_id"


async def test_a_failed_stream_is_kept_as_failed(served: Served):
    reply = await served.post(PATH, {"model": "broken", "input": "Hi", "stream": True})
    failed = events_of(reply.body)[-1]["response"]

    found = (await served.get(f"{PATH}/{failed['id']}")).json
    assert (found, found["status"]) == (failed, "failed")


async def test_a_response_goes_on_from_former_ones_without_their_instructions(served: Served):
    first = await create(served, "I am Ada", instructions="Be kind.")
    second = await create(served, "And you?", previous_response_id=first["id"])
    await create(served, "What is my name?", previous_response_id=second["id"])

    assert texts(served) == [
        *("I am Ada", "Hello there", "And you?", "Hello there", "What is my name?")
    ]
    assert second["previous_response_id"] == first["id"]


async def test_items_are_referred_to_by_id(served: Served):
    first = await create(served, "I am Ada")
    [message] = first["output"]
    reference = {"type": "item_reference", "id": message["id"]}
    await create(served, [reference, {"role": "user", "content": "What is my name?"}])
    assert texts(served) == ["Hello there", "What is my name?"]

    twice = {"model": "default", "input": [reference, reference]}
    reply = await served.post(PATH, twice)
    assert (reply.status, reply.error["param"]) == (400, "input")
    missing = {"model": "default", "input": [{"id": "msg_none"}]}
    reply = await served.post(PATH, missing)
    assert (reply.status, reply.error["param"]) == (404, "input.0.id")


async def test_input_items_are_listed_in_pages(served: Served):
    made = await create(served, [{"role": "user", "content": f"m{at}"} for at in range(3)])
    path = f"{PATH}/{made['id']}/input_items"

    first = (await served.get(f"{path}?limit=2")).json
    ResponseItemList.model_validate(first)
    assert [item["content"][0]["text"] for item in first["data"]] == ["m2", "m1"]
    assert (first["has_more"], first["last_id"]) == (True, first["data"][-1]["id"])
    rest = (await served.get(f"{path}?limit=2&after={first['last_id']}&include[]=x")).status
    assert rest == 400
    rest = (await served.get(f"{path}?limit=2&after={first['last_id']}")).json
    assert [item["content"][0]["text"] for item in rest["data"]] == ["m0"]
    assert rest["has_more"] is False
    ascending = (await served.get(f"{path}?order=asc")).json
    assert [item["content"][0]["text"] for item in ascending["data"]] == ["m0", "m1", "m2"]
    assert (await served.get(f"{path}?limit=101")).status == 400
    assert (await served.get(f"{path}?after=msg_none")).status == 404


async def test_a_deleted_response_is_gone(served: Served):
    made = await create(served)

    gone = await served.request("DELETE", f"{PATH}/{made['id']}")
    assert gone.json == {"id": made["id"], "object": "response", "deleted": True}
    for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/input_items"), ("POST", "/cancel")]:
        assert (await served.request(method, f"{PATH}/{made['id']}{path}")).status == 404


async def test_a_response_in_the_background_is_queued_made_and_told_again(served: Served):
    queued = await create(served, "Please think", background=True)
    assert (queued["status"], queued["background"], queued["output"]) == ("queued", True, [])

    done = await ended(served, queued["id"])
    assert (done["status"], done["id"]) == ("completed", queued["id"])
    assert [item["type"] for item in done["output"]] == ["reasoning", "message"]
    replay = events_of((await served.get(f"{PATH}/{queued['id']}?stream=true")).body)
    assert types_of(replay)[:3] == ["created", "queued", "in_progress"]
    assert replay[-1]["response"] == done
    later = (await served.get(f"{PATH}/{queued['id']}?stream=true&starting_after=4")).body
    assert events_of(later) == replay[5:]


async def test_its_stream_can_be_left_and_taken_up_again(served: Served):
    body = {"model": "slow", "input": "Hi", "background": True, "stream": True}
    async with served.session.post(served.url + PATH, json=body) as response:
        begun = b""
        while begun.count(b"output_text.delta") < 4:
            begun += await response.content.readany()
    seen = events_of(begun[: begun.rindex(b"\n\n") + 2])
    id = seen[0]["response"]["id"]
    path = f"{PATH}/{id}?stream=true&starting_after={seen[-1]['sequence_number']}"

    async with served.session.get(served.url + path) as response:
        more = b""
        while more.count(b"output_text.delta") < 4:
            more += await response.content.readany()
        following = events_of(more[: more.rindex(b"\n\n") + 2])
        assert following[0]["sequence_number"] == seen[-1]["sequence_number"] + 1
        cancelled = await served.post(f"{PATH}/{id}/cancel", {})
        assert checked(cancelled.body)["status"] == "cancelled"
        await response.content.read()

    assert (await served.post(f"{PATH}/{id}/cancel", {})).json["status"] == "cancelled"
    assert (await ended(served, id))["status"] == "cancelled"
    assert not served.app.background.working


async def test_too_many_in_the_background_are_refused_and_waiting_ones_can_be_deleted(
    served: Served,
):
    first = await create(served, model="slow", background=True)
    second = await create(served, model="slow", background=True)
    busy = await served.post(PATH, {"model": "slow", "input": "Hi", "background": True})
    assert (busy.status, busy.error["code"]) == (503, "busy")
    assert (await served.get(f"{PATH}/{second['id']}")).json["status"] == "queued"

    for made in (second, first):
        assert (await served.request("DELETE", f"{PATH}/{made['id']}")).status == 200
    await until(lambda: not served.app.background.working)
    for made in (first, second):
        assert (await served.get(f"{PATH}/{made['id']}")).status == 404


async def test_one_that_fails_in_the_background_says_why(served: Served):
    queued = await create(served, model="broken", background=True)

    failed = await ended(served, queued["id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "server_error")
    assert "fails after 1 chunks" in failed["error"]["message"]


async def test_only_what_is_made_in_the_background_is_cancelled_or_told_again(served: Served):
    made = await create(served)

    assert (await served.post(f"{PATH}/{made['id']}/cancel", {})).status == 400
    reply = await served.get(f"{PATH}/{made['id']}?stream=true")
    assert (reply.status, reply.error["param"]) == (400, "stream")


async def test_what_a_server_leaves_behind_is_marked_as_failed(tmp_path: Path):
    async with serving(tmp_path, models__default=SLOW) as served:
        made = await create(served, background=True)
        await until(lambda: asked(served.app))
        # As a process leaves one that is killed.
        stored = await served.app.transcripts.responses.get(DEFAULT_TENANT, made["id"])
        body = stored.body.replace(made["id"], "resp_killed")
        killed = replace(stored, id="resp_killed", body=body)
        await served.app.transcripts.responses.put(killed, lease=datetime.now(UTC))
        events = [(0, '{"type":"response.created","sequence_number":0}')]
        await served.app.transcripts.background.log(DEFAULT_TENANT, "resp_killed", events)
    async with serving(tmp_path, models__default=SCRIPT) as served:
        left = checked((await served.get(f"{PATH}/{made['id']}")).body)
        assert left["status"] == "failed"
        assert "stopped" in left["error"]["message"]
        replay = events_of((await served.get(f"{PATH}/{made['id']}?stream=true")).body)
        assert types_of(replay)[-1] == "failed"
        killed = await ended(served, "resp_killed")
        assert killed["status"] == "failed"
        tail = (await served.get(f"{PATH}/resp_killed?stream=true&starting_after=0")).body
        assert types_of(events_of(tail)) == ["failed"]


async def test_a_conversation_gathers_what_is_said(served: Served):
    opening = [{"role": "user", "content": "I am Ada"}]
    conversation = (await served.post(CONVERSATIONS, {"items": opening})).json
    Conversation.model_validate(conversation)
    path = f"{CONVERSATIONS}/{conversation['id']}"

    await create(served, "And you?", conversation=conversation["id"])
    response = await create(served, "What is my name?", conversation={"id": conversation["id"]})

    assert response["conversation"] == {"id": conversation["id"]}
    assert texts(served) == ["I am Ada", "And you?", "Hello there", "What is my name?"]
    items = (await served.get(f"{path}/items?order=asc&limit=10")).json
    ConversationItemList.model_validate(items)
    assert [item["content"][0]["text"] for item in items["data"]] == [
        *texts(served),
        "You said so.",
    ]
    reply = await served.post(
        PATH, {"model": "default", "input": "x", "previous_response_id": response["id"]}
    )
    assert reply.status == 400


async def test_a_conversation_and_its_items_can_be_changed(served: Served):
    made = (await served.post(CONVERSATIONS, {"metadata": {"a": "b"}})).json
    path = f"{CONVERSATIONS}/{made['id']}"
    assert made["metadata"] == {"a": "b"}

    changed = (await served.post(path, {"metadata": {"c": "d"}})).json
    assert changed == {**made, "metadata": {"c": "d"}} == (await served.get(path)).json
    added = (
        await served.post(
            f"{path}/items",
            {
                "items": [
                    {"role": "user", "content": "Hi"},
                    {"type": "message", "role": "assistant", "content": "Hello"},
                ]
            },
        )
    ).json
    ConversationItemList.model_validate(added)
    one, other = added["data"]
    assert (await served.get(f"{path}/items/{one['id']}")).json == one
    assert (await served.request("DELETE", f"{path}/items/{one['id']}")).json == changed
    assert (await served.get(f"{path}/items/{one['id']}")).status == 404
    assert [i["id"] for i in (await served.get(f"{path}/items")).json["data"]] == [other["id"]]

    gone = (await served.request("DELETE", path)).json
    assert gone == {"id": made["id"], "object": "conversation.deleted", "deleted": True}
    calls: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("POST", "", {"metadata": {}}),
        ("DELETE", "", None),
        ("GET", "/items", None),
        ("POST", "/items", {"items": []}),
        ("GET", f"/items/{other['id']}", None),
        ("DELETE", f"/items/{other['id']}", None),
    ]
    for method, end, body in calls:
        assert (await served.request(method, path + end, json=body)).status == 404
    reply = await served.post(PATH, {"model": "default", "input": "x", "conversation": made["id"]})
    assert reply.status == 404


async def test_bodies_of_conversations_are_checked(served: Served):
    made = (await served.request("POST", CONVERSATIONS)).json
    path = f"{CONVERSATIONS}/{made['id']}"
    hi = {"role": "user", "content": "Hi"}
    for where, body, param in [
        (CONVERSATIONS, {"items": [{"type": "x"}]}, "items.0.type"),
        (CONVERSATIONS, {"metadata": {"a": 1}}, "metadata.a"),
        (path, {}, "metadata"),
        (f"{path}/items", {"items": [hi] * 21}, "items"),
        (f"{path}/items", {"items": [{**hi, "id": "m"}, {**hi, "id": "m"}]}, "items"),
    ]:
        reply = await served.post(where, body)
        assert (reply.status, reply.error["param"]) == (400, param)
