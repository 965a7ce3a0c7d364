"""How many documents can pass a filter at most, told from metadata and business tables alone."""

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, Related
from bedplate.postgres.database import Connection, select_one
from bedplate.postgres.filters import compile_leaf

MOST_LOOKUPS = 8
"""Clauses of a conjunction that are counted; one that few pass is usually among the first."""


def most_passing(
    db: Connection, filter: Filter, collection: int, *, documents: int, enough: int
) -> int:
    """At most how many of the collection's `documents` pass; from `enough` on it may be any bound.

    It costs at most an index scan of `enough` entries a clause, where counting what really passes
    would have to join all of it. What it cannot tell passes everywhere, as far as it knows.
    """
    match filter:
        case Comparison() | Documents() | Related():
            rows, values, negated = compile_leaf(filter, collection)
            if negated:
                return documents
            sql = f"SELECT count(*) FROM (SELECT FROM ({rows}) r LIMIT %s) x"  # noqa: S608
            row = select_one(db, sql, [*values, enough])
            return min(documents, int(row[0])) if row else 0
        case Not():
            return documents
        case And(clauses):
            least = documents
            for clause in clauses[:MOST_LOOKUPS]:
                passing = most_passing(
                    db, clause, collection, documents=documents, enough=enough
                )  # fmt: skip
                least = min(least, passing)
                if least < enough:
                    break
            return least
        case Or(clauses):
            total = 0
            for clause in clauses:
                total += most_passing(
                    db, clause, collection, documents=documents, enough=enough
                )  # fmt: skip
                if total >= enough:
                    break
            return min(total, documents)
