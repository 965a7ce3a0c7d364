# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate search`: passages that fit a query, a filter, or both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, need_data, run_async
from bedplate.cli.screen import console, one_line, plain, print_indented, value_text, write_json
from bedplate.domain.retrieval import Mode, Sort
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from bedplate.app import App
    from bedplate.cli.batch import Item
    from bedplate.cli.progress import Form
    from bedplate.domain.retrieval import Hit, SearchResult, SelfQuery
    from bedplate.rag.retrieve import SearchRequest

SNIPPET = 280
SHOWN_METADATA = 6


def register(app: typer.Typer) -> None:
    @command(app, "search")
    def search(
        invocation: Invocation,
        *,
        collection: Annotated[str, typer.Option("--collection", "-c", help="Where to look.")],
        query: Annotated[str, typer.Argument(metavar="QUERY", help="What to look for.")] = "",
        mode: Annotated[Mode, typer.Option("--mode", help="By words, by meaning, or both.")] = (
            "hybrid"
        ),
        filter: Annotated[
            str | None,
            typer.Option("--filter", help="'price < 50 and kind == \"rain\"', or JSON."),
        ] = None,
        join: Annotated[
            list[str] | None,
            typer.Option(
                "--join",
                metavar="TABLE: EXPR",
                help="Narrow by a business table: 'stock: quantity > 0', or JSON. Repeatable.",
            ),
        ] = None,
        sort: Annotated[
            str | None,
            typer.Option("--sort", metavar="FIELD", help="Order by a field; -FIELD: descending."),
        ] = None,
        limit: Annotated[int | None, typer.Option("--limit", help="The most hits wanted.")] = None,
        offset: Annotated[int, typer.Option("--offset", help="Hits to pass over first.")] = 0,
        self_query: Annotated[
            bool | None,
            typer.Option(
                "--self-query/--no-self-query",
                help="Whether conditions in QUERY become a filter; search.self_query is the default.",
            ),
        ] = None,
        wide: Annotated[
            bool,
            typer.Option(
                "--wide",
                help="Each passage in the window that its chunker gave it, as answers see it.",
            ),
        ] = False,
        queries: Annotated[
            str | None,
            typer.Option(
                "--queries",
                metavar="FILE.jsonl",
                help='A batch, "-" for stdin: {"id", "text", "filter"?, "join"?} a line in, '
                '{"id", "hits"} a line out.',
            ),
        ] = None,
    ) -> None:
        """Find passages by words, meaning and metadata.

        A filter alone selects documents; --sort orders all that pass it.
        """
        from bedplate.rag.retrieve import SearchRequest

        request = SearchRequest(
            query,
            mode,
            filter,
            parse_sort(sort),
            limit or 0,
            offset,
            join=parse_join(join),
            images=True,
            wide=wide,
            limit_given=limit is not None,
        )
        if limit is not None and limit < 1:
            raise InvalidInput(f"--limit is {limit}; it must be at least 1.", param="limit")
        if queries is not None and (query or sort):
            raise InvalidInput("--queries brings the queries: leave out QUERY and --sort.")
        run_async(_search(invocation, collection, request, queries, self_query))


def parse_sort(text: str | None) -> Sort | None:
    if text is None:
        return None
    field = text.removeprefix("-")
    if not field:
        raise InvalidInput("--sort wants a field's name.", param="sort")
    return Sort(field, descending=text.startswith("-"))


def parse_join(texts: Sequence[str] | None) -> dict[str, object] | None:
    """The options as one join. Each is 'TABLE: CONDITION', or a JSON object of such pairs."""
    from bedplate.stores.joins import load_join

    joins: dict[str, object] = {}
    for text in texts or ():
        name, colon, condition = text.partition(":")
        given = load_join(text) if text.lstrip().startswith("{") else {name.strip(): condition}
        if not colon:
            raise InvalidInput(
                f"--join is {text[:60]!r}; write it like 'stock: quantity > 0'.", param="join"
            )
        if twice := joins.keys() & given.keys():
            raise InvalidInput(
                f"--join names {min(twice)!r} twice: join its conditions with 'and'.", param="join"
            )
        joins |= given
    return joins if texts else None


async def _search(
    invocation: Invocation,
    collection: str,
    request: SearchRequest,
    queries: str | None,
    self_query: bool | None,
) -> None:
    from bedplate.app import open_app

    config = invocation.load().config
    need_data(config)
    request = replace(
        request,
        limit=request.limit or config.search.limit,
        self_query=config.search.self_query if self_query is None else self_query,
    )
    async with open_app(config) as app:
        scope = app.scope(collection)
        if queries is not None:
            raise typer.Exit(await _batch(app, collection, request, queries, invocation.progress))
        result = await app.search.search(scope, request)
    if invocation.json:
        write_json(as_json(result))
    else:
        show(result, request.text, request.offset + 1)


