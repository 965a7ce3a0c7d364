"""`sql`: queries of a database that the model writes, and statements that the set-up has written.

A query is parsed, must be one that only reads, and runs where nothing can be written, bounded in
rows and time. What changes rows is a statement by name, whose parameters are all that the model gives.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from bedplate.domain.tools import ToolSpec
from bedplate.errors import ConfigError, InvalidInput
from bedplate.registry import Registry
from bedplate.tools.protocol import (
    Effect,
    Tool,
    ToolContext,
    ToolParts,
    ToolPolicy,
    ToolResult,
    Toolset,
)
from bedplate.tools.sql_check import MOST_CHARACTERS, Statement, check_query, read_statement
from bedplate.tools.sql_database import Bounds, ConnectSql, Rows, SqlDatabase, SqlFailed
from bedplate.tools.toolsets import FunctionTool
from bedplate.tools.values import as_text

DATABASES = Registry[ConnectSql](
    "tools.sql",
    {
        "sqlite": "bedplate.tools.sql_sqlite:connect_sqlite",
        "postgresql": "bedplate.tools.sql_postgres:connect_postgres",
    },
    extras={"postgresql": "postgres"},
)
DIALECTS: Mapping[str, tuple[str, str]] = {
    "sqlite": ("sqlite", "SQLite"),
    "postgresql": ("postgres", "PostgreSQL"),
}
"""Of an address's scheme: what sqlglot and what people call it."""

KEY = "idempotency_key"
"""A parameter that the server gives."""

MOST_SCHEMA = 6_000
"""Characters of the tables' description."""


class SqlStatement(BaseModel):
    """One tool: its statement has a parameter `:name` for each that is declared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sql: str = Field(min_length=1)
    description: str = Field(min_length=1)
    parameters: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict[str, Mapping[str, Any]]
    )
    """A JSON Schema of each. One with a `default` may be left out."""
    effect: Effect | None = None


def _wrap(value: object) -> object:
    return SecretStr(value) if isinstance(value, str) else value


class SqlOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: Annotated[SecretStr, BeforeValidator(_wrap)]
    """sqlite:///file.db or postgresql://user:password@host/name."""
    query: bool = True
    """Whether the model may write queries."""
    tables: tuple[str, ...] = ()
    """Those that queries may read; all but the database's own where it is empty."""
    functions: tuple[str, ...] = ()
    """Further functions that queries may call."""
    rows: int = Field(default=100, gt=0, le=10_000)
    statement_seconds: float = Field(default=5.0, gt=0, le=300)
    connections: int = Field(default=4, gt=0, le=64)
    statements: Mapping[str, SqlStatement] = Field(default_factory=dict[str, SqlStatement])
    """Tools by their names."""


