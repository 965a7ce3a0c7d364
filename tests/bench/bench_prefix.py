"""How much of a follow-up's prompt an inference server has worked on before, by the prompt's order.

The conversations of MTRAG-UN, each turn asked of a collection of all their passages as `ask` would.
Two orders: instructions, history, sources, question (what is sent), and instructions, sources,
history, question. Counted, from the second turn on: the share of the prompt's characters that it
has in common, from its start, with the prompt of the turn before; and how often the passages are
the same, or begin with the same one.

    EVAL_DATA=... python -m tests.bench.bench_prefix [--limit 5]
"""

import argparse
import asyncio
import itertools
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.bench_query_side import fill
from tests.bench.evaluation import NoData, folder, rows

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.chat import Message, Passage
from bedplate.rag.follow_up import search_text
from bedplate.rag.prompt import Prompts
from bedplate.rag.search_request import SearchRequest

COLLECTION = "pool"
Turn = tuple[tuple[Message, ...], Sequence[Passage]]


def conversations() -> list[tuple[Message, ...]]:
    """The longest form of each, ended by a question."""
    longest: dict[str, tuple[Message, ...]] = {}
    for row in rows(folder("qa_mtrag_un") / "tasks.jsonl"):
        turns = tuple(
            Message("user" if turn["speaker"] == "user" else "assistant", turn["text"])
            for turn in row["input"]
        )
        if len(turns) > len(longest.get(row["conversation_id"], ())):
            longest[row["conversation_id"]] = turns
    return [turns for turns in longest.values() if len(turns) > 1]


def write(path: Path) -> None:
    documents: dict[str, dict[str, str]] = {}
    for row in rows(folder("qa_mtrag_un") / "tasks.jsonl"):
        for context in row["contexts"]:
            id = context["document_id"]
            documents[id] = {"id": id, "title": context.get("title") or "", "text": context["text"]}
    path.write_text("\n".join(map(json.dumps, documents.values())), encoding="utf-8")


async def asked(app: App, turns: Sequence[Message], limit: int) -> list[Turn]:
    """Each turn of the user as far as it is one, with the passages found for it."""
    found: list[Turn] = []
    for at, turn in enumerate(turns):
        if turn.role != "user":
            continue
        text = search_text(turn.content, turns[:at])[:20_000]
        hits = (
            await app.search.search(app.scope(COLLECTION), SearchRequest(text, limit=limit))
        ).hits
        passages = [Passage(number, hit) for number, hit in enumerate(hits, 1)]
        found.append((tuple(turns[: at + 1]), passages))
    return found


def history_first(prompts: Prompts, turn: Turn) -> str:
    turns, passages = turn
    sent = prompts.messages(turns[-1].content, passages, history=turns[:-1])
    return "\n".join(f"{message.role}: {message.content}" for message in sent)


def sources_first(prompts: Prompts, turn: Turn) -> str:
    turns, passages = turn
    system, user = prompts.messages("", passages)
    sent = (system, user, *turns)
    return "\n".join(f"{message.role}: {message.content}" for message in sent)


def shared(one: str, other: str) -> int:
    """Characters from the start that are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


async def measure(limit: int) -> None:
    prompts = Prompts()
    orders = {"history first": history_first, "sources first": sources_first}
    shares: dict[str, list[float]] = {name: [] for name in orders}
    sizes: dict[str, list[float]] = {"prompt": [], "instructions": [], "sources": []}
    same: list[bool] = []
    first: list[bool] = []
    with tempfile.TemporaryDirectory() as data:
        path = Path(data) / "pool.jsonl"
        write(path)
        arguments = {"data.dir": data, "guards.pii": False}
        async with open_app(load_config(environment={}, arguments=arguments).config) as app:
            await fill(app, COLLECTION, path)
            for turns in conversations():
                pairs = await asked(app, turns, limit)
                for before, after in itertools.pairwise(pairs):
                    ids = [
                        [passage.hit.chunk_id for passage in turn[1]] for turn in (before, after)
                    ]
                    same.append(ids[0] == ids[1])
                    first.append(ids[0][:1] == ids[1][:1])
                    for name, order in orders.items():
                        one, other = order(prompts, before), order(prompts, after)
                        shares[name].append(shared(one, other) / len(other))
                    whole = history_first(prompts, after)
                    sizes["prompt"].append(len(whole))
                    sizes["instructions"].append(len(prompts.messages("", ())[0].content))
                    sizes["sources"].append(sum(len(each.hit.text) for each in after[1]))
    told = {
        "follow-ups": len(same),
        "passages": limit,
        "same passages": round(statistics.fmean(same), 3),
        "same first passage": round(statistics.fmean(first), 3),
        **{f"kept, {name}": round(statistics.fmean(each), 3) for name, each in shares.items()},
        **{f"characters, {name}": round(statistics.fmean(each)) for name, each in sizes.items()},
    }
    print(json.dumps(told))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=5, help="passages of a prompt")
    try:
        asyncio.run(measure(parser.parse_args().limit))
    except NoData as missing:
        print(f"skipped: {missing}")


if __name__ == "__main__":
    main()
