"""Filters as SQL over the catalog's tables, with every value bound."""

import json

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, Related
from bedplate.sqlite.related import compile_related

SYMBOLS = {"eq": "=", "ne": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}

Condition = tuple[str, list[object]]
Leaf = Comparison | Documents | Related


def compile_filter(filter: Filter, collection: int) -> Condition:
    """A condition on `d.id`, a row of `document`, and the values to bind to it, in order."""
    match filter:
        case Comparison() | Documents() | Related():
            rows, values, negated = compile_leaf(filter, collection)
            return f"d.id {'NOT IN' if negated else 'IN'} ({rows})", values
        case Not(clause):
            sql, values = compile_filter(clause, collection)
            return f"NOT ({sql})", values
        case And(clauses) | Or(clauses):
            parts = [compile_filter(clause, collection) for clause in clauses]
            word = " AND " if isinstance(filter, And) else " OR "
            # An empty AND holds everywhere, an empty OR nowhere.
            joined = word.join(f"({sql})" for sql, _ in parts) or str(int(isinstance(filter, And)))
            return joined, [value for _, values in parts for value in values]


def compile_leaf(leaf: Leaf, collection: int) -> tuple[str, list[object], bool]:
    """A query for `document` of the rows that meet it, its values, and whether all but those pass."""
    match leaf:
        case Comparison():
            return _compile_comparison(leaf, collection)
        case Documents(ids):
            rows = (
                "SELECT id AS document FROM document WHERE collection_id = ?"
                " AND document_id IN (SELECT value FROM json_each(?))"
            )
            return rows, [collection, json.dumps(ids)], False
        case Related():
            return *compile_related(leaf, collection), False


def _compile_comparison(comparison: Comparison, collection: int) -> tuple[str, list[object], bool]:
    values: list[object] = [collection, comparison.field]
    test = ""
    match comparison.operator:
        case "exists":
            negated = not comparison.value
        case "in" | "nin":
            members = comparison.value if isinstance(comparison.value, tuple) else ()
            # One value to bind: SQLite takes 32,766 in a statement, fewer than a filter may hold.
            test = " AND kind = ? AND value IN (SELECT value FROM json_each(?))"
            values += [comparison.kind, json.dumps(members)]
            negated = comparison.operator == "nin"
        case operator:
            test = f" AND kind = ? AND value {SYMBOLS[operator]} ?"
            values += [comparison.kind, comparison.value]
            negated = operator == "ne"
    rows = f"SELECT document FROM field WHERE collection_id = ? AND name = ?{test}"  # noqa: S608
    return rows, values, negated