class SqlToolset:
    """The database is first asked, for its tables, when the tools are."""

    def __init__(
        self, name: str, settings: SqlOptions, database: SqlDatabase, threads: ThreadPoolExecutor
    ) -> None:
        self._name = name
        self._settings = settings
        self._database = database
        self._threads = threads
        self._statements = [self._named(*each) for each in settings.statements.items()]
        self._listed: tuple[Tool, ...] | None = None

    async def tools(self) -> tuple[Tool, ...]:
        if self._listed is None:
            query = [await self._query_tool()] if self._settings.query else []
            self._listed = (*query, *self._statements)
        return self._listed

    async def _query_tool(self) -> Tool:
        tables = await self._threaded(self._database.describe)
        told = "\n".join(f"{table}({', '.join(columns)})" for table, columns in tables.items())
        scheme = urlsplit(self._settings.url.get_secret_value()).scheme
        description = (
            f"Runs one SELECT statement of {DIALECTS[scheme][1]} and returns at most "
            f"{self._settings.rows} rows. Tables:\n{told[:MOST_SCHEMA] or '(none)'}"
        )
        parameters = {
            "type": "object",
            "properties": {"sql": {"type": "string", "minLength": 1, "maxLength": MOST_CHARACTERS}},
            "required": ["sql"],
            "additionalProperties": False,
        }
        return FunctionTool(ToolSpec(f"{self._name}_query", description, parameters), self._query)

    async def _query(self, arguments: Mapping[str, Any], _: ToolContext) -> ToolResult:
        settings = self._settings
        try:
            sql = check_query(
                str(arguments["sql"]),
                self._database.dialect,
                tables=settings.tables,
                functions=settings.functions,
            )
        except InvalidInput as error:
            return ToolResult(f"{error.message} Nothing was run.", failed=True)
        return await self._ran(partial(self._database.query, sql))

    def _named(self, name: str, given: SqlStatement) -> Tool:
        key = f"tools.{self._name}.statements.{name}"
        try:
            statement = read_statement(given.sql, self._database.dialect)
        except InvalidInput as error:
            raise ConfigError(f"{key}.sql: {error.message}") from error
        undeclared = statement.parameters - given.parameters.keys() - {KEY}
        unused = given.parameters.keys() - statement.parameters
        if undeclared or unused:
            what = (
                f"uses :{min(undeclared)}, which is not declared"
                if undeclared
                else (f"does not use the parameter {min(unused)!r}")
            )
            raise ConfigError(f"{key}: the statement {what}.")
        required = [each for each, schema in given.parameters.items() if "default" not in schema]
        schema = {
            "type": "object",
            "properties": {each: dict(inner) for each, inner in given.parameters.items()},
            "required": required,
            "additionalProperties": False,
        }
        effect = given.effect or ("none" if statement.reads else "once")
        return FunctionTool(
            ToolSpec(name, given.description, schema),
            partial(self._run, statement, given.parameters),
            ToolPolicy(effect=effect),
        )

    async def _run(
        self,
        statement: Statement,
        parameters: Mapping[str, Mapping[str, Any]],
        arguments: Mapping[str, Any],
        context: ToolContext,
    ) -> ToolResult:
        values = {
            each: arguments.get(each, schema.get("default")) for each, schema in parameters.items()
        }
        if KEY in statement.parameters and KEY not in parameters:
            values[KEY] = context.key
        return await self._ran(
            partial(self._database.run, statement.sql, values, reads=statement.reads)
        )

    async def _ran(self, work: Callable[[], Rows]) -> ToolResult:
        try:
            found = await self._threaded(work)
        except SqlFailed as error:
            doubt = (
                " Whether it was done is not known." if error.unknown else " Nothing was changed."
            )
            return ToolResult(f"{error.message}{doubt}", failed=True, unknown=error.unknown)
        told: dict[str, Any] = {} if found.changed is None else {"changed": found.changed}
        if found.columns:
            told["columns"] = found.columns
        if found.rows or found.changed is None:
            told["rows"] = found.rows
        if found.more:
            told["more"] = "There are more rows: narrow the query down."
        nothing = not found.rows and not found.changed
        return ToolResult(as_text(told), missing=nothing, truncated=found.more)

    async def _threaded(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


@asynccontextmanager
async def open_sql(
    options: Mapping[str, Any], *, name: str, parts: ToolParts
) -> AsyncGenerator[Toolset]:
    """ConfigError for an address or a statement that is none."""
    settings = SqlOptions.model_validate(options)
    address = settings.url.get_secret_value()
    scheme = urlsplit(address).scheme
    if scheme not in DIALECTS:
        known: Sequence[str] = [f"{each}://" for each in DIALECTS]
        raise ConfigError(f"tools.{name}.url must begin with {' or '.join(known)}.")
    tables = frozenset(each.lower() for each in settings.tables)
    bounds = Bounds(settings.rows, settings.statement_seconds, tables)
    threads = ThreadPoolExecutor(settings.connections, thread_name_prefix=f"tools-{name}")
    try:
        with ExitStack() as stack:
            database = stack.enter_context(DATABASES.load(scheme)(address, bounds))
            yield SqlToolset(name, settings, database, threads)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
