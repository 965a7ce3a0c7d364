"""How well the router ranks prompts by what the large model is better at, and what that costs.

RouteLLM's development rows of MMLU and GSM8K (Mixtral-8x7B small, GPT-4-1106 large). Each scorer
sees only prompts that its head was not fitted on: by five-fold cross-validation, the mean of several
draws of the folds, with each table left out, with a fifth of the domains left out, and on MT-Bench. What a user's own labels give is
the mean of draws. Prints JSON lines; about three quarters of an hour on one core, of which the encoder takes ten
minutes: --vectors keeps its vectors in a folder.

    python -m tests.bench.bench_route --vectors FOLDER
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

from evaluation import NoData
from route_cases import (
    RECIPE,
    TABLES,
    Column,
    Table,
    clean_prompts,
    labelled,
    read_mt_bench,
    read_tables,
)

from bedplate.embedders.onnx import open_onnx_embedder
from bedplate.embedders.protocol import Embedder
from bedplate.models.route_curve import curve
from bedplate.models.route_file import shipped_head
from bedplate.models.route_fit import Labelled, Recipe, fit_head
from bedplate.models.route_head import RouteHead
from bedplate.models.route_scorer import scorer_of

FOLDS = 5
SPLITS = 5
"""Draws of the folds: on GSM8K one differs from the next by up to .03."""
LABELS = (50, 100, 200, 400, 800)
DRAWS = 20
TIMED = 300
PRICE = 20
"""Of a call to the large model, in calls to the small one."""
CHECKS = ((0.9, 0.1), (0.7, 0.2), (0.6, 0.3), (0.5, 0.3))
"""Wrong answers that a check finds, and right ones that it takes for wrong."""
Scores = Mapping[str, Column]


def say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def figures(scores: Column, benefit: Column) -> dict[str, float]:
    """`saved` is the share of the cost of large calls alone that is saved at 80 % of the lead."""
    found = curve(scores, benefit)
    assert found is not None
    cpt = found.cpt(0.8)
    return {
        "apgr": round(found.apgr, 3),
        "cpt50": round(found.cpt(0.5), 3),
        "cpt80": round(cpt, 3),
        "saved80": round(1 - cpt - (1 - cpt) / PRICE, 3),
    }


def plain(data: Labelled) -> Scores:
    draw = np.random.default_rng(0)
    return {"prompt length": data.rows[:, 0], "random": draw.random(len(data.rows))}


def of_head(head: RouteHead, data: Labelled) -> dict[str, Column]:
    full, known, _ = head.estimates(data.rows, data.vectors)
    light, _, _ = head.estimates(data.rows, None)
    alone, _, _ = replace(head, trust=0.0).estimates(data.rows, None)
    assert head.full is not None
    return {
        "router": full,
        "router without encoder": light,
        "router, no fallback to length": head.full.total(data.rows, data.vectors),
        "known": known,
        "length as ranked": alone,
    }


def held_out(data: Labelled, groups: NDArray[np.integer[Any]]) -> Scores:
    """The scores of each group by a head that was fitted to all others."""
    found: dict[str, Column] = {}
    for group in np.unique(groups):
        inside = groups == group
        head, _ = fit_head(data.some(~inside), "bench", RECIPE)
        for name, scores in of_head(head, data.some(inside)).items():
            found.setdefault(name, np.zeros(len(groups)))[inside] = scores
    return found


def tell(split: str, data: Labelled, scores: Scores, parts: Mapping[str, Any]) -> None:
    for name, which in parts.items():
        for scorer, values in {**scores, **plain(data)}.items():
            if scorer == "known":
                say(split=split, table=name, known=round(float(values[which].mean()), 3))
            elif scorer != "length as ranked":
                found = figures(values[which], data.benefit[which])
                say(split=split, table=name, n=int(which.sum()), scorer=scorer, **found)


def five_fold(data: Labelled, parts: Mapping[str, Any]) -> Scores:
    """The mean figures of several draws of the folds; the scores of the first."""
    drawn = [
        held_out(data, np.random.default_rng(seed).permutation(len(data.rows)) % FOLDS)
        for seed in range(SPLITS)
    ]
    for name, which in parts.items():
        for scorer in ("router", "router without encoder", "router, no fallback to length"):
            each = [figures(scores[scorer][which], data.benefit[which]) for scores in drawn]
            mean = {key: round(float(np.mean([f[key] for f in each])), 3) for key in each[0]}
            spread = round(float(np.std([found["apgr"] for found in each])), 3)
            say(split="five-fold", table=name, scorer=scorer, **mean, apgr_sd=spread)
    return drawn[0]


def quality(tables: list[Table], mt_bench: Table) -> None:
    data = labelled(tables)
    table = np.repeat(np.arange(len(tables)), [len(t.prompts) for t in tables])
    parts = {t.name: table == i for i, t in enumerate(tables)}
    draw = np.random.default_rng(0)
    draw.permutation(len(table))
    scores = five_fold(data, parts)
    tell("five-fold, first draw", data, scores, parts)
    for name, which in parts.items():
        cascades(name, data.some(which), scores["router"][which])
    tell("table left out", data, held_out(data, table), parts)
    names = sorted({domain for t in tables for domain in t.domains})
    group = dict(zip(names, draw.permutation(len(names)) % FOLDS, strict=True))
    domain = np.array([group[domain] for t in tables for domain in t.domains])
    tell("domains left out", data, held_out(data, domain), {"mmlu": parts["mmlu"]})
    unseen(mt_bench)


def unseen(mt_bench: Table) -> None:
    """The shipped head on prompts that no part of it was fitted on."""
    everything = np.ones(len(mt_bench.prompts), bool)
    tell(
        "mt-bench", mt_bench.data, of_head(shipped_head(), mt_bench.data), {"mt_bench": everything}
    )


def own_labels(tables: list[Table]) -> None:
    """Heads of a few labels of one table, on the rest of it."""
    for place, table in enumerate(tables):
        [other] = [t for at, t in enumerate(tables) if at != place]
        stranger, _ = fit_head(other.data, "bench", RECIPE)
        for count in LABELS:
            if count * 1.5 > len(table.prompts):
                continue
            found = [*_draws(table, count, stranger)]
            for scorer in found[0]:
                values = [one[scorer] for one in found]
                say(
                    split="own labels", table=table.name, labels=count, scorer=scorer,
                    apgr=round(float(np.mean(values)), 3), sd=round(float(np.std(values)), 3),
                )  # fmt: skip


def _draws(table: Table, count: int, stranger: RouteHead) -> Iterator[dict[str, float]]:
    for seed in range(DRAWS):
        order = np.random.default_rng(seed).permutation(len(table.prompts))
        chosen = np.zeros(len(order), bool)
        chosen[order[:count]] = True
        rest = table.data.some(~chosen)
        head, _ = fit_head(replace(table.data.some(chosen), weight=np.ones(count)), "b", Recipe())
        scores = {
            "fitted": head.estimates(rest.rows, rest.vectors)[0],
            "fitted without encoder": head.estimates(rest.rows, None)[0],
            "fitted on the other table": stranger.estimates(rest.rows, rest.vectors)[0],
            "prompt length": rest.rows[:, 0],
        }
        yield {name: figures(values, rest.benefit)["apgr"] for name, values in scores.items()}


async def cost(embedder: Embedder) -> None:
    """CPU-milliseconds of one decision, one prompt at a time."""
    head = shipped_head()
    for table in TABLES:
        some = clean_prompts(table, TIMED)
        for name, used in (("with encoder", embedder), ("without encoder", None)):
            score = scorer_of(head, used)
            await score(some[0])
            started = time.process_time()
            for prompt in some:
                await score(prompt)
            spent = (time.process_time() - started) / len(some) * 1_000
            say(split="cost", table=table, scorer=name, cpu_ms=round(spent, 2))


def cascades(name: str, data: Labelled, scores: Column) -> None:
    """What a check of the small model's answers must see to equal the router at the same cost.

    The check is simulated: it finds a share of the wrong answers, and takes a share of the right
    ones for wrong. Every request pays for the small model; what is escalated pays for both.
    """
    found = curve(scores, data.benefit)
    assert found is not None
    for caught, alarms in CHECKS:
        sent = (1 - data.small) * caught + data.small * alarms
        share = float(sent.mean())
        same = np.array([min(1.0, PRICE * share / (PRICE - 1))])
        say(
            split="cascade, simulated check", table=name, caught=caught, alarms=alarms,
            escalated=round(share, 3),
            recovered=round(float((sent * data.benefit).sum() / data.benefit.sum()), 3),
            router_at_that_cost=round(float(found.at(same)[0]), 3),
        )  # fmt: skip


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=Path)
    parser.add_argument("--only", choices=("cost", "mt-bench"), help="a minute or less")
    chosen = parser.parse_args()
    try:
        async with open_onnx_embedder({}) as embedder:
            if chosen.only != "mt-bench":
                await cost(embedder)
            if chosen.only == "cost":
                return
            mt_bench = await read_mt_bench(embedder, chosen.vectors)
            if chosen.only:
                unseen(mt_bench)
                return
            tables = await read_tables(embedder, chosen.vectors)
    except NoData as missing:
        print(f"skipped: {missing}")
        return
    own_labels(tables)
    quality(tables, mt_bench)


if __name__ == "__main__":
    asyncio.run(main())
