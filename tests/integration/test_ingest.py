"""The pipeline over real parts: parser processes, chunker, SQLite; the hashing embedder."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bedplate.app import App, open_app
from bedplate.chunkers import CHUNKERS
from bedplate.config import load_config
from bedplate.domain.documents import Blob
from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.embedders.protocol import Embedder, Matrix
from bedplate.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from bedplate.ingest.files import FileSource, find_files, source_name
from bedplate.ingest.incoming import Upload
from bedplate.ingest.pipeline import Ingest, Parts
from bedplate.ingest.report import Progress, Report
from bedplate.ingest.scrub import MAX_TITLE
from bedplate.rag.retrieve import SearchRequest
from bedplate.state.protocol import Entry
from bedplate.stores.protocol import Store


@dataclass
class Desk:
    """An app over a folder of documents."""

    app: App
    folder: Path

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    async def ingest(self, *paths: Path, prune: bool = False) -> Report:
        names = [str(path) for path in paths] or [str(self.folder)]
        roots = [source_name(Path(name)) for name in names] if prune else []
        files = find_files(names, max_files=1000)
        return await self.app.ingest.run(self.app.scope("c"), files, prune=roots)

    async def found(self, text: str, **options: object) -> list[str]:
        request = SearchRequest(text, mode="keyword", **options)  # type: ignore[arg-type]
        hits = (await self.app.search.search(self.app.scope("c"), request)).hits
        return [hit.document_id for hit in hits]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    arguments = {"data.dir": str(tmp_path / "data"), "embedder.use": "hashing"}
    async with AsyncExitStack() as stack:
        config = load_config(environment={}, arguments=arguments).config
        app = await stack.enter_async_context(open_app(config))
        (tmp_path / "docs").mkdir()
        yield Desk(app, tmp_path / "docs")


def counts(report: Report) -> tuple[int, int, int, int, int]:
    return report.added, report.updated, report.unchanged, report.deleted, report.failed


async def test_unchanged_documents_are_skipped_and_changed_ones_replaced(desk: Desk) -> None:
    desk.write("a.md", "# Boots\n\nWaterproof boots.")
    desk.write("b.txt", "A sun hat.")
    assert counts(await desk.ingest()) == (2, 0, 0, 0, 0)
    desk.write("b.txt", "A rain hat.")
    assert counts(await desk.ingest()) == (0, 1, 1, 0, 0)
    assert await desk.found("sun") == []
    assert len(await desk.found("rain")) == 1


async def test_only_pruning_deletes_what_is_gone(desk: Desk) -> None:
    desk.write("keep.txt", "boots")
    gone = desk.write("sub/gone.txt", "hat")
    await desk.ingest()
    gone.unlink()
    assert counts(await desk.ingest()) == (0, 0, 1, 0, 0)
    assert len(await desk.found("hat")) == 1
    assert counts(await desk.ingest(prune=True)) == (0, 0, 1, 1, 0)
    assert await desk.found("hat") == []


async def test_pruning_one_folder_leaves_others_alone(desk: Desk) -> None:
    desk.write("one/a.txt", "boots")
    desk.write("one-more/b.txt", "hat")
    await desk.ingest()
    (desk.folder / "one" / "a.txt").unlink()
    desk.write("one/c.txt", "coat")
    assert counts(await desk.ingest(desk.folder / "one", prune=True)) == (1, 0, 0, 1, 0)
    assert len(await desk.found("hat")) == 1


async def test_pruning_the_working_folder_spares_uploads_and_files_elsewhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write("elsewhere.txt", "boots")
    await desk.ingest()
    await desk.app.ingest.run(desk.app.scope("c"), [Upload(Blob(b"hat", "hat.txt"))])
    inside = desk.write("work/coat.txt", "coat")
    monkeypatch.chdir(inside.parent)
    await desk.ingest(Path())
    inside.unlink()
    report = await desk.ingest(Path(), prune=True)
    assert counts(report) == (0, 0, 0, 1, 0)
    assert len(await desk.found("boots hat coat")) == 2


async def test_a_file_that_fails_keeps_its_former_version_even_when_pruning(desk: Desk) -> None:
    path = desk.write("a.txt", "boots")
    rows = desk.write("rows.jsonl", '{"id": "r1", "text": "coat"}\n')
    await desk.ingest()
    path.write_bytes(b"\x00\x01\x02" * 100)
    rows.write_text("not json\n")
    report = await desk.ingest(prune=True)
    assert counts(report) == (0, 0, 0, 0, 2)
    assert len(await desk.found("boots")) == 1
    assert await desk.found("coat") == ["r1"]


async def test_failures_are_listed_with_reasons_and_stop_nothing(desk: Desk) -> None:
    desk.write("good.txt", "boots")
    desk.write("empty.txt", "")
    desk.write("binary.txt", bytes(range(256)) * 4)
    desk.write("photo.png", b"\x89PNG\r\n\x1a\n" + b"x" * 50)
    desk.write("rows.jsonl", '{"id": 1, "text": "fine"}\n{broken\n{"id": "x"}\n')
    report = await desk.ingest()
    assert report.added == 2
    reasons = {Path(failure.source).name: failure.code for failure in report.failures}
    assert reasons == {
        "empty.txt": "empty",
        "binary.txt": "binary",
        "photo.png": "malformed",
        "rows.jsonl:2": "malformed",
        "rows.jsonl:3": "missing_text",
    }


async def test_rows_are_documents_with_typed_metadata(desk: Desk) -> None:
    rows = [
        {"id": "p1", "title": "Boots", "text": "Warm.", "price": 9.5, "tags": ["a", "b"]},
        {"id": "p2", "title": "Hat", "text": "Light.", "price": 50, "added": "2026-01-02"},
    ]
    path = desk.write("p.jsonl", "\n".join(json.dumps(row) for row in rows))
    await desk.ingest(path)
    assert await desk.found("", filter="price < 10") == ["p1"]
    assert await desk.found("", filter="added >= 2026-01-01") == ["p2"]
    stored = await desk.app.catalog.documents.get(desk.app.scope("c"), DocumentId("p1"))
    assert stored.metadata == {"title": "Boots", "price": 9.5, "tags": ["a", "b"]}
    rows[0]["price"] = 11
    path.write_text("\n".join(json.dumps(row) for row in rows))
    assert counts(await desk.ingest(path)) == (0, 1, 1, 0, 0)


async def test_the_same_id_twice_in_a_run_is_a_failure_of_the_second(desk: Desk) -> None:
    desk.write("a.jsonl", '{"id": "x", "text": "first"}')
    desk.write("b.jsonl", '{"id": "x", "text": "second"}')
    report = await desk.ingest()
    assert (report.added, [f.code for f in report.failures]) == (1, ["duplicate_id"])
    assert await desk.found("second") == []


async def test_personal_data_is_scrubbed_before_it_is_kept(desk: Desk) -> None:
    desk.write("mail.txt", "Write to jane.doe@example.com about card 4111 1111 1111 1111.")
    desk.write("rows.jsonl", '{"id": "r", "text": "x", "contact": "joe@example.org"}')
    report = await desk.ingest()
    assert report.redactions == {"EMAIL": 2, "CARD": 1}
    hits = (
        await desk.app.search.search(desk.app.scope("c"), SearchRequest("write card contact x"))
    ).hits
    text = repr(hits)
    assert "[EMAIL]" in text
    assert "jane.doe" not in text
    assert "4111" not in text
    assert "joe@" not in text


async def test_positions_reach_the_hit(desk: Desk) -> None:
    desk.write("a.md", "# Guide\n\nIntro.\n\n## Washing\n\nUse cold water.\n")
    await desk.ingest()
    scope = desk.app.scope("c")
    [hit] = (await desk.app.search.search(scope, SearchRequest("cold water"))).hits
    assert hit.title == "Guide"
    assert hit.text[: hit.end - hit.start] == hit.text


async def test_progress_counts_what_is_durable_up_to_the_end(desk: Desk) -> None:
    for n in range(150):
        desk.write(f"{n:03}.txt", f"text {n}")
    scope = desk.app.scope("c")
    files = find_files([str(desk.folder)], max_files=200)
    for kept in (150, 0):
        seen: list[Progress] = []
        report = await desk.app.ingest.run(scope, files, progress=seen.append)
        assert report.added == kept
        assert [p.done for p in seen] == sorted(p.done for p in seen)
        assert len(seen) >= 3
        assert (seen[-1].documents, seen[-1].done, seen[-1].total) == (150, 150, 150)
        assert [p.bytes for p in seen] == sorted(p.bytes for p in seen)
        assert {p.total_bytes for p in seen} == {seen[-1].bytes}


async def test_progress_counts_rows_of_one_large_file_by_their_share_of_its_bytes(
    desk: Desk,
) -> None:
    rows = "\n".join(json.dumps({"id": f"{n}", "text": f"text {n}"}) for n in range(600))
    files = find_files([str(desk.write("rows.jsonl", rows))], max_files=1)
    for _ in range(2):
        seen: list[Progress] = []
        await desk.app.ingest.run(desk.app.scope("c"), files, progress=seen.append)
        assert seen[-1].bytes == seen[-1].total_bytes == len(rows)
    desk.write("rows.jsonl", rows.replace("text ", "words "))
    files = [
        *find_files([str(desk.folder / "rows.jsonl")], max_files=1),
        Upload(Blob(b"x", "x.txt")),
    ]
    seen = []
    await desk.app.ingest.run(desk.app.scope("c"), files, progress=seen.append)
    total = seen[-1].bytes
    assert total == len(rows) + 600 + 1
    for each in seen:
        share = (total - 1) * each.documents // 600
        assert each.bytes == pytest.approx(min(share, total), abs=2)
    assert len(seen) > 2


async def test_what_cannot_be_read_counts_as_done_and_as_failed(desk: Desk) -> None:
    desk.write("a.txt", "words")
    desk.write("b.exe", b"\x00" * 50)
    seen: list[Progress] = []
    files = find_files([str(desk.folder)], max_files=9)
    await desk.app.ingest.run(desk.app.scope("c"), files, progress=seen.append)
    assert (seen[-1].failures, seen[-1].done, seen[-1].bytes) == (1, 2, 55)


async def test_sources_of_unknown_size_have_no_total_in_bytes(desk: Desk) -> None:
    file = desk.write("a.txt", "words")
    seen: list[Progress] = []
    sources = [FileSource(file, "a.txt"), Upload(Blob(b"more", "b.txt"))]
    await desk.app.ingest.run(desk.app.scope("c"), sources, progress=seen.append)
    assert (seen[-1].total_bytes, seen[-1].total, seen[-1].done) == (None, 2, 2)


@pytest.mark.parametrize("name", ["", "a/b", "x" * 300, "a\nb"])
async def test_a_collection_needs_a_name_that_fits_a_path(desk: Desk, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be called"):
        await desk.app.ingest.run(desk.app.scope(name), [])


@pytest.mark.parametrize("document_id", ["", "a\nb", "x" * 2000])
async def test_a_bad_id_is_refused_by_name(desk: Desk, document_id: str) -> None:
    upload = Upload(Blob(b'{"text": "x"}', "up.jsonl"), DocumentId(document_id))
    report = await desk.app.ingest.run(desk.app.scope("c"), [upload])
    codes = [failure.code for failure in report.failures]
    assert codes == ([] if document_id == "" else ["bad_id"])


async def test_an_upload_carries_its_own_id_and_metadata(desk: Desk) -> None:
    upload = Upload(Blob(b"Boots", "boots.txt"), DocumentId("my-id"), {"price": 3})
    await desk.app.ingest.run(desk.app.scope("c"), [upload])
    assert await desk.found("", filter="price == 3") == ["my-id"]
    assert await desk.app.ingest.remove(desk.app.scope("c"), [DocumentId("my-id")]) == 1
    assert await desk.found("boots") == []


async def test_another_embedder_is_refused_at_once(desk: Desk, tmp_path: Path) -> None:
    desk.write("a.txt", "boots")
    await desk.ingest()
    config = load_config(
        environment={},
        arguments={
            "data.dir": str(tmp_path / "data"),
            "embedder.use": "hashing",
            "embedder.dimensions": 32,
        },
    ).config
    async with open_app(config) as other:
        with pytest.raises(Conflict, match="hashing-256.*hashing-32"):
            await other.ingest.run(other.scope("c"), [])
        with pytest.raises(Conflict, match="hashing-256"):
            await other.search.search(other.scope("c"), SearchRequest("boots"))
        keyword = SearchRequest("boots", mode="keyword")
        assert len((await other.search.search(other.scope("c"), keyword)).hits) == 1


BAD_SEARCHES: Sequence[tuple[SearchRequest, type[Exception], str]] = [
    (SearchRequest(""), InvalidInput, "query, a filter or a sort"),
    (SearchRequest("x", limit=0), InvalidInput, "limit is 0"),
    (SearchRequest("x", limit=10**9), InvalidInput, "must be 1 to 1000"),
    (SearchRequest("x" * 30_000), InvalidInput, "30000 characters"),
    (SearchRequest("x", filter="prise < 3"), InvalidInput, "prise"),
    (SearchRequest("x", filter="price <"), InvalidInput, "position"),
]


@pytest.mark.parametrize(("request_", "kind", "message"), BAD_SEARCHES)
async def test_a_bad_search_says_what_is_wrong(
    desk: Desk, request_: SearchRequest, kind: type[Exception], message: str
) -> None:
    await desk.ingest(desk.write("p.jsonl", '{"id": "a", "text": "x", "price": 1}'))
    with pytest.raises(kind, match=message):
        await desk.app.search.search(desk.app.scope("c"), request_)


async def test_an_unknown_collection_is_named(desk: Desk) -> None:
    with pytest.raises(NotFound, match="no collection 'c'.*none; ingest"):
        await desk.found("x")


def test_files_are_found_once_hidden_ones_and_the_data_folder_not(tmp_path: Path) -> None:
    for name in ("a.txt", "sub/b.txt", ".git/c", ".env", "data/catalog.db"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    (tmp_path / "outside").symlink_to("/etc/hostname")
    patterns = [str(tmp_path), str(tmp_path / "*.txt"), str(tmp_path / ".env")]
    files = find_files(patterns, max_files=10, exclude=[tmp_path / "data"])
    assert [file.path.name for file in files] == [".env", "a.txt", "b.txt"]


def test_too_many_files_or_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    with pytest.raises(InvalidInput, match="More than 1 files"):
        find_files([str(tmp_path)], max_files=1)
    with pytest.raises(InvalidInput, match="no file, folder or match for 'nothing/"):
        find_files(["nothing/*.md"], max_files=1)


def test_a_file_of_two_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "big.txt"
    with file.open("wb") as opened:
        opened.truncate(2 * 1024**3)
    with pytest.raises(TooLarge, match=r"2,147,483,648 bytes; ingest\.max_file_bytes is 1,000"):
        FileSource(file, "big.txt").read(1_000)


def test_names_that_are_no_text_are_written_with_escapes_and_none_is_lost(tmp_path: Path) -> None:
    names = [
        b"line\nend.txt",
        b"line%0Aend.txt",
        b"esc\x1b[31m.txt",
        b"\xff.txt",
        "größe.txt".encode(),
    ]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_text("x")
    found = find_files([str(tmp_path)], max_files=10)
    base = tmp_path.as_posix()
    assert [file.name.removeprefix(f"{base}/") for file in found] == [
        "%FF.txt", "esc%1B[31m.txt", "größe.txt", "line%0Aend.txt", "line%0Aend.txt",
    ]  # fmt: skip
    assert {file.read(10).content for file in found} == {b"x"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
async def test_a_folder_without_permission_fails_alone_and_prune_keeps_what_is_in_it(
    desk: Desk,
) -> None:
    for name in ("open/a.txt", "closed/b.txt"):
        (desk.folder / name).parent.mkdir()
        (desk.folder / name).write_text(f"Text of {name}.")
    await desk.ingest()
    (desk.folder / "open" / "a.txt").unlink()
    (desk.folder / "closed").chmod(0)
    try:
        files = find_files([str(desk.folder)], max_files=9)
        root = desk.folder.as_posix()
        report = await desk.app.ingest.run(desk.app.scope("c"), files, prune=[root])
    finally:
        (desk.folder / "closed").chmod(0o755)
    assert [(f.code, f.source) for f in report.failures] == [("unreadable_file", f"{root}/closed")]
    assert report.deleted == 1


def test_links_in_a_circle_and_names_too_long_are_no_surprise(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    names = [file.path.name for file in find_files([str(tmp_path)], max_files=10)]
    assert "a.txt" in names
    with pytest.raises(InvalidInput, match="cannot be read: File name too long"):
        find_files(["a" * 5000], max_files=1)


@pytest.mark.parametrize("pii", [False, {"use": "patterns"}])
async def test_a_huge_title_or_heading_is_cut(tmp_path: Path, pii: object) -> None:
    arguments = {
        "data.dir": str(tmp_path / "data"), "embedder.use": "hashing", "guards.pii": pii
    }  # fmt: skip
    async with open_app(load_config(environment={}, arguments=arguments).config) as app:
        scope = app.scope("c")
        text = f"# {'title ' * 1000}\n\n## {'head ' * 1000}\n\nBoots for hills."
        await app.ingest.run(scope, [Upload(Blob(text.encode(), "a.md"))])
        found = await app.search.search(scope, SearchRequest("boots", mode="keyword"))
    assert all(len(hit.title) <= MAX_TITLE for hit in found.hits)
    assert [len(hit.heading or "") for hit in found.hits] == [MAX_TITLE]


class Counting:
    """The hashing embedder, with the size of each call."""

    def __init__(self, embedder: Embedder) -> None:
        self.fingerprint = embedder.fingerprint
        self.dimensions = embedder.dimensions
        self.sizes: list[int] = []
        self._embedder = embedder

    async def embed(self, texts: Sequence[str]) -> Matrix:
        self.sizes.append(len(texts))
        return await self._embedder.embed(texts)


async def test_a_long_document_is_embedded_in_parts(desk: Desk) -> None:
    app, counting = desk.app, Counting(desk.app.embedder)
    async with CHUNKERS.load("structure")({}) as chunker:
        parts = Parts(app.catalog, app.store, app.parser, chunker, counting, None)
        ingest = Ingest(
            parts, batch_chunks=4, max_file_bytes=10**6, token_chunks=0, recipe=lambda _: ""
        )
        text = "\n\n".join(f"Paragraph {n} of boots. " * 30 for n in range(20))
        report = await ingest.run(app.scope("c"), [Upload(Blob(text.encode(), "a.txt"))])
    assert sum(counting.sizes) == report.chunks > 8
    assert max(counting.sizes) == 4


class Away:
    """A store of its own files or server, each write of which ends with `error`."""

    def __init__(self, store: Store, error: Exception) -> None:
        self._store, self._error = store, error
        self.abilities = replace(store.abilities, follows=False)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        raise self._error


class Slow:
    """A store that takes its time to write, and tells what it wrote."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.wrote: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def upsert(self, scope: Scope, entries: Sequence[Entry]) -> None:
        self.begun.set()
        await self.go_on.wait()
        await self._store.upsert(scope, entries)
        self.wrote += [entry.document.id for entry in entries]


