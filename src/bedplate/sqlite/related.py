"""Conditions on business tables as SQL: a query for the documents that their rows belong to.

Names come from the configuration and are quoted; values are bound, as everywhere.
"""

import json
from pathlib import Path

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, Related
from bedplate.domain.tables import DOCUMENT_ID, BusinessTable

SYMBOLS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

# The rows that pass are read first and their documents looked up, whatever the planner thinks
# (CROSS JOIN: https://www.sqlite.org/optoverview.html#crossjoin): it has no statistics, and the
# other order may compare every row with every document.
# Key and value are equal as numbers where both are numbers, and as text otherwise. `f.value = t.key`
# would read "0012" as 12 where the key's column is of a numeric type; the plus takes that away.
# https://www.sqlite.org/datatype3.html#type_conversions_prior_to_comparison
BY_TEXT = """
SELECT f.document AS document FROM {table} t CROSS JOIN main.field f
WHERE f.collection_id = ? AND f.name = ? AND f.kind = 'string'
  AND f.value = +CAST(t.{key} AS TEXT) AND {where}
"""
BY_NUMBER = """
SELECT f.document AS document FROM {table} t CROSS JOIN main.field f
WHERE f.collection_id = ? AND f.name = ? AND f.kind = 'number'
  AND f.value = +CAST(t.{key} AS NUMERIC) AND (
    typeof(t.{key}) IN ('integer', 'real')
    OR CAST(f.value AS TEXT) COLLATE BINARY = CAST(t.{key} AS TEXT)
  ) AND {where}
"""
BY_ID = """
SELECT d.id AS document FROM {table} t CROSS JOIN main.document d
WHERE d.collection_id = ? AND d.document_id = CAST(t.{key} AS TEXT) AND {where}
"""
# Not by the column's own collation or type: tenants "a" and "A" are two, and so are "7" and "07".
# The list before is for an index.
TENANT = """
  t.{tenant} IN (SELECT tenant_id FROM main.collection WHERE id = ? UNION ALL
                 SELECT CAST(tenant_id AS NUMERIC) FROM main.collection WHERE id = ?)
  AND CAST(t.{tenant} AS TEXT) COLLATE BINARY
    = (SELECT tenant_id FROM main.collection WHERE id = ?)
  AND """


def compile_related(related: Related, collection: int) -> tuple[str, list[object]]:
    """A query for `document` of the rows that the conditions leave, and its values.

    The tenant is the collection's own.
    """
    table = related.table
    where, values = _compile(related.conditions)
    where = f"({where})"
    if table.tenant_column is not None:
        where = TENANT.format(tenant=quoted(table.tenant_column)) + where
        values = [collection] * 3 + values
    by_id = table.field == DOCUMENT_ID
    values = [collection, *([] if by_id else [table.field]), *values]
    queries = [
        query.format(
            table=f"{schema_of(table)}.{quoted(table.table)}", key=quoted(table.key), where=where
        )
        for query in ([BY_ID] if by_id else [BY_TEXT, BY_NUMBER])
    ]
    return " UNION ALL ".join(queries), values * len(queries)


def schema_of(table: BusinessTable) -> str:
    """The schema that holds the table, quoted: an attached file is called by its path."""
    return quoted("main" if table.database is None else str(table.database))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def files_of(filter: Filter | None) -> frozenset[Path]:
    """The other SQLite files that a filter reads."""
    match filter:
        case Related(table):
            return frozenset() if table.database is None else frozenset({table.database})
        case Not(clause):
            return files_of(clause)
        case And(clauses) | Or(clauses):
            return frozenset[Path]().union(*map(files_of, clauses))
        case Comparison() | Documents() | None:
            return frozenset()


def _compile(condition: Filter) -> tuple[str, list[object]]:
    match condition:
        case Comparison():
            return _compile_comparison(condition)
        case Not(clause):
            sql, values = _compile(clause)
            return f"NOT ({sql})", values
        case And(clauses) | Or(clauses):
            parts = [_compile(clause) for clause in clauses]
            word = " AND " if isinstance(condition, And) else " OR "
            joined = word.join(f"({sql})" for sql, _ in parts)
            return joined or str(int(isinstance(condition, And))), [
                value for _, values in parts for value in values
            ]
        case Documents() | Related():
            raise AssertionError("conditions on a business table compare its columns")


def _compile_comparison(comparison: Comparison) -> tuple[str, list[object]]:
    column = f"t.{quoted(comparison.field)}"
    match comparison.operator:
        case "exists":
            return f"{column} IS {'NOT ' if comparison.value else ''}NULL", []
        case "in" | "nin":
            word = "IN" if comparison.operator == "in" else "NOT IN"
            listed = json.dumps(comparison.value)
            return f"{column} {word} (SELECT value FROM json_each(?))", [listed]  # noqa: S608
        case operator:
            return f"{column} {SYMBOLS[operator]} ?", [comparison.value]
