"""Conversations in less room, their size before they are sent, and stored files in them."""

import base64
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from openai.types.responses import CompactedResponse
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from tests.fixtures.responses_wire import checked
from tests.fixtures.serving import Served, asked, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/responses"
SCRIPT = {
    "use": "scripted",
    "usage": {"input_tokens": 50, "output_tokens": 5},
    "replies": ["Hello there"],
    "rules": [
        {"match": "</user>", "reply": "Ada wants a refund for A-1."},
        {"match": "count", "tool_calls": [{"name": "lookup", "arguments": {"order": "A-1"}}]},
    ],
}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABh6FO1AAAAABJRU5ErkJggg=="
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Served]:
    folder = tmp_path_factory.mktemp("compact")
    models: dict[str, Any] = {"models__default": SCRIPT, "models__quote": {"use": "quote"}}
    async with serving(folder, work=True, **models) as served:
        yield served


async def create(served: Served, input: Any, **fields: Any) -> dict[str, Any]:
    reply = await served.post(PATH, {"model": "default", "input": input, **fields})
    assert reply.status == 200, reply.body
    return checked(reply.body)


async def compacted(served: Served, **fields: Any) -> dict[str, Any]:
    reply = await served.post(f"{PATH}/compact", {"model": "default", **fields})
    assert reply.status == 200, reply.body
    # Its type knows no users' messages among what a model put out, which OpenAI's own answer has.
    last = {**reply.json, "output": reply.json["output"][-1:]}
    CompactedResponse.model_validate(last)
    return reply.json


async def kept(served: Served, name: str, content: bytes) -> str:
    form = aiohttp.FormData({"purpose": "user_data"})
    form.add_field("file", content, filename=name)
    reply = await served.request("POST", "/v1/files", data=form)
    assert reply.status == 200, reply.body
    return reply.json["id"]


async def test_a_conversation_goes_on_from_what_it_was_compacted_to(served: Served) -> None:
    first = await create(served, "I am Ada; please refund A-1.", instructions="Be kind.")
    call = {"type": "function_call", "call_id": "c", "name": "lookup", "arguments": '{"a": 1}'}
    result = {"type": "function_call_output", "call_id": "c", "output": "paid"}

    made = await compacted(
        served, previous_response_id=first["id"], input=[call, result], instructions="Be brief."
    )

    request = asked(served.app)[-1]
    assert request.tools == ()
    said = request.messages[-1].content
    for part in ("<system>\nBe brief.", "<user>\nI am Ada", "Hello there", "lookup", "paid"):
        assert part in said
    assert made["object"] == "response.compaction"
    assert made["usage"]["total_tokens"] == 55
    user, summary = made["output"]
    assert (user["role"], user["content"][0]["text"]) == ("user", "I am Ada; please refund A-1.")
    assert summary["type"] == "compaction"
    assert "Ada" not in summary["encrypted_content"]

    await create(served, [*made["output"], {"role": "user", "content": "Go on"}])
    roles = [(each.role, each.content) for each in asked(served.app)[-1].messages]
    assert roles == [
        ("user", "I am Ada; please refund A-1."),
        ("assistant", "What was said before, summed up:\n\nAda wants a refund for A-1."),
        ("user", "Go on"),
    ]


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "nobody"}, 404, "model"),
        ({"model": "quote"}, 400, "model"),
        ({"input": None}, 400, "input"),
        ({"input": [7]}, 400, "input.0"),
        ({"colour": "red"}, 400, "colour"),
        ({"previous_response_id": "resp_none"}, 400, None),
    ],
    ids=str,
)
async def test_what_cannot_be_compacted_is_refused(
    served: Served, fields: dict[str, Any], status: int, param: str | None
) -> None:
    reply = await served.post(f"{PATH}/compact", {"model": "default", "input": "Hi", **fields})
    assert reply.status == status, reply.body
    assert param is None or reply.error["param"] == param


