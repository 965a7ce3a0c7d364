"""Documents with secrets are kept out, listed without them, and let in when that is wanted."""

import json
from pathlib import Path

import pytest
from tests.fixtures.postgres import catalog_database
from tests.fixtures.serving import serving

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.documents import Blob, Metadata
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.errors import NotFound
from bedplate.guards import DOCUMENT_GUARDS
from bedplate.ingest.incoming import Upload
from bedplate.ingest.report import Report
from bedplate.rag.retrieve import SearchRequest

KEY = "AKIAIOSFODNN7EXAMPLE"
DOCUMENTS = "/api/collections/c/documents"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----"


def config(folder: Path, secrets: str = "quarantine", database: str | None = None):
    arguments = {"data.dir": str(folder), "embedder.use": "hashing", "ingest.secrets": secrets}
    if database is not None:
        arguments |= {"data.database": database, "store.use": "pgvector"}
    return load_config(environment={}, arguments=arguments).config


async def add(app: App, text: str, name: str = "a.txt", **metadata: str) -> Report:
    given: Metadata = metadata
    return await app.ingest.run(app.scope("c"), [Upload(Blob(text.encode(), name), metadata=given)])


async def found(app: App, text: str) -> list[str]:
    result = await app.search.search(app.scope("c"), SearchRequest(text, mode="keyword"))
    return [hit.document_id for hit in result.hits]


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (f"Deploy with {KEY} and {KEY}.", {"CLOUD_KEY": 2}),
        (PEM, {"PRIVATE_KEY": 1}),
        ("ghp_" + "a1B2" * 9, {"TOKEN": 1}),
        ("api_key = 'q7Hn2LpX9vTz4RkW8sYd'", {"TOKEN": 1}),
        ("postgres://admin:tr0ub4dor@db.example.com/x", {"PASSWORD_IN_URL": 1}),
        ("The password is Welcome1!", {}),
        ("Write to jo@example.com, call +1 202 555 0143.", {}),
        ("Private keys and access tokens must never be shared.", {}),
    ],
)
async def test_secrets_are_told_by_their_shape(text: str, reasons: dict[str, int]) -> None:
    async with DOCUMENT_GUARDS.load("secrets")({}) as guard:
        assert guard.reasons(text) == reasons


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_document_with_a_key_is_held_and_goes_in_when_released(
    tmp_path: Path, kind: str
) -> None:
    async def check(database: str | None) -> None:
        async with open_app(config(tmp_path, database=database)) as app:
            scope = app.scope("c")
            await add(app, "Boots and hats.", "b.txt")
            report = await add(app, f"Boots, with {KEY}.", "a.txt")
            assert [(f.source, f.code) for f in report.failures] == [("a.txt", "quarantined")]
            assert "CLOUD_KEY 1" in report.failures[0].message
            assert KEY not in repr(report)
            assert await found(app, "boots") == ["b.txt"]
            (held,) = await app.catalog.quarantine.list(scope)
            assert (held.document_id, held.reasons, held.released) == (
                "a.txt",
                {"CLOUD_KEY": 1},
                False,
            )
            assert await app.catalog.quarantine.list(Scope(TenantId("other"), "c")) == ()
            with pytest.raises(NotFound, match="'b.txt'.*quarantine"):
                await app.catalog.quarantine.release(scope, DocumentId("b.txt"))
            assert (await app.catalog.quarantine.release(scope, DocumentId("a.txt"))).released
            # Released as it was: with something else in it, it is looked at again.
            assert (await add(app, f"Boots, with {KEY} and {PEM}", "a.txt")).failed == 1
            await app.catalog.quarantine.release(scope, DocumentId("a.txt"))
            report = await add(app, f"Boots, with {KEY} and {PEM}", "a.txt")
            assert (report.added, report.failed, report.redactions["KEY"]) == (1, 0, 2)
            assert sorted(await found(app, "boots")) == ["a.txt", "b.txt"]
            assert await app.catalog.quarantine.list(scope) == ()

    if kind == "sqlite":
        await check(None)
    else:
        with catalog_database() as address:
            await check(address)


async def test_what_stood_in_the_index_goes_when_a_secret_comes_in(tmp_path: Path) -> None:
    async with open_app(config(tmp_path)) as app:
        await add(app, "Boots.")
        report = await add(app, f"Boots {KEY}.")
        assert (report.deleted, report.failed) == (1, 1)
        assert await found(app, "boots") == []
        assert (await add(app, "Boots again.")).added == 1
        assert await app.catalog.quarantine.list(app.scope("c")) == ()


async def test_secrets_in_titles_and_metadata_count(tmp_path: Path) -> None:
    async with open_app(config(tmp_path)) as app:
        assert (await add(app, "Boots.", token="q7Hn2LpX9vTz4RkW8sYd")).failed == 1
        assert (await add(app, f"# {KEY}\n\nBoots.", "b.md")).failed == 1


async def test_by_default_a_key_is_replaced_and_its_document_kept(tmp_path: Path) -> None:
    async with open_app(config(tmp_path, "redact")) as app:
        report = await add(app, f"Boots {KEY}.")
        assert (report.added, report.redactions["KEY"]) == (1, 1)
    async with open_app(config(tmp_path)) as app:
        report = await add(app, f"Boots {KEY}.")
        assert (report.deleted, report.failed) == (1, 1)


async def test_a_dropped_collection_holds_nothing(tmp_path: Path) -> None:
    async with open_app(config(tmp_path)) as app:
        await add(app, KEY)
        await app.ingest.drop(app.scope("c"))
        assert await app.catalog.quarantine.list(app.scope("c")) == ()


async def test_the_api_lists_and_releases(tmp_path: Path) -> None:
    async with serving(tmp_path, **{"ingest.secrets": "quarantine"}) as served:
        refused = await served.post(DOCUMENTS, {"id": "a/b", "text": f"Boots {KEY}."})
        assert refused.error["code"] == "quarantined"
        listed = (await served.get("/api/collections/c/quarantine")).json
        assert [each["document_id"] for each in listed["held"]] == ["a/b"]
        assert KEY not in json.dumps([refused.json, listed])
        released = await served.post("/api/collections/c/quarantine/a/b/release", {})
        assert (released.status, released.json["released"]) == (200, True)
        added = await served.post(DOCUMENTS, {"id": "a/b", "text": f"Boots {KEY}."})
        assert added.json["documents"]["added"] == 1
        missing = await served.post("/api/collections/c/quarantine/x/release", {})
        assert (missing.status, missing.error["param"]) == (404, "document_id")
