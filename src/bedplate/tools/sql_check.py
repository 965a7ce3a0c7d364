"""What a statement of SQL is and touches, read by sqlglot before a database sees it.

It is the first of two lines: the database itself is opened so that it can only read.
"""

import logging
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from bedplate.errors import InvalidInput

MOST_CHARACTERS = 20_000
SYSTEM = ("pg_", "information_schema", "sqlite_")
"""What names of a database's own tables and schemas begin with."""

FUNCTIONS = frozenset(
    {
        "age", "btrim", "char_length", "char", "chr", "date", "datetime", "format", "generate_series",
        "glob", "ifnull", "iif", "initcap", "instr", "isfinite", "json", "json_array",
        "json_array_elements", "json_array_elements_text", "json_array_length", "json_each",
        "json_object_keys", "json_type", "json_typeof", "json_valid", "jsonb_array_elements",
        "jsonb_array_elements_text", "jsonb_array_length", "jsonb_each", "jsonb_each_text",
        "jsonb_object_keys", "jsonb_typeof", "julianday", "justify_days", "justify_hours",
        "justify_interval", "like", "ltrim", "make_date", "make_interval", "make_time",
        "make_timestamp", "nullif", "octet_length", "percent_rank", "printf", "quote_literal",
        "regexp_match", "regexp_matches", "regexp_replace", "regexp_split_to_array",
        "regexp_split_to_table", "rtrim", "similarity", "sqlite_version", "strftime", "strpos",
        "time", "timeofday", "timezone", "to_date", "to_number", "to_timestamp", "to_tsquery",
        "to_tsvector", "total", "total_changes", "translate", "trunc", "ts_rank", "typeof",
        "unicode", "unixepoch", "unistr", "word_similarity", "websearch_to_tsquery",
    }
)  # fmt: skip
"""Of those that sqlglot has no meaning for, the ones that only reckon."""

_WRITES = (
    exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop, exp.Alter, exp.Into,
    exp.Lock, exp.Command, exp.Pragma, exp.Attach, exp.Detach, exp.Copy, exp.Set, exp.Transaction,
    exp.Commit, exp.Rollback, exp.TruncateTable, exp.Use, exp.Kill, exp.LoadData,
)  # fmt: skip
_CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# It warns of what it cannot read; here that is refused.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Statement:
    """`parameters` are named as in `:name`. `reads`: it is a query, and changes nothing."""

    sql: str
    reads: bool
    parameters: frozenset[str]


def check_query(
    sql: str, dialect: str, *, tables: Collection[str] = (), functions: Collection[str] = ()
) -> str:
    """The query as it may be run, without a semicolon; InvalidInput says what it may not.

    `tables` are those it may name, any but the database's own where there are none; `functions` are
    further ones that it may call.
    """
    tree = _single(sql, dialect)
    if not isinstance(tree, exp.Query):
        raise InvalidInput(f"Only a query may be run, such as SELECT; this is {_kind(tree)}.")
    for node in tree.find_all(*_WRITES):
        raise InvalidInput(f"Only a query may be run; this one holds {_kind(node)}.")
    _check_tables(tree, {each.lower() for each in tables})
    allowed = FUNCTIONS | {each.lower() for each in functions}
    for function in tree.find_all(exp.Anonymous, exp.AnonymousAggFunc):
        if function.name.lower() not in allowed:
            raise InvalidInput(f"The function {function.name} may not be called.")
    for parameter in tree.find_all(exp.Placeholder, exp.Parameter):
        raise InvalidInput(f"Write values in place of the parameter {parameter.sql()}.")
    return sql.strip().rstrip(";").rstrip()


def read_statement(sql: str, dialect: str) -> Statement:
    """One that the set-up wrote: a query, an INSERT, an UPDATE, a DELETE or a MERGE."""
    tree = _single(sql, dialect)
    changes = isinstance(tree, _CHANGES) or any(True for _ in tree.find_all(*_CHANGES))
    if not (changes or isinstance(tree, exp.Query)):
        raise InvalidInput(f"it is {_kind(tree)}, not a query, INSERT, UPDATE, DELETE or MERGE.")
    names = frozenset(str(each.this) for each in tree.find_all(exp.Placeholder) if each.this)
    return Statement(sql.strip().rstrip(";").rstrip(), not changes, names)


def _single(sql: str, dialect: str) -> exp.Expr:
    if len(sql) > MOST_CHARACTERS:
        raise InvalidInput(f"The SQL has over {MOST_CHARACTERS:,} characters.")
    try:
        read: Sequence[exp.Expr | None] = sqlglot.parse(sql, read=dialect)
    except (SqlglotError, RecursionError) as error:
        said = " ".join(_COLOUR.sub("", str(error)).split())[:300]
        raise InvalidInput(
            f"The SQL cannot be read: {said or 'it is nested too deeply'}."
        ) from error
    found = [tree for tree in read if tree is not None]
    if len(found) != 1:
        raise InvalidInput(f"Write one statement; these are {len(found)}.")
    return found[0]


def _check_tables(tree: exp.Expr, allowed: Collection[str]) -> None:
    local = {each.alias_or_name.lower() for each in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        name, schema = table.name.lower(), table.db.lower()
        if not name or (not schema and name in local):
            continue
        whole = f"{schema}.{name}" if schema else name
        if allowed and whole not in allowed:
            raise InvalidInput(
                f"There is no table {whole}. There are: {', '.join(sorted(allowed))}."
            )
        if not allowed and (name.startswith(SYSTEM) or schema.startswith(SYSTEM)):
            raise InvalidInput(f"The table {whole} is the database's own, and may not be read.")


def _kind(tree: exp.Expr) -> str:
    return tree.key.upper()
