"""The doctor's checks. Each looks at one thing and changes nothing."""

import asyncio
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

from bedplate.api.gates import check_exposure, is_loopback
from bedplate.app import open_app
from bedplate.config import Config, DataConfig, Loaded, Slot
from bedplate.doctor.findings import MASK, Finding, is_secret
from bedplate.doctor.machine import check_folder, check_limits, check_python, check_sqlite
from bedplate.doctor.parts import check_parts
from bedplate.doctor.probes import PROBED, probe_model
from bedplate.durable.places import FILE as DURABLE_FILE
from bedplate.errors import BedplateError
from bedplate.keys import open_keys, were_made
from bedplate.sqlite.database import open_database, select_one
from bedplate.state import CATALOGS
from bedplate.storage import CATALOG_FILE
from bedplate.stores import IN_CATALOG

RECALL_SECONDS = 30.0
"""For all collections together."""


async def check_everything(loaded: Loaded) -> AsyncIterator[Finding]:
    """Every finding, in the order of what builds on what."""
    config = loaded.config
    yield _configuration(loaded)
    for finding in (*_secrets(loaded), check_python(), check_sqlite()):
        yield finding
    folder = Path(config.data.dir)
    data = check_folder(folder)
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
    for finding in check_limits(config):
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
            return [found async for found in check_parts(app, recall_seconds=RECALL_SECONDS)]


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
