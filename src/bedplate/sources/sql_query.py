"""The SQL that a table or a query is listed and read with. Values are always bound."""

import re
from collections.abc import Callable, Sequence

from bedplate.errors import ConfigError

# Strings, names and comments, in which a semicolon means nothing; of all three databases.
_QUOTED = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/""", re.S
)
_FIRST_WORD = re.compile(r"(?i)\s*(?:select|with|values|table)\b")
_ESCAPES = re.compile(r"(?i)(?<!\w)e'")

Quote = Callable[[str], str]


def relation_of(query: str, name: str) -> str:
    """A query as it may stand behind FROM; ConfigError for what is not one SELECT."""
    whole = query.strip().rstrip(";").rstrip()
    bare = _QUOTED.sub(lambda found: "''" if found[0][0] in "'\"`$" else " ", whole)
    if not _FIRST_WORD.match(bare):
        raise ConfigError(f"The query of source {name!r} must begin with SELECT or WITH.")
    # Strings with escapes end elsewhere than they seem to.
    if ";" in bare or "?" in whole or _ESCAPES.search(whole) or not _is_balanced(bare):
        raise ConfigError(
            f"The query of source {name!r} must be a single statement without ';', '?' and "
            "strings such as E'...', its brackets closed."
        )
    # On a line of its own, in case it ends with a comment.
    return f"({whole}\n)"


def table_of(table: str, quoted: Quote) -> str:
    """A table's name, with its schema's before a dot where it has one."""
    return ".".join(quoted(part) for part in table.split("."))


def select(
    relation: str,
    columns: Sequence[str],
    equal: Sequence[str],
    quoted: Quote,
    *,
    order: str | None = None,
    least: bool = False,
) -> str:
    """The columns of the rows in which other columns are equal to the parameters, in order.

    With `order` they come by that column, and with `least` only those that have the last parameter
    in it or more.
    """
    wanted = ", ".join(f"q.{quoted(column)}" for column in columns)
    conditions = [f"q.{quoted(column)} = ?" for column in equal]
    end = ""
    if order is not None:
        end = f" ORDER BY q.{quoted(order)}"
        conditions += [f"q.{quoted(order)} >= ?"] * least
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {wanted} FROM {relation} AS q{where}{end}"  # noqa: S608 - names are quoted


def newest(relation: str, column: str, equal: Sequence[str], quoted: Quote) -> str:
    """The highest value of a column among the rows that `select` gives."""
    name = f"q.{quoted(column)}"
    conditions = [f"q.{quoted(each)} = ?" for each in equal]
    where = " AND ".join([*conditions, f"{name} IS NOT NULL"])
    return f"SELECT {name} FROM {relation} AS q WHERE {where} ORDER BY {name} DESC LIMIT 1"  # noqa: S608 - names are quoted


def _is_balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0
