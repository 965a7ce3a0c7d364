"""The doctor's checks. Each looks at one thing and changes nothing."""

import asyncio
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, closing
from datetime import UTC, datetime
from pathlib import Path

import apsw
import psutil

from bedplate.api.gates import check_exposure, is_loopback
from bedplate.app import App, open_app
from bedplate.cli.findings import MASK, Finding, is_secret
from bedplate.cli.offers import judge_offer
from bedplate.cli.probes import PROBED, probe_model
from bedplate.cli.screen import counted
from bedplate.config import Config, DataConfig, Loaded, Slot
from bedplate.domain.chat import ChatRequest, Message, Passage, TextDelta
from bedplate.domain.ids import DEFAULT_TENANT, ChunkId, DocumentId
from bedplate.domain.retrieval import Collection, Hit
from bedplate.durable.places import FILE as DURABLE_FILE
from bedplate.errors import BedplateError
from bedplate.ingest.recall import TOP, MeasuredRecall, measure_recall
from bedplate.judges.protocol import Case
from bedplate.keys import open_keys, were_made
from bedplate.sqlite.database import open_database, select_one
from bedplate.state import CATALOGS
from bedplate.storage import CATALOG_FILE
from bedplate.stores import IN_CATALOG

GIBIBYTE = 1024**3
LOW_DISK_BYTES = 1 * GIBIBYTE
NO_DISK_BYTES = 100 * 1024**2
PARSER_SLOTS = 2
FEW_FILES = 1024
LOW_RECALL = 0.95
RECALL_SECONDS = 30.0
"""For all collections together."""

LOCAL = frozenset({"quote", "scripted", "overlap", "evidence", "nli"})
"""Adapters that run here and cost nothing, so that the doctor may call them."""

QUESTION = "How long do refunds take?"
_TEXT = "Refunds are paid within 60 days."
PASSAGE = Passage(
    1, Hit(DocumentId("d"), ChunkId("d#0"), 1.0, _TEXT, "Refunds", "doctor", 0, len(_TEXT))
)


async def check_everything(loaded: Loaded) -> AsyncIterator[Finding]:
    """Every finding, in the order of what builds on what."""
    config = loaded.config
    yield _configuration(loaded)
    for finding in (*_secrets(loaded), _python(), _sqlite()):
        yield finding
    folder = Path(config.data.dir)
    data = _data_folder(folder)
    yield data
    if data.status == "fail":
        yield Finding("parts", "warn", "Not tried without a usable data folder.")
    else:
        if config.data.database is None:
            catalog = await _catalog(folder / CATALOG_FILE)
            new = _size(folder / CATALOG_FILE) is None
        else:
            catalog, new = await _database(config.data.database.get_secret_value())
        yield catalog
        if config.data.database is None:
            yield await asyncio.to_thread(_jobs, folder / DURABLE_FILE)
        for finding in await _parts(config, new=new):
            yield finding
    for name, slot in config.models.items():
        if slot.use in PROBED:
            yield await probe_model(name, slot.use, slot.options)
    yield await _exposure(config)
    for finding in _limits(config):
        yield finding


def _configuration(loaded: Loaded) -> Finding:
    if loaded.file is None:
        return Finding(
            "configuration", "ok", "There is no bedplate.toml; the defaults are in force."
        )
    return Finding("configuration", "ok", f"Read from {loaded.file}.")


def _secrets(loaded: Loaded) -> Iterator[Finding]:
    if loaded.file is None:
        return
    for setting in loaded.settings:
        written = setting.source == str(loaded.file) and setting.value not in (MASK, "")
        if is_secret(setting.key) and written:
            yield Finding(
                "secrets",
                "warn",
                f"{setting.key} is written in plain in {loaded.file}.",
                'Write { env = "NAME" } or { file = "PATH" } in its place.',
            )


def _python() -> Finding:
    detail = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if sys.version_info >= (3, 14):
        return Finding("python", "warn", detail, "Bedplate is tested on Python 3.11 to 3.13.")
    return Finding("python", "ok", detail)


def _sqlite() -> Finding:
    options = set(apsw.compile_options)
    detail = f"SQLite {apsw.sqlite_lib_version()}"
    if "THREADSAFE=0" in options:
        return Finding(
            "sqlite", "fail", f"{detail} without threads", "Reinstall apsw from a wheel."
        )
    return Finding("sqlite", "ok", detail)


def _data_folder(folder: Path) -> Finding:
    at = folder.absolute()
    there = next(parent for parent in (at, *at.parents) if parent.exists())
    if not there.is_dir():
        return Finding("data", "fail", f"{there} is not a folder.", "Name another with data.dir.")
    if not os.access(there, os.W_OK | os.X_OK):
        remedy = "Give this user the right to write there, or name another folder with data.dir."
        return Finding("data", "fail", f"{there} cannot be written.", remedy)
    free = shutil.disk_usage(there).free
    state = "" if there == at else ", made at the first ingest"
    detail = f"{at}{state}; {free / GIBIBYTE:,.1f} GiB free"
    if free < LOW_DISK_BYTES:
        return Finding(
            "data",
            "fail" if free < NO_DISK_BYTES else "warn",
            detail,
            "Free some disk space, or move the data folder to a larger disk.",
        )
    return Finding("data", "ok", detail)