async def test_an_ingest_that_is_cancelled_leaves_no_document_out_of_the_index(desk: Desk) -> None:
    """A later run would find it unchanged in the catalog, and never index it."""
    app, slow = desk.app, Slow(desk.app.store)
    async with CHUNKERS.load("structure")({}) as chunker:
        parts = Parts(app.catalog, slow, app.parser, chunker, app.embedder, None)  # type: ignore[arg-type]
        ingest = Ingest(
            parts, batch_chunks=1, max_file_bytes=10**6, token_chunks=0, recipe=lambda _: ""
        )
        uploads = [Upload(Blob(b"Boots.", f"{n}.txt")) for n in range(9)]
        async with asyncio.TaskGroup() as tasks:
            run = tasks.create_task(ingest.run(app.scope("c"), uploads))
            await slow.begun.wait()
            run.cancel()
            await asyncio.sleep(0)
            slow.go_on.set()
    assert run.cancelled()
    kept = app.catalog.documents.list(app.scope("c"), after=None, limit=99)
    assert [document.id async for document in kept] == slow.wrote == ["0.txt"]


async def test_a_store_that_fails_after_the_catalog_names_the_remedy_and_is_made_good_by_the_next_run(
    desk: Desk,
) -> None:
    app = desk.app
    upload = Upload(Blob(b"Boots.", "a.txt"))
    async with CHUNKERS.load("structure")({}) as chunker:

        def through(store: Any) -> Ingest:
            parts = Parts(app.catalog, store, app.parser, chunker, app.embedder, None)
            return Ingest(
                parts, batch_chunks=4, max_file_bytes=10**6, token_chunks=0, recipe=lambda _: ""
            )

        refused = Unavailable("The store at http://127.0.0.1:1 is not there.")
        with pytest.raises(Unavailable, match=r"is not there\..*run `bedplate reindex -c c`"):
            await through(Away(app.store, refused)).run(app.scope("c"), [upload])
        # As when the process is killed: nobody is left to note that the write failed.
        killed = RuntimeError("killed")
        with pytest.raises(RuntimeError, match="killed"):
            await through(Away(app.store, killed)).run(app.scope("c"), [upload])
        report = await through(app.store).run(app.scope("c"), [upload])
        assert (report.updated, report.unchanged) == (1, 0)
        report = await through(app.store).run(app.scope("c"), [upload])
        assert (report.updated, report.unchanged) == (0, 1)


