# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate judge`: answers held against their sources, a line of JSON in and a line out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, cast

import typer

from bedplate.cli.exits import Exit, exit_of_batch
from bedplate.cli.grounded import grounded_as_json
from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.lines import read_json_line
from bedplate.cli.screen import write_json
from bedplate.errors import BedplateError, InvalidInput

if TYPE_CHECKING:
    from bedplate.judges.protocol import Case

MAX_LINE_BYTES = 64 * 1024 * 1024
MOST_PASSAGES = 100


def register(app: typer.Typer) -> None:
    @command(app, "judge", without=frozenset({"data", "progress"}))
    def judge(invocation: Invocation) -> None:
        """Say how far sources carry answers, a JSON object a line on stdin.

        A line {"id", "context", "answer", "question"} gives {"id", "score", "supported", "verdict",
        "claims"} in the same order; "score" is the probability that the context carries all of the
        answer. "context" is a text, or a list of texts that the answer cites as [1], [2] and so on.
        "question" may be left out.
        """
        run_async(_judge(invocation))


async def _judge(invocation: Invocation) -> None:
    from bedplate.cli.guarding import opened_judge

    done, failed = 0, 0
    async with opened_judge(invocation.load().config) as judge:
        for number, raw in enumerate(iter(sys.stdin.buffer.readline, b""), start=1):
            if not raw.strip():
                continue
            try:
                id, case, answer = _read(raw, number)
                found = await judge.check(case, answer)
                supported = found.verdict == "supported"
                write_json({"id": id, "supported": supported, **grounded_as_json(found)})
                done += 1
            except BedplateError as error:
                write_json(
                    {"line": number, "error": {"code": error.code, "message": error.message}}
                )
                failed += 1
    raise typer.Exit(exit_of_batch(done, failed, Exit.BAD_INPUT))


def _read(raw: bytes, number: int) -> tuple[Any, Case, str]:
    found = read_json_line(raw, number, most=MAX_LINE_BYTES)
    return read_line(found, number)


def read_line(found: Any, number: int) -> tuple[Any, Case, str]:
    """The id, the case and the answer of one row."""
    from bedplate.judges.passages import case_of

    if not isinstance(found, dict):
        raise InvalidInput(f"Line {number} is not an object.")
    line = cast("dict[str, Any]", found)
    answer, question, context = line.get("answer"), line.get("question") or "", line.get("context")
    if not isinstance(answer, str):
        raise InvalidInput(f'Line {number} has no "answer".', param="answer")
    if not isinstance(question, str):
        raise InvalidInput(f'Line {number}: "question" is no text.', param="question")
    texts: list[Any] = [context] if isinstance(context, str) else context or []
    if not isinstance(context, str | list) or not all(isinstance(each, str) for each in texts):
        raise InvalidInput(
            f'Line {number}: "context" must be a text or a list of texts.', param="context"
        )
    if len(texts) > MOST_PASSAGES:
        raise InvalidInput(
            f'Line {number}: "context" has {len(texts)} texts; at most {MOST_PASSAGES} are read.',
            param="context",
        )
    return line.get("id", number), case_of(question, texts), answer
