"""Traces at another server's door, by the bytes that it gets."""

import logging

import pytest
from tests.fixtures.otlp_receiver import receive_otlp
from tests.fixtures.serving import until

from bedplate.domain.ids import TenantId
from bedplate.domain.traces import EndedSpan, EndedTrace
from bedplate.telemetry.conventions import (
    DOCUMENTS,
    HITS,
    INPUT_MESSAGES,
    INPUT_TOKENS,
    OPERATION,
    OUTPUT_TOKENS,
    QUERY,
    REQUEST_MODEL,
)
from bedplate.telemetry.export import ExportOptions, open_export

ROOT = EndedSpan("1" * 16, None, "POST /api/ask", "server", 5_000, 90, {"n": 3, "b": True})
CALL = EndedSpan(
    "2" * 16,
    ROOT.id,
    "chat m",
    "client",
    5_010,
    40,
    {OPERATION: "chat", REQUEST_MODEL: "m", INPUT_TOKENS: 7, OUTPUT_TOKENS: 2},
    {INPUT_MESSAGES: '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]'},
    "upstream_error",
)
SEARCH = EndedSpan(
    "3" * 16,
    ROOT.id,
    "retrieval",
    "internal",
    5_005,
    4,
    {OPERATION: "retrieval", HITS: '[{"chunk_id":"d#0","score":0.5}]'},
    {QUERY: "Hi \ud800", DOCUMENTS: '[{"id":"d#0","content":"Text."}]'},
)
TRACE = EndedTrace("a" * 32, (ROOT, CALL, SEARCH), TenantId("acme"), key="k1")


async def test_a_trace_arrives_with_ids_times_attributes_and_status():
    async with receive_otlp() as receiver:
        options = ExportOptions(
            "x", receiver.url, {"x-api-key": "s3cret"}, {"openinference.project.name": "p"}
        )
        async with open_export(options) as export:
            await export.write([TRACE])
            await until(lambda: receiver.spans)

    root, call, _ = receiver.spans
    assert (root.trace_id.hex(), root.span_id.hex(), root.parent_span_id) == (
        TRACE.id,
        ROOT.id,
        b"",
    )
    assert call.parent_span_id.hex() == ROOT.id
    assert (root.start_time_unix_nano, root.end_time_unix_nano) == (5_000, 5_090)
    assert receiver.attributes("POST /api/ask") == {
        "n": 3,
        "b": True,
        "bedplate.tenant": "acme",
        "bedplate.key": "k1",
    }
    assert (call.status.code, call.status.message) == (2, "upstream_error")
    assert receiver.attributes("chat m")["error.type"] == "upstream_error"
    assert receiver.headers[0]["x-api-key"] == "s3cret"
    assert receiver.resources[0]["service.name"] == "bedplate"
    assert receiver.resources[0]["openinference.project.name"] == "p"
    assert not any(name.startswith("llm.") for name in receiver.attributes("chat m"))


async def test_openinference_s_words_are_added_where_they_are_asked_for():
    async with receive_otlp() as receiver:
        options = ExportOptions("x", receiver.url, openinference=True)
        async with open_export(options) as export:
            await export.write([TRACE])

    call = receiver.attributes("chat m")
    assert call["openinference.span.kind"] == "LLM"
    assert call["llm.token_count.total"] == 9
    assert call["llm.input_messages.0.message.content"] == "Hi"
    found = receiver.attributes("retrieval")
    assert found["retrieval.documents.0.document.content"] == "Text."
    assert found["input.value"] == "Hi ?"
    assert receiver.attributes("POST /api/ask")["openinference.span.kind"] == "CHAIN"


async def test_what_fails_for_now_is_sent_again_and_what_is_refused_is_dropped(
    caplog: pytest.LogCaptureFixture,
):
    async with receive_otlp() as receiver:
        receiver.statuses = [503, 200, 400]
        async with open_export(ExportOptions("lab", receiver.url)) as export:
            await export.write([TRACE])
            await until(lambda: export.sent)
            await export.write([TRACE])
            await until(lambda: export.dropped)

    assert (export.sent, export.dropped, receiver.refused) == (1, 1, 2)
    assert len(receiver.spans) == 3
    (said,) = [vars(r) for r in caplog.records if r.message == "traces are not exported"]
    assert (said["export"], said["why"]) == ("lab", "it answered 503")


async def test_a_server_that_is_down_costs_bounded_memory_and_no_secrets_in_the_log(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)
    options = ExportOptions(
        "lab", "http://127.0.0.1:1/v1/traces?token=s3cret", {"x": "s3cret"}, max_waiting_bytes=2_000
    )
    async with open_export(options) as export:
        for _ in range(50):
            await export.write([TRACE])
        assert 0 < export.waiting_bytes <= 2_000

    assert export.dropped > 0
    assert "s3cret" not in "".join(f"{vars(record)}" for record in caplog.records)
