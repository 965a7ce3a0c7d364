"""Copies and versions of documents, from the pipeline to answers, on both catalogs' SQL."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.fixtures.postgres import catalog_database
from tests.fixtures.serving import serving

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.ingest.incoming import Upload
from bedplate.ingest.report import Duplicate, Report
from bedplate.rag.retrieve import SearchRequest

POLICY = """# Refund policy

In force from {day}. It applies to what is bought in our shops and online.

You have {count} days from delivery to return an item for a refund. The days start with the day of
purchase for items bought in a shop. Items must be clean and undamaged, and carry their tags.
"""
QUESTION = "How many days do I have to return an item?"


@dataclass
class Desk:
    app: App

    async def add(self, **files: str) -> Report:
        blobs = [Blob(text.encode(), name.replace("__", ".")) for name, text in files.items()]
        return await self.app.ingest.run(self.app.scope("c"), [Upload(blob) for blob in blobs])

    async def hits(self, **options: object) -> list[Hit]:
        request = SearchRequest(**options)  # type: ignore[arg-type]
        return list((await self.app.search.search(self.app.scope("c"), request)).hits)

    async def cited(self, question: str, filter: str | None = None) -> set[str]:
        answer = await self.app.ask.answer(self.app.question("c", question, filter=filter))
        return {citation.document_id for citation in answer.citations}


@asynccontextmanager
async def opened(
    folder: Path, database: str | None = None, **arguments: object
) -> AsyncIterator[Desk]:
    given = {"data.dir": str(folder), "embedder.use": "hashing", **arguments}
    if database is not None:
        given |= {"data.database": database, "store.use": "pgvector"}
    async with open_app(load_config(environment={}, arguments=given).config) as app:
        yield Desk(app)


@pytest.fixture(params=["sqlite", "postgres"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    if request.param == "sqlite":
        async with opened(tmp_path) as desk:
            yield desk
    else:
        with catalog_database() as address:
            async with opened(tmp_path, address) as desk:
                yield desk


async def three(desk: Desk) -> None:
    await desk.add(
        refund_policy_2022__md=POLICY.format(day="1 March 2022", count=14),
        refund_policy_2026__md=POLICY.format(day="1 February 2026", count=60),
    )
    # The one in the middle comes last: the day counts, not the order of coming in.
    await desk.add(refund_policy_2024__md=POLICY.format(day="15 April 2024", count=30))


async def related(desk: Desk, *ids: str) -> dict[str, tuple[str | None, str | None, str | None]]:
    found = await desk.app.catalog.profiles.related(
        desk.app.scope("c"), [DocumentId(id) for id in ids]
    )
    return {
        id: (each.valid_from, each.duplicate_of, each.superseded_by) for id, each in found.items()
    }


NAMES = [f"refund_policy_{year}.md" for year in (2022, 2024, 2026)]


async def test_the_newest_version_supersedes_the_others_and_is_the_one_that_answers(
    desk: Desk,
) -> None:
    await three(desk)
    oldest, middle, newest = NAMES
    assert await related(desk, *NAMES) == {
        oldest: ("2022-03-01", None, newest),
        middle: ("2024-04-15", None, newest),
        newest: ("2026-02-01", None, None),
    }
    assert await desk.cited(QUESTION) == {newest}


async def test_older_versions_are_found_by_search_by_filter_and_by_date(desk: Desk) -> None:
    await three(desk)
    oldest, _, newest = NAMES
    hits = await desk.hits(text=QUESTION)
    assert {hit.document_id: hit.superseded_by for hit in hits} == {
        oldest: newest, NAMES[1]: newest, newest: None,
    }  # fmt: skip
    assert {hit.valid_from for hit in hits} == {"2022-03-01", "2024-04-15", "2026-02-01"}
    assert await desk.cited(QUESTION, "valid_from < 2023-01-01") == {oldest}
    assert oldest in await desk.cited("How many days did I have in 2022 to return an item?")
    found = await desk.hits(text="How many days previously to return an item?", current=True)
    assert newest in {hit.document_id for hit in found}


async def test_when_the_newest_goes_the_one_before_it_answers(desk: Desk) -> None:
    await three(desk)
    oldest, middle, newest = NAMES
    await desk.app.ingest.remove(desk.app.scope("c"), [DocumentId(newest)])
    assert await related(desk, *NAMES) == {
        oldest: ("2022-03-01", None, middle),
        middle: ("2024-04-15", None, None),
    }
    assert await desk.cited(QUESTION) == {middle}
    await desk.add(refund_policy_2026__md=POLICY.format(day="1 February 2026", count=60))
    assert (await related(desk, middle))[middle][2] == newest


async def test_a_version_that_is_not_in_force_yet_supersedes_nothing(desk: Desk) -> None:
    await three(desk)
    await desk.add(refund_policy_2099__md=POLICY.format(day="1 February 2099", count=90))
    assert (await related(desk, NAMES[2]))[NAMES[2]] == ("2026-02-01", None, None)


async def test_other_subjects_of_the_same_name_are_no_versions(desk: Desk) -> None:
    await desk.add(
        guide_2022__md="# Guide\n\n" + "Tents are pitched on dry ground away from the river. " * 3,
        guide_2024__md="# Guide\n\n" + "Boots want wax after each walk through mud and snow. " * 3,
    )
    assert await related(desk, "guide_2022.md", "guide_2024.md") == {
        "guide_2022.md": ("2022-01-01", None, None),
        "guide_2024.md": ("2024-01-01", None, None),
    }


async def test_a_sender_declares_versions_that_nothing_else_shows(desk: Desk) -> None:
    for name, year, text in (("a.txt", 2022, "Fourteen days."), ("b.txt", 2026, "Sixty days.")):
        upload = Upload(Blob(text.encode(), name), None, {"version_of": "refunds", "year": year})
        await desk.app.ingest.run(desk.app.scope("c"), [upload])
    assert (await related(desk, "a.txt"))["a.txt"] == ("2022-01-01", None, "b.txt")


async def test_numbered_versions_are_in_the_order_of_their_numbers(desk: Desk) -> None:
    text = "# Travel rules\n\n" + "Trains are booked in second class, flights need a reason. " * 3
    await desk.add(travel_v2__md=text + "Two.", travel_v10__md=text + "Ten.", travel_v1__md=text)
    found = await related(desk, "travel_v1.md", "travel_v2.md", "travel_v10.md")
    assert [found[f"travel_v{n}.md"][2] for n in (1, 2, 10)] == ["travel_v10.md"] * 2 + [None]


async def test_the_api_shows_how_a_document_stands_to_others(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        for year in (2022, 2026):
            text = POLICY.format(day=f"1 March {year}", count=14)
            body = {"id": f"p{year}", "title": f"Refund policy {year}", "text": text}
            await served.post("/api/collections/c/documents", body)
        found = (await served.get("/api/collections/c/documents/p2022")).json
    names = ("valid_from", "dated_by", "duplicate_of", "superseded_by")
    assert [found[name] for name in names] == ["2022-03-01", "text", None, "p2026"]


LONG = "The {} tent weighs two kilos, stands in five minutes and keeps out rain and wind."


async def test_copies_are_reported_and_kept(desk: Desk) -> None:
    body = " ".join(LONG.format(name) for name in ("red", "blue", "green", "small", "large", "old"))
    report = await desk.add(a__txt=body, b__txt=body.replace(" ", "\n"), c__txt=body + " Cheap.")
    assert (report.added, report.skipped) == (3, 0)
    assert report.duplicates == [
        Duplicate(DocumentId("b.txt"), DocumentId("a.txt")),
        Duplicate(DocumentId("c.txt"), DocumentId("a.txt")),
    ]
    await desk.app.ingest.remove(desk.app.scope("c"), [DocumentId("a.txt")])
    found = await related(desk, "b.txt", "c.txt")
    assert [found[name][1] for name in ("b.txt", "c.txt")] == [None, "b.txt"]


async def test_skipping_leaves_out_new_documents_of_the_same_text_and_no_others(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, **{"ingest.duplicates": "skip"}) as desk:
        text = LONG.format("red and blue")
        report = await desk.add(a__txt=text, b__txt=text, c__txt=text + " Only 14 days.")
        assert (report.added, report.skipped) == (2, 1)
        assert Duplicate(DocumentId("b.txt"), DocumentId("a.txt")) in report.duplicates
        assert (await desk.add(b__txt=text)).skipped == 1
        # What is there is never thrown out for being alike.
        report = await desk.add(c__txt=text)
        assert (report.updated, report.skipped) == (1, 0)
        await desk.app.ingest.remove(
            desk.app.scope("c"), [DocumentId("a.txt"), DocumentId("c.txt")]
        )
        assert (await desk.add(b__txt=text)).added == 1


async def test_versions_survive_a_reindex_and_a_snapshot(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        await three(desk)
        scope = desk.app.scope("c")
        await desk.app.snapshots.create(scope, "kept")
        await desk.app.ingest.remove(scope, [DocumentId(NAMES[2])])
        await desk.app.snapshots.rollback(scope, "kept")
        assert (await related(desk, NAMES[0]))[NAMES[0]][2] == NAMES[2]
    async with opened(tmp_path, **{"embedder.dimensions": 64}) as desk:
        await desk.app.reindex.run(desk.app.scope("c"))
        assert (await related(desk, NAMES[0]))[NAMES[0]][2] == NAMES[2]
        await desk.add(refund_policy_2025__md=POLICY.format(day="1 May 2025", count=45))
        assert (await related(desk, "refund_policy_2025.md")) == {
            "refund_policy_2025.md": ("2025-05-01", None, NAMES[2])
        }


@pytest.mark.data
@pytest.mark.parametrize(
    "path", ["structured_products/products.jsonl", "retrieval_med/corpus.jsonl"]
)
async def test_no_record_of_a_public_set_supersedes_another(tmp_path: Path, path: str) -> None:
    folder = os.environ.get("EVAL_DATA")
    if folder is None:
        pytest.skip("EVAL_DATA does not name the evaluation sets")
    lines = (Path(folder) / path).read_text(encoding="utf-8").replace('"_id"', '"id"')
    async with opened(tmp_path) as desk:
        scope = desk.app.scope("c")
        blob = Blob(lines.encode(), "documents.jsonl", "application/jsonl")
        report = await desk.app.ingest.run(scope, [Upload(blob)])
        ids = [
            each.id
            async for each in desk.app.catalog.documents.list(scope, after=None, limit=9_999)
        ]
        found = await desk.app.catalog.profiles.related(scope, ids)
    assert len(found) == report.added > 100
    assert [id for id, each in found.items() if each.superseded_by] == []
