"""Self-query: sentences with conditions, read by rules, against exact filters and gold answers.

`structured_movies` and `structured_products` are ingested through the app. For each filter query:
the documents that the gold filter gives, translated to our notation (`gold_exact`: equal to the
gold ids), and those that the sentence alone gives (`sentence_exact`; `same_filter` says that it
was also read into the very same conditions). These need no vectors that mean anything, so the
hashing embedder makes them. For the known-item queries: hit@1 and hit@10 of the default hybrid
search with the raw sentence, with the sentence read by self-query, and with gold filter and text,
under the default embedder and over a random part of the films that holds all gold ones.

`taken` is how many plain questions (SQuAD 2.0, SciFact) a schema tempted into a filter or order,
where none is meant.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, cast

from tests.bench.evaluation import NoData, folder, rows

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.retrieval import SelfQuery, Sort
from bedplate.ingest.files import find_files
from bedplate.rag.search_request import SearchRequest
from bedplate.rag.self_query import read
from bedplate.rag.self_query_vocabulary import Vocabulary

SETS = {"structured_movies": "movies", "structured_products": "products"}
TODAY = date(2026, 1, 1)
EVERYTHING = 1_000
OPERATORS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


def films_or_goods(name: str) -> list[dict[str, Any]]:
    """The documents; the description is the text, all else is metadata."""
    return [
        {("text" if key == "description" else key): value for key, value in row.items()}
        for row in rows(folder(name) / f"{SETS[name]}.jsonl")
    ]


@asynccontextmanager
async def filled(
    name: str, documents: Sequence[Mapping[str, Any]], embedder: str
) -> AsyncGenerator[tuple[App, Vocabulary]]:
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in documents), encoding="utf-8")
        arguments = {"data.dir": home, "embedder.use": embedder}
        async with open_app(load_config(environment={}, arguments=arguments).config) as app:
            report = await app.ingest.run(app.scope(name), find_files([str(path)], max_files=1))
            assert not report.failures, report.failures[:3]
            facets = await app.catalog.collections.facets(app.scope(name))
            yield app, Vocabulary(facets)


def translated(
    gold: Mapping[str, Any], values: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], Sort | None, int | None]:
    """The set's own notation in ours. `shipping` means "contains": the values that do."""
    clauses: list[dict[str, Any]] = []
    for field, wanted in gold.items():
        match field, wanted:
            case (("order_by" | "limit"), _):
                continue
            case "year", [low, high]:
                bounds = {"$gte": low, "$lte": high}
                clauses.append({field: {k: v for k, v in bounds.items() if v is not None}})
            case "shipping", str():
                clauses.append({field: {"$in": [v for v in values[field] if wanted in v]}})
            case _, [str() as operator, bound] if operator in OPERATORS:
                clauses.append({field: {OPERATORS[operator]: bound}})
            case _, list():
                clauses += [{field: value} for value in cast(list[str], wanted)]
            case _:
                clauses.append({field: wanted})
    sort = Sort(gold["order_by"]) if "order_by" in gold else None
    return {"$and": clauses}, sort, gold.get("limit")


def canonical(filter: Mapping[str, Any] | None) -> frozenset[str]:
    """The conditions of a conjunction, whatever their order and form."""
    found: set[str] = set()
    for field, value in (filter or {}).items():
        if field == "$and":
            found |= {line for clause in value for line in canonical(clause)}
        elif not isinstance(value, dict):
            found.add(f"{field} = {value}")
        elif value.get("$gte") is not None and value.get("$gte") == value.get("$lte"):
            found.add(f"{field} = {value['$gte']}")
        else:
            bounds = cast("Mapping[str, Any]", value)
            found |= {_bound(field, key, bound) for key, bound in bounds.items()}
    return frozenset(found)


def _bound(field: str, operator: str, bound: Any) -> str:
    bound = float(bound) if isinstance(bound, int) else bound
    if operator == "$in" and len(bound) == 1:
        return f"{field} = {bound[0]}"
    if field == "year" and operator in ("$lt", "$gt"):
        operator, bound = f"{operator}e", bound + (1 if operator == "$gt" else -1)
    return f"{field} {operator} {bound}"