async def test_a_summary_that_nobody_made_here_is_refused(served: Served) -> None:
    foreign = {"type": "compaction", "encrypted_content": "gAAAAforeign"}
    hi = {"role": "user", "content": "Hi"}
    reply = await served.post(PATH, {"model": "default", "input": [foreign, hi]})
    assert (reply.status, reply.error["param"]) == (400, "input")


async def test_tokens_are_counted_without_a_call(served: Served) -> None:
    before = len(asked(served.app))

    async def count(**fields: Any) -> int:
        reply = await served.post(f"{PATH}/input_tokens", fields)
        assert reply.status == 200, reply.body
        return InputTokenCountResponse.model_validate_json(reply.body).input_tokens

    short = await count(model="default", input="Hi")
    tool = {"type": "function", "name": "lookup", "parameters": {"type": "object"}}
    assert short < await count(model="default", input="Hi " * 100)
    assert short < await count(input="Hi", tools=[tool], personality="friendly")
    assert short < await count(input="Hi", instructions="Be kind.", text=None)
    assert len(asked(served.app)) == before
    assert (await served.post(f"{PATH}/input_tokens", {"input": 7})).status == 400


async def test_stored_files_are_read_and_stored_images_shown(served: Served) -> None:
    text = await kept(served, "terms.md", b"# Terms\n\nRefunds take 30 days.")
    image = await kept(served, "shop.png", PIXEL)
    content = [
        {"type": "input_text", "text": "See:"},
        {"type": "input_file", "file_id": text},
        {"type": "input_image", "file_id": image, "detail": "low"},
    ]
    response = await create(served, [{"role": "user", "content": content}])

    [message] = asked(served.app)[-1].messages
    assert "Refunds take 30 days." in message.content
    assert message.parts[-1].url.startswith("data:image/png;base64,")  # type: ignore[union-attr]
    assert message.parts[-1].detail == "low"  # type: ignore[union-attr]
    listed = (await served.get(f"{PATH}/{response['id']}/input_items")).json["data"]
    assert [part.get("file_id") for part in listed[0]["content"]] == [None, text, image]

    # What was read stays readable when the file is gone.
    assert (await served.request("DELETE", f"/v1/files/{text}")).status == 200
    await create(served, "And then?", previous_response_id=response["id"])
    assert "Refunds take 30 days." in asked(served.app)[-1].messages[0].content


async def test_a_stored_file_is_read_in_a_chat_of_its_tenant(served: Served) -> None:
    part = {"type": "file", "file": {"file_id": await kept(served, "terms.md", b"In 30 days.")}}
    chat = {"model": "default", "messages": [{"role": "user", "content": [part]}]}
    reply = await served.post("/v1/chat/completions", chat)
    assert reply.status == 200, reply.body
    said = asked(served.app)[-1].messages[0].content
    assert said == "\n\nFile 'terms.md':\n\nIn 30 days.\n\n"


async def test_files_that_are_none_or_not_there_are_named(served: Served) -> None:
    text = await kept(served, "terms.md", b"Refunds take 30 days.")
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"type": "input_file", "file_id": "file-none"}, 404, "input"),
        ({"type": "input_image", "file_id": "file-none"}, 404, "input"),
        ({"type": "input_image", "file_id": text}, 400, "input"),
        ({"type": "input_image", "file_id": 7}, 400, "input.0.content.0.file_id"),
        ({"type": "input_image"}, 400, "input.0.content.0.image_url"),
        ({"type": "input_file"}, 400, "input.0.content.0.file_data"),
        ({"type": "input_file", "file_url": "file:///etc/passwd"}, 400, "input.0.content.0.file_url"),
        ({"type": "input_file", "file_id": text, "file_data": "eA=="}, 400,
         "input.0.content.0.file_id"),
    ]  # fmt: skip
    for part, status, param in cases:
        reply = await served.post(
            PATH, {"model": "default", "input": [{"role": "user", "content": [part]}]}
        )
        assert (reply.status, reply.error["param"]) == (status, param), part