async def _batch(
    app: App, collection: str, request: SearchRequest, queries: str, progress: Form | None
) -> int:
    from bedplate.cli.batch import run_batch

    scope = app.scope(collection)
    await app.catalog.collections.get(scope)

    async def work(item: Item) -> dict[str, Any]:
        own = request.filter if item.filter is None else item.filter
        join = request.join if item.join is None else item.join
        own_request = replace(request, text=item.text, filter=own, join=join)
        result = await app.search.search(scope, own_request)
        read = {} if result.self_query is None else {"self_query": asdict(result.self_query)}
        return {"id": item.id, "hits": [hit_as_json(hit) for hit in result.hits], **read}

    return await run_batch(queries, work, progress)


def as_json(result: SearchResult) -> dict[str, Any]:
    return {
        "hits": [hit_as_json(hit) for hit in result.hits],
        "mode": result.mode,
        "recall": result.recall,
        "took_ms": result.took_ms,
        "self_query": None if result.self_query is None else asdict(result.self_query),
    }


def hit_as_json(hit: Hit) -> dict[str, Any]:
    return {
        "document_id": hit.document_id,
        "chunk_id": hit.chunk_id,
        "score": hit.score,
        "text": hit.text,
        "title": hit.title,
        "source": hit.source,
        "page": hit.page,
        "heading": hit.heading,
        "collection": hit.collection,
        "metadata": dict(hit.metadata),
        "start": hit.start,
        "end": hit.end,
        "valid_from": hit.valid_from,
        "superseded_by": hit.superseded_by,
        "cosine": hit.cosine,
        "bm25": hit.bm25,
        "image": hit.image,
    }


def show(result: SearchResult, query: str, first: int = 1) -> None:
    """For people, numbered from `first` on."""
    from rich.text import Text

    out = console()
    for number, hit in enumerate(result.hits, first):
        head = Text(f"{number}. ", style="cyan")
        head.append(one_line(hit.title or hit.document_id), style="bold")
        if is_ranked(hit):
            head.append(f"   {hit.score:.3f}", style="dim")
        out.print(head, soft_wrap=True)
        out.print(f"   {place(hit.source, hit.page, hit.heading)}", style="cyan", soft_wrap=True)
        if facts := _facts(hit.metadata):
            out.print(f"   {facts}", style="dim", soft_wrap=True)
        if hit.superseded_by is not None:
            out.print(
                plain(f"   superseded by {one_line(hit.superseded_by)}"),
                style="yellow",
                soft_wrap=True,
            )
        print_indented(out, Text(snippet(hit.text, query)), 3)
        out.print()
    if not result.hits:
        out.print("Nothing found.")
    if result.self_query is not None:
        out.print(one_line(read_as(result.self_query)), style="dim", soft_wrap=True)
    count = f"{len(result.hits)} hit{'' if len(result.hits) == 1 else 's'}"
    how = f"{result.mode}, " if any(map(is_ranked, result.hits)) else ""
    out.print(f"{count} ({how}{result.recall}, {result.took_ms:.0f} ms)", style="dim")


def is_ranked(hit: Hit) -> bool:
    """Whether a question found it, and not a filter alone."""
    return not (hit.cosine is None and hit.bm25 is None and hit.image is None)


def read_as(understood: SelfQuery) -> str:
    """How a question was read, for people."""
    parts = [f"filter {json.dumps(understood.filter, ensure_ascii=False)}"] * bool(
        understood.filter
    )
    if understood.sort is not None:
        parts.append(f"sort {'-' * understood.sort.descending}{understood.sort.field}")
    parts.append(f'text "{understood.text}"' if understood.text else "no text")
    if understood.limit is not None:
        parts.append(f"the first {understood.limit}")
    if not understood.applied:
        parts.append("but nothing that meets it fits, so the whole question was searched for")
    by = "" if understood.reader == "rules" else f" by {understood.reader}"
    if understood.fallback is not None:
        by = f" by rules ({understood.fallback.rstrip('.')})"
    return f"Read{by} as: {', '.join(parts)}. Off with --no-self-query."


def place(source: str, page: int | None, heading: str | None) -> str:
    """Where a passage stands, for people."""
    parts = [source]
    if page is not None:
        parts.append(f"page {page}")
    if heading:
        parts.append(heading)
    return one_line(", ".join(parts))


def _facts(metadata: Mapping[str, Any]) -> str:
    shown = [f"{name}={value_text(value)}" for name, value in metadata.items() if name != "title"]
    more = f" · {len(shown) - SHOWN_METADATA} more" if len(shown) > SHOWN_METADATA else ""
    return one_line(" · ".join(shown[:SHOWN_METADATA])) + more


def snippet(text: str, query: str) -> str:
    """The stretch of a passage that has most of the query's words, on one line."""
    line = plain(" ".join(text.split()))
    if len(line) <= SNIPPET:
        return line
    words = {word.casefold() for word in query.split() if len(word) > 2}
    lowered = line.casefold()

    def shared(start: int) -> int:
        return sum(word in lowered[start : start + SNIPPET] for word in words)

    starts = [0, *(at + 1 for at, character in enumerate(line) if character in ".!?")]
    best = max(starts, key=lambda start: (shared(start), -start))
    best = max(0, min(best, len(line) - SNIPPET // 2))
    cut = line[best : best + SNIPPET].strip()
    return f"{'… ' if best else ''}{cut}{' …' if best + SNIPPET < len(line) else ''}"
