"""Chat completions that are stored because their request asked for it."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio
from openai.types.chat import ChatCompletion, ChatCompletionDeleted, ChatCompletionStoreMessage
from tests.fixtures.openai_wire import serve_openai_wire
from tests.fixtures.serving import Served, asked, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/chat/completions"
HI = [{"role": "user", "content": "Hi"}]
SCRIPT = {
    "use": "scripted",
    "chunk_characters": 4,
    "rules": [
        {"match": "weather", "tool_calls": [{"name": "weather", "arguments": {"city": "Oslo"}}]}
    ],
    "replies": ["Hello there"],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    broken = {"use": "scripted", "replies": ["Hello there, friend"], "fail_after": 1}
    folder = tmp_path_factory.mktemp("stored-chats")
    async with serving(folder, models__default=SCRIPT, models__broken=broken) as served:
        yield served


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "default", "messages": HI, "store": True, **fields}


async def made(served: Served, **fields: Any) -> dict[str, Any]:
    reply = await served.post(PATH, body(**fields))
    assert reply.status == 200, reply.body
    return reply.json


async def listed(served: Served, query: str = "") -> list[str]:
    return [each["id"] for each in (await served.get(f"{PATH}?limit=100{query}")).json["data"]]


async def test_a_completion_is_stored_as_it_was_answered(served: Served) -> None:
    answer = await made(served, metadata={"a": "b"}, n=2)

    kept = (await served.get(f"{PATH}/{answer['id']}")).json

    assert kept == answer
    assert ChatCompletion.model_validate(kept).metadata == {"a": "b"}
    assert len(kept["choices"]) == 2
    assert asked(served.app)[-1].extra == {}


async def test_one_that_is_not_to_be_stored_is_not(served: Served) -> None:
    before = await listed(served)
    for store in (None, False):
        answer = (await served.post(PATH, body(store=store))).json
        assert (await served.get(f"{PATH}/{answer['id']}")).status == 404
        assert "metadata" not in answer

    assert await listed(served) == before


async def test_a_stream_is_stored_before_its_end_is_told(served: Served) -> None:
    weather = [{"role": "user", "content": "What is the weather?"}]
    tools = [{"type": "function", "function": {"name": "weather"}}]
    reply = await served.post(PATH, body(messages=weather, tools=tools, stream=True))
    assert reply.body.endswith(b"data: [DONE]\n\n")

    kept = (await served.get(f"{PATH}/{(await listed(served))[-1]}")).json

    assert kept["id"].encode() in reply.body
    [call] = kept["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    plain = await served.post(PATH, body(stream=True))
    assert plain.body.count(b'"content":"') > 2
    last = (await served.get(f"{PATH}/{(await listed(served))[-1]}")).json
    assert last["choices"][0]["message"]["content"] == "Hello there"


async def test_what_failed_is_not_stored(served: Served) -> None:
    before = await listed(served)

    assert (await served.post(PATH, body(model="broken"))).status == 502
    assert b"error" in (await served.post(PATH, body(model="broken", stream=True))).body

    assert await listed(served) == before


async def test_they_are_listed_by_model_and_metadata_page_by_page(served: Served) -> None:
    ids = [(await made(served, metadata={"of": "pages", "n": f"{n}"}))["id"] for n in range(3)]

    assert await listed(served, "&metadata[of]=pages") == ids
    assert await listed(served, "&metadata[of]=pages&order=desc") == ids[::-1]
    assert await listed(served, "&metadata[of]=pages&metadata[n]=1&model=default") == [ids[1]]
    assert await listed(served, "&metadata[of]=pages&model=other") == []
    too_long = await served.get(f"{PATH}?metadata[{'x' * 65}]=pages")
    assert (too_long.status, too_long.error["param"]) == (400, "metadata")
    first = (await served.get(f"{PATH}?metadata[of]=pages&limit=2")).json
    assert (first["has_more"], first["first_id"], first["last_id"]) == (True, ids[0], ids[1])
    rest = (await served.get(f"{PATH}?metadata[of]=pages&limit=2&after={ids[1]}")).json
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == ([ids[2]], False)


async def test_metadata_is_replaced_and_found_anew(served: Served) -> None:
    id = (await made(served, metadata={"of": "old"}))["id"]

    changed = (await served.post(f"{PATH}/{id}", {"metadata": {"of": "new"}})).json

    assert changed["metadata"] == {"of": "new"}
    assert (await served.get(f"{PATH}/{id}")).json == changed
    assert await listed(served, "&metadata[of]=new") == [id]
    assert await listed(served, "&metadata[of]=old") == []
    refused = await served.post(f"{PATH}/{id}", {"metadata": {"of": 7}})
    assert (refused.status, refused.error["param"]) == (400, "metadata.of")


async def test_messages_are_what_it_answered(served: Served) -> None:
    parts = [{"type": "text", "text": "Hi"}]
    given = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]
    id = (await made(served, messages=given))["id"]

    first, second = (await served.get(f"{PATH}/{id}/messages")).json["data"]

    assert ChatCompletionStoreMessage.model_construct(**first).content == "Be brief."
    assert (first["id"], first["role"], first["content_parts"]) == (f"{id}-0", "system", None)
    assert (second["id"], second["content"], second["content_parts"]) == (f"{id}-1", None, parts)
    rest = (await served.get(f"{PATH}/{id}/messages?after={id}-0&limit=1")).json
    assert (rest["first_id"], rest["has_more"]) == (f"{id}-1", False)
    assert (await served.get(f"{PATH}/{id}/messages?after=none")).status == 404


async def test_one_that_was_deleted_is_gone(served: Served) -> None:
    id = (await made(served, metadata={"of": "gone"}))["id"]

    gone = ChatCompletionDeleted.model_validate(
        (await served.request("DELETE", f"{PATH}/{id}")).json
    )

    assert (gone.id, gone.deleted, gone.object) == (id, True, "chat.completion.deleted")
    for path in (f"{PATH}/{id}", f"{PATH}/{id}/messages"):
        assert (await served.get(path)).status == 404
    assert (await served.request("DELETE", f"{PATH}/{id}")).status == 404
    assert await listed(served, "&metadata[of]=gone") == []


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"store": "yes"}, "store"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {"a" * 65: "b"}}, "metadata"),
        ({"metadata": {"a": "b" * 513}}, "metadata.a"),
        ({"metadata": {f"{n}": "" for n in range(17)}}, "metadata"),
    ],
    ids=["store", "list", "number", "key", "value", "many"],
)
async def test_what_cannot_be_kept_is_refused(
    served: Served, fields: dict[str, Any], param: str
) -> None:
    reply = await served.post(PATH, body(**fields))
    assert (reply.status, reply.error["param"]) == (400, param)


async def test_a_provider_is_not_asked_to_store_it_too(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    async with serve_openai_wire() as wire:
        model = {"use": "openai", "model": "m", "base_url": wire.base_url}
        async with serving(tmp_path_factory.mktemp("handed"), models__default=model) as served:
            for store in (True, False, None):
                sent = body(store=store, metadata={"a": "b"})
                assert (await served.post(PATH, sent)).status == 200
        first, second, third = (each.body for each in wire.seen)

    assert not {"store", "metadata"} & first.keys()
    assert (second["store"], second["metadata"]) == (False, {"a": "b"})
    assert "store" not in third
    assert third["metadata"] == {"a": "b"}
