import asyncio
import json
import logging
from collections.abc import AsyncGenerator

from bedplate.telemetry.logs import JsonFormatter, LineFormatter
from bedplate.telemetry.trace import trace, trace_id

PARENT = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def test_a_trace_takes_the_id_it_was_sent() -> None:
    with trace(PARENT) as identifier:
        assert identifier == trace_id() == "ab" * 16
    assert trace_id() == ""


def test_a_malformed_or_zero_parent_starts_a_new_trace() -> None:
    for sent in ("nonsense", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", None):
        with trace(sent) as identifier:
            assert len(identifier) == 32
            assert identifier != "0" * 32


def test_an_inner_trace_joins_the_outer_one() -> None:
    with trace() as outer, trace() as inner:
        assert inner == outer


def test_a_log_line_carries_its_fields_and_the_trace() -> None:
    record = logging.makeLogRecord(
        {"name": "bedplate.x", "levelname": "INFO", "msg": "model call", "tokens": 3}
    )
    with trace(PARENT):
        line = LineFormatter().format(record)
    assert line.endswith(f"INFO bedplate.x: model call tokens=3 trace_id={'ab' * 16!r}")


def test_a_line_of_json_holds_the_same_and_hostile_text_stays_one_line() -> None:
    made = {"name": "bedplate.x", "levelname": "INFO", "msg": "model call\n{", "tokens": 3}
    with trace(PARENT):
        line = JsonFormatter().format(logging.makeLogRecord(made))
    assert "\n" not in line
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "level": "INFO",
        "logger": "bedplate.x",
        "message": "model call\n{",
        "tokens": 3,
        "trace_id": "ab" * 16,
    }


async def test_a_traced_stream_can_be_closed_by_another_task() -> None:
    async def stream() -> AsyncGenerator[str]:
        with trace() as identifier:
            yield identifier
            yield identifier

    events = stream()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(anext(events))  # type: ignore[arg-type]
    assert len(first.result()) == 32
    await events.aclose()
    assert trace_id() == ""