async def _catalog(path: Path) -> Finding:
    size = _size(path)
    if size is None:
        return Finding("catalog", "ok", "Nothing was ingested yet.")
    try:
        async with open_database(path) as database:
            row = await database.read(lambda db: select_one(db, "PRAGMA quick_check(1)"))
    except BedplateError as error:
        remedy = "Restore the data folder from a backup, or move it away and ingest again."
        return Finding("catalog", "fail", error.message, remedy)
    answer = str(row[0]) if row else "no answer"
    if answer != "ok":
        return Finding(
            "catalog",
            "fail",
            f"{path} is damaged: {answer}",
            "Restore the data folder from a backup, or move it away and ingest again.",
        )
    return Finding("catalog", "ok", f"{path.name} is sound, {size / 1024**2:,.1f} MiB")


async def _database(dsn: str) -> tuple[Finding, bool]:
    """The finding, and whether nothing was ever kept there."""
    try:
        CATALOGS.load("postgres")
        from bedplate.postgres.facts import facts_of  # noqa: PLC0415 - its library is an extra

        facts = await asyncio.to_thread(facts_of, dsn)
    except BedplateError as error:
        return Finding("catalog", "fail", error.message, "Correct data.database."), False
    if not facts.schema:
        return Finding("catalog", "ok", f"{facts.place}: nothing was ingested yet."), True
    detail = (
        f"{facts.place}: PostgreSQL {facts.server}, pgvector {facts.pgvector}, "
        f"{facts.size / 1024**2:,.1f} MiB"
    )
    return Finding("catalog", "ok", detail), False


def _jobs(path: Path) -> Finding:
    if not path.exists():
        return Finding("jobs", "ok", "No server has run jobs here yet.")
    try:
        # By the library that the server opens it with, see decision 2.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        answer = str(error)
    if answer != "ok":
        return Finding(
            "jobs",
            "fail",
            f"{path} is damaged: {answer}",
            "Move it away: documents and sources are elsewhere, only jobs under way are lost.",
        )
    return Finding("jobs", "ok", f"{path} is sound, {path.stat().st_size / 1024**2:,.1f} MiB")


def _size(file: Path) -> int | None:
    return file.stat().st_size if file.exists() else None


async def _parts(config: Config, *, new: bool) -> list[Finding]:
    """Open everything and use it once; on an empty folder elsewhere where there is no data yet."""
    with tempfile.TemporaryDirectory(prefix="bedplate-doctor-") as empty:
        if new:
            config = config.model_copy(update={"data": DataConfig(dir=Path(empty))})
            if IN_CATALOG.get(config.store.use, "sqlite") != "sqlite":
                config = config.model_copy(update={"store": Slot(use="sqlite")})
        async with AsyncExitStack() as stack:
            try:
                app = await stack.enter_async_context(open_app(config))
            except BedplateError as error:
                remedy = "Correct the setting named there; the other parts were not tried."
                return [Finding("parts", "fail", error.message, remedy)]
            return [
                await _embedder(app),
                *[finding async for finding in _collections(app)],
                _pii(app),
                await _groundedness(app),
                *[finding async for finding in _local_models(app)],
                *[judge_offer(offer) for offer in await app.toolbox.offers()],
            ]


async def _embedder(app: App) -> Finding:
    vectors = await app.embedder.embed(["ready"])
    verified = " (SHA-256 of weights and tokenizer verified)" if _is_bundled(app.config) else ""
    detail = f"{app.embedder.fingerprint}, {vectors.shape[1]} dimensions{verified}"
    if app.config.embedder.use == "hashing":
        remedy = 'It knows no meaning and is for tests: set embedder.use = "onnx".'
        return Finding("embedder", "warn", detail, remedy)
    return Finding("embedder", "ok", detail)


def _is_bundled(config: Config) -> bool:
    return config.embedder.use == "onnx" and "model" not in config.embedder.options


async def _collections(app: App) -> AsyncIterator[Finding]:
    collections = await app.catalog.collections.list(DEFAULT_TENANT)
    for collection in collections:
        detail = (
            f"{counted(collection.documents, 'document')}, {counted(collection.chunks, 'passage')}"
        )
        if collection.embedder != app.embedder.fingerprint:
            served = app.former is not None and app.former.fingerprint == collection.embedder
            yield Finding(
                f"collection {collection.name}",
                "warn" if served else "fail",
                f"{detail}; made with the embedder {collection.embedder}.",
                f"Run `bedplate reindex -c {collection.name}`, or configure that embedder.",
            )
        else:
            yield Finding(f"collection {collection.name}", "ok", detail)
            yield await _recall(app, collection, RECALL_SECONDS / len(collections))
    known = {collection.name for collection in collections}
    for name, assistant in app.config.assistants.items():
        if missing := [wanted for wanted in assistant.collections if wanted not in known]:
            yield Finding(
                f"assistant {name}",
                "warn",
                f"It answers from {', '.join(missing)}, which is not there.",
                f"Run `bedplate ingest PATH -c {missing[0]}`, or correct its collections.",
            )