GERMAN = (
    "Die Ware kann innerhalb von dreißig Tagen in jedem unserer Geschäfte zurückgegeben werden."
)
ENGLISH = "What is sold can be returned to any of our shops within thirty days, with the receipt."
ITALIAN = "La merce acquistata può essere restituita entro trenta giorni in uno dei nostri negozi."


async def test_documents_are_found_by_their_language(desk: Desk) -> None:
    desk.write("a.txt", GERMAN)
    desk.write("b.txt", ENGLISH)
    desk.write("c.txt", "Too short.")
    await desk.ingest()
    assert await desk.found("", filter="language = 'de'") == [source_name(desk.folder / "a.txt")]
    assert len(await desk.found("", filter="language exists")) == 2


async def test_a_language_that_the_sender_gave_stands(desk: Desk) -> None:
    upload = Upload(Blob(GERMAN.encode(), "a.txt"), metadata={"language": "Swiss German"})
    await desk.app.ingest.run(desk.app.scope("c"), [upload])
    document = await desk.app.catalog.documents.get(desk.app.scope("c"), DocumentId("a.txt"))
    assert document.metadata == {"language": "Swiss German"}


async def test_words_that_are_codes_of_languages_ask_for_none(desk: Desk) -> None:
    desk.write("a.txt", ITALIAN)
    desk.write("b.txt", ENGLISH)
    await desk.ingest()
    request = SearchRequest("what is it that can be returned?", self_query=True)
    result = await desk.app.search.search(desk.app.scope("c"), request)
    assert result.self_query is None
    assert len(result.hits) == 2


async def test_a_collection_is_cut_by_the_chunker_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A sentence of some length, again and again. " * 100)
    files = find_files([str(tmp_path / "a.txt")], max_files=1)

    async def chunks(collection: str, size: int) -> tuple[int, int]:
        arguments = {
            "data.dir": str(tmp_path / "data"),
            "embedder.use": "hashing",
            "collections.fine.chunker.use": "structure",
            "collections.fine.chunker.size": size,
        }
        async with open_app(load_config(environment={}, arguments=arguments).config) as app:
            report = await app.ingest.run(app.scope(collection), files)
            return report.chunks, report.unchanged

    plain, _ = await chunks("plain", 300)
    fine, _ = await chunks("fine", 300)
    assert fine > 2 * plain
    assert await chunks("plain", 500) == (0, 1)
    other, unchanged = await chunks("fine", 500)
    assert plain < other < fine
    assert unchanged == 0
