# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate ask`: a streamed, cited answer."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.grounded import grounded_as_json
from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.screen import Typewriter, console, one_line, table, write_json
from bedplate.cli.search import parse_join, place
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from bedplate.app import App
    from bedplate.cli.batch import Item
    from bedplate.cli.progress import Form
    from bedplate.domain.answers import Answer
    from bedplate.rag.answer import AskRequest


def register(app: typer.Typer) -> None:
    @command(app, "ask")
    def ask(
        invocation: Invocation,
        *,
        collection: Annotated[str, typer.Option("--collection", "-c", help="What to answer from.")],
        question: Annotated[str | None, typer.Argument(metavar="QUESTION")] = None,
        model: Annotated[
            str | None, typer.Option("--model", "-m", help="A configured model, by its name.")
        ] = None,
        filter: Annotated[
            str | None, typer.Option("--filter", help="Only documents that pass: see `search`.")
        ] = None,
        join: Annotated[
            list[str] | None,
            typer.Option(
                "--join", metavar="TABLE: EXPR", help="Only documents that fit: see `search`."
            ),
        ] = None,
        questions: Annotated[
            str | None,
            typer.Option(
                "--questions",
                metavar="FILE.jsonl",
                help='A batch, "-" for stdin: {"id", "text", "filter"?, "join"?} a line in, an '
                "answer with its id a line out.",
            ),
        ] = None,
    ) -> None:
        """Answer a question from documents, with citations.

        When the passages found hold no answer, it says so.
        """
        if (question is None) == (questions is None):
            raise InvalidInput("Give a QUESTION or --questions FILE.jsonl, one of them.")
        joined = parse_join(join)
        run_async(_ask(invocation, collection, question, model, filter, joined, questions))


async def _ask(
    invocation: Invocation,
    collection: str,
    question: str | None,
    model: str | None,
    filter: str | None,
    join: dict[str, object] | None,
    questions: str | None,
) -> None:
    from bedplate.app import open_app

    config = invocation.load().config
    need_data(config)
    async with open_app(config) as app:
        if questions is not None:
            raise typer.Exit(
                await _batch(app, collection, model, filter, join, questions, invocation.progress)
            )
        request = app.question(collection, question or "", model=model, filter=filter, join=join)
        if invocation.json:
            write_json(as_json(await app.ask.answer(request)))
        else:
            await _show(app, request)


async def _batch(
    app: App,
    collection: str,
    model: str | None,
    filter: str | None,
    join: dict[str, object] | None,
    questions: str,
    progress: Form | None,
) -> int:
    from bedplate.cli.batch import run_batch

    await app.catalog.collections.get(app.scope(collection))
    app.turn.model(model or app.config.ask.model)

    async def work(item: Item) -> dict[str, Any]:
        own = filter if item.filter is None else item.filter
        own_join = join if item.join is None else item.join
        request = app.question(collection, item.text, model=model, filter=own, join=own_join)
        answer = await app.ask.answer(request)
        return {"id": item.id, **as_json(answer)}

    return await run_batch(questions, work, progress)


def as_json(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return {
        "answer": answer.text,
        "citations": [
            {
                "marker": citation.marker,
                "document_id": citation.document_id,
                "chunk_id": citation.chunk_id,
                "source": citation.source,
                "page": citation.page,
                "quote": citation.quote,
                "title": citation.title,
                "heading": citation.heading,
                "collection": citation.collection,
                "start": citation.start,
                "end": citation.end,
            }
            for citation in answer.citations
        ],
        "grounded": grounded_as_json(answer.grounded),
        "refused": answer.refused,
        "model": answer.model,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": None if usage.cost_usd is None else float(usage.cost_usd),
        },
        "ttft_ms": answer.ttft_ms,
        "trace_id": answer.trace_id,
        "finish_reason": answer.finish_reason,
        "self_query": {name: asdict(read) for name, read in answer.self_query.items()},
        "checked": asdict(answer.checked),
        "conflicts": [
            {
                "about": each.about,
                "newer": each.newer,
                "sides": [
                    {
                        "marker": side.citation.marker,
                        "document_id": side.citation.document_id,
                        "chunk_id": side.citation.chunk_id,
                        "title": side.citation.title,
                        "quote": side.citation.quote,
                        "since": side.since,
                    }
                    for side in each.sides
                ],
            }
            for each in answer.conflicts
        ],
        "sufficiency": answer.sufficiency and asdict(answer.sufficiency),
    }


async def _show(app: App, request: AskRequest) -> None:
    from bedplate.domain.answers import Answer, AnswerDelta

    out = console()
    writer = Typewriter(out)
    async with aclosing(app.ask.stream(request)) as events:
        async for event in events:
            if isinstance(event, Answer):
                writer.finish()
                _show_sources(out, event)
            elif isinstance(event, AnswerDelta):
                writer.write(event.text)


def _verdict(answer: Answer) -> str:
    grounded = answer.grounded
    if answer.refused:
        return "refused: the passages found hold no answer"
    if grounded.verdict == "unchecked":
        return "not checked against the sources"
    if grounded.verdict == "failed":
        return f"the check against the sources failed: {grounded.reason}"
    return f"{grounded.verdict} by the sources ({grounded.score:.2f})"


def _show_sources(out: Console, answer: Answer) -> None:
    if answer.citations:
        sources = table("", "source", "page", "quote")
        for citation in answer.citations:
            sources.add_row(
                citation.marker,
                place(citation.source, None, citation.heading),
                "" if citation.page is None else str(citation.page),
                one_line(citation.quote),
            )
        out.print()
        out.print(sources)
    grounded = answer.grounded
    verdict = _verdict(answer)
    colour = {"supported": "green", "unsupported": "yellow", "failed": "yellow"}.get(
        grounded.verdict, "dim"
    )
    out.print(
        one_line(f"{verdict} · {answer.model} · first words after {answer.ttft_ms:.0f} ms"),
        style="dim" if answer.refused else colour,
        soft_wrap=True,
    )
    for read in answer.self_query.values():
        if read.fallback is not None:
            out.print(one_line(f"Read by rules: {read.fallback}"), style="yellow", soft_wrap=True)
    for claim in grounded.claims:
        if not claim.supported:
            out.print(one_line(f"  not found in the sources: {claim.text}"), style="yellow")
    _show_checks(out, answer)
    if answer.finish_reason == "length":
        out.print("The answer was cut off at ask.max_output_tokens.", style="yellow")


def _show_checks(out: Console, answer: Answer) -> None:
    checked = answer.checked
    if checked.action != "passed":
        tries = f" after {checked.tries} tries" if checked.tries > 1 else ""
        review = f" (review {checked.review}, {checked.state})" if checked.review else ""
        out.print(one_line(f"{checked.action}{tries}{review}"), style="yellow", soft_wrap=True)
        if checked.action == "held":
            out.print(f"Next: bedplate reviews show {checked.review}", soft_wrap=True)
    for failure in checked.failures:
        if failure.rule != "grounding" or not failure.claim:
            about = f" {failure.claim}" if failure.claim else ""
            out.print(
                one_line(f"  {failure.rule}: {failure.message}{about}"),
                style="yellow",
                soft_wrap=True,
            )