async def ids(app: App, name: str, query: SelfQuery) -> list[str]:
    request = SearchRequest(
        query.text,
        filter=query.filter,
        sort=None if query.text.strip() else query.sort,
        limit=query.limit or EVERYTHING,
    )
    hits = (await app.search.search(app.scope(name), request)).hits
    return list(dict.fromkeys(hit.document_id for hit in hits))


async def exactness(name: str) -> dict[str, Any]:
    queries = list(rows(folder(name) / "filter_queries.jsonl"))
    async with filled(name, films_or_goods(name), "hashing") as (app, known):
        start = time.perf_counter()
        facets = await app.catalog.collections.facets(app.scope(name))
        read_ms = (time.perf_counter() - start) * 1000
        start = time.perf_counter()
        Vocabulary(facets)
        build_ms = (time.perf_counter() - start) * 1000
        values = {facet.name: [str(value) for value in facet.values] for facet in facets.fields}
        right = dict.fromkeys(("gold_exact", "sentence_exact", "same_filter"), 0)
        spent: list[float] = []
        for query in queries:
            wanted = [str(id) for id in query["gold_ids"]]
            filter, sort, limit = translated(query["filter"], values)
            exact = SelfQuery("", filter, sort, limit)
            right["gold_exact"] += sorted(await ids(app, name, exact)) == sorted(wanted)
            start = time.perf_counter()
            found = read(query["query"], known, today=TODAY)
            spent.append((time.perf_counter() - start) * 1000)
            if found.filter is None and found.sort is None:
                continue
            right["sentence_exact"] += sorted(await ids(app, name, found)) == sorted(wanted)
            right["same_filter"] += (
                canonical(found.filter) == canonical(filter)
                and (found.sort, found.limit) == (sort, limit)
                and not found.text
            )
        return {
            "set": name,
            "queries": len(queries),
            **{key: round(count / len(queries), 4) for key, count in right.items()},
            "facets_ms": round(read_ms, 1),
            "vocabulary_ms": round(build_ms, 1),
            "read_ms_worst": round(max(spent), 2),
            **{f"taken_{other}": _taken(other, known) for other in ("qa_squad2", "scifact")},
        }


def _taken(other: str, known: Vocabulary) -> str:
    if other == "scifact":
        questions = [
            row["text"] for row in rows(folder("retrieval_scifact") / "queries_train.jsonl")
        ]
    else:
        questions = [row["question"] for row in rows(folder(other) / "questions.jsonl")]
    taken = [q for q in questions if read(q, known, today=TODAY) != SelfQuery(q)]
    return f"{len(taken)} of {len(questions)}"


async def known_items(films: int) -> dict[str, Any]:
    name = "structured_movies"
    queries = list(rows(folder(name) / "hybrid_known_item_queries.jsonl"))
    gold = {id for query in queries for id in query["gold_ids"]}
    documents = films_or_goods(name)
    others = [row for row in documents if row["id"] not in gold]
    random.Random(7).shuffle(others)
    kept = [row for row in documents if row["id"] in gold] + others[: films - len(gold)]
    ways = ("raw", "self_query", "gold_filter")
    hits: dict[str, list[int]] = {way: [0, 0] for way in ways}
    async with filled(name, kept, "onnx") as (app, known):
        for query in queries:
            filter, _, _ = translated(query["filter"], {})
            searched = {
                "raw": SelfQuery(query["query"]),
                "self_query": read(query["query"], known, today=TODAY),
                "gold_filter": SelfQuery(query["semantic"], filter),
            }
            for way, one in searched.items():
                best = await ids(app, name, SelfQuery(one.text, one.filter, limit=10))
                wanted = {str(id) for id in query["gold_ids"]}
                hits[way][0] += bool(wanted & set(best[:1]))
                hits[way][1] += bool(wanted & set(best))
    return {
        "set": f"{name}, known items",
        "films": len(kept),
        "queries": len(queries),
        **{
            way: {
                "hit@1": round(first / len(queries), 4),
                "hit@10": round(ten / len(queries), 4),
            }
            for way, (first, ten) in hits.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=3_000, help="films for the known-item queries")
    parser.add_argument("--skip-known-items", action="store_true")
    options = parser.parse_args()
    try:
        for name in SETS:
            print(json.dumps(asyncio.run(exactness(name))), flush=True)
        if not options.skip_known_items:
            print(json.dumps(asyncio.run(known_items(options.films))), flush=True)
    except NoData as missing:
        print(f"skipped: {missing}")


if __name__ == "__main__":
    main()