async def _recall(app: App, collection: Collection, seconds: float) -> Finding:
    check = f"recall {collection.name}"
    try:
        found = await measure_recall(app.catalog, app.store, collection, seconds=seconds)
    except BedplateError as error:
        remedy = f"Run `bedplate reindex -c {collection.name}`; if that fails, see the message."
        return Finding(check, "fail", error.message, remedy)
    return judge_recall(check, collection, found)


def judge_recall(check: str, collection: Collection, found: MeasuredRecall) -> Finding:
    """What a measured recall means."""
    if found.recall is None:
        return Finding(check, "ok", "Every vector is compared: searches are exact.")
    part = "" if found.compared >= collection.chunks else f" of {collection.chunks:,}"
    detail = (
        f"recall@{TOP} is {found.recall:.3f} over {found.queries} searches, compared with "
        f"{found.compared:,}{part} passages."
    )
    if found.recall < LOW_RECALL:
        remedy = (
            f"Run `bedplate reindex -c {collection.name}`, which rebuilds the index; if that does "
            "not help, raise the store's own search effort."
        )
        return Finding(check, "warn", detail, remedy)
    return Finding(check, "ok", detail)


def _pii(app: App) -> Finding:
    if app.safeguards.pii is None:
        remedy = 'Set guards.pii = { use = "patterns" } unless this is meant.'
        return Finding("guard pii", "warn", "Personal data is kept as it is.", remedy)
    scrubbed = app.safeguards.pii.scrub("Write to ann@example.com.")
    if "ann@example.com" in scrubbed.text:
        return Finding(
            "guard pii", "fail", "It let an e-mail address through.", "Reinstall Bedplate."
        )
    return Finding("guard pii", "ok", f"It replaces personal data: {scrubbed.text!r}")


async def _local_models(app: App) -> AsyncIterator[Finding]:
    """Models of this process answer once. Others are opened only: a call may cost something."""
    request = ChatRequest((Message("user", QUESTION),), (PASSAGE,), asked=QUESTION)
    for name, slot in app.config.models.items():
        check = f"model {name}"
        if slot.use == "openai":
            continue
        if slot.use not in LOCAL:
            yield Finding(check, "ok", f"{slot.use} opens; it was not called.")
            continue
        answer = ""
        try:
            async with aclosing(app.turn.stream(name, request)) as events:
                async for event in events:
                    answer += event.text if isinstance(event, TextDelta) else ""
        except BedplateError as error:
            yield Finding(check, "fail", error.message, f"Correct models.{name}.")
        else:
            yield Finding(check, "ok", f"{app.turn.model(name).name} runs: {answer!r}")


async def _groundedness(app: App) -> Finding:
    check, slot = "guard groundedness", app.config.guards.groundedness
    if slot.use not in LOCAL:
        return Finding(check, "ok", f"{slot.use} opens; it was not called.")
    found = await app.safeguards.grounding.check(
        Case(QUESTION, (PASSAGE,)), f"{PASSAGE.hit.text} [1]"
    )
    if found.verdict == "failed":
        return Finding(check, "fail", found.reason, "Correct guards.groundedness.")
    return Finding(check, "ok", f"{slot.use} runs: {found.verdict} ({found.score:.2f})")


async def _exposure(config: Config) -> Finding:
    host, port = config.server.host, config.server.port
    if is_loopback(host):
        return Finding("exposure", "ok", f"{host}:{port} is reached from this machine alone.")
    try:
        check_exposure(host, has_keys=await _has_keys(config))
    except BedplateError as error:
        remedy = "Run `bedplate keys create NAME`; until then `bedplate serve` does not start."
        return Finding("exposure", "fail", error.message, remedy)
    return Finding("exposure", "ok", f"{host}:{port} is reached by those who have an access key.")


async def _has_keys(config: Config) -> bool:
    if not were_made(config):
        return False
    async with open_keys(config) as keys:
        version, _ = await keys.look(None, datetime.now(UTC)) or (0, {})
    return version > 0


def _limits(config: Config) -> Iterator[Finding]:
    memory = psutil.virtual_memory().total
    wanted = PARSER_SLOTS * config.ingest.parse_memory_bytes
    cores = os.cpu_count() or 1
    detail = f"{cores} cores, {memory / GIBIBYTE:,.1f} GiB of memory"
    if wanted > memory:
        yield Finding(
            "memory",
            "warn",
            f"{detail}; {PARSER_SLOTS} parsers may take {wanted / GIBIBYTE:,.1f} GiB.",
            "Lower ingest.parse_memory_bytes.",
        )
    else:
        yield Finding("memory", "ok", detail)
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - Windows has none

        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        low = files != resource.RLIM_INFINITY and files < max(
            FEW_FILES, 2 * config.server.max_requests
        )
        yield Finding(
            "open files",
            "warn" if low else "ok",
            f"At most {files:,} files and connections may be open."
            if files != resource.RLIM_INFINITY
            else "There is no limit on open files.",
            "Raise it with `ulimit -n 4096`, or lower server.max_requests." if low else "",
        )
