import io
import json
import logging
from collections.abc import Iterator
from threading import Event

import pytest

from bedplate.telemetry.log_queue import LOST, MOST, queued
from bedplate.telemetry.logs import JsonFormatter
from bedplate.telemetry.redacting import redacted_by
from bedplate.telemetry.trace import trace

logger = logging.getLogger("bedplate.test_log_queue")


class Written(io.StringIO):
    """What a handler like the process's own has written; the first write may be held up."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.goes_on = Event(), Event()
        self.goes_on.set()

    def write(self, text: str) -> int:
        self.begun.set()
        self.goes_on.wait(10)
        return super().write(text)


@pytest.fixture
def written() -> Iterator[Written]:
    stream, root = Written(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), logger.level
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    logger.setLevel("INFO")
    yield stream
    root.removeHandler(handler)
    logger.setLevel(level)


def lines(written: Written) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_all_lines_are_written_at_the_end_in_order_with_their_trace(written: Written) -> None:
    with queued(), trace() as identifier:
        for number in range(120):
            logger.info("line", extra={"number": number})
    found = lines(written)
    assert [line["number"] for line in found] == list(range(120))
    assert {line["trace_id"] for line in found} == {identifier}


def test_lines_are_written_while_the_block_runs(written: Written) -> None:
    with queued():
        logger.info("line")
        assert written.begun.wait(10)


def test_what_must_not_be_in_the_log_is_taken_out_of_lines_that_waited(
    written: Written,
) -> None:
    with redacted_by(lambda text: text.replace("secret", "[SECRET]")), queued():
        logger.info("a secret", extra={"also": "secret"})
    assert [(line["message"], line["also"]) for line in lines(written)] == [
        ("a [SECRET]", "[SECRET]")
    ]


def test_a_line_that_cannot_be_rendered_leaves_the_others(
    written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    class Unreadable:
        def __str__(self) -> str:
            raise ValueError("no text")

    with queued():
        logger.info("unreadable", extra={"field": Unreadable()})
        logger.info("line")
    assert [line["message"] for line in lines(written)] == ["line"]
    assert "no text" in capsys.readouterr().err


def test_more_lines_than_may_wait_are_counted(written: Written) -> None:
    written.goes_on.clear()
    with queued():
        logger.info("first")
        assert written.begun.wait(10)
        for _ in range(MOST + 7):
            logger.info("line")
        written.goes_on.set()
    found = lines(written)
    assert len(found) == 1 + MOST + 1
    assert (found[-1]["message"], found[-1]["lines"]) == (LOST, 7)


def test_the_process_logs_as_before_afterwards(written: Written) -> None:
    before = list(logging.getLogger().handlers)
    with queued():
        assert logging.getLogger().handlers != before
    assert logging.getLogger().handlers == before
    logger.info("line")
    assert [line["message"] for line in lines(written)] == ["line"]
