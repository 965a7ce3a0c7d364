"""Conditions and order of a page of reviews as SQL."""

from collections.abc import Sequence
from typing import Any

from bedplate.domain.reviews import Review
from bedplate.reviews.protocol import ReviewQuery
from bedplate.reviews.rows import HIGHEST, micros
from bedplate.sql import places


def page(query: ReviewQuery, last: Review | None) -> tuple[str, Sequence[Any], str]:
    """What follows "WHERE tenant_id = ?", its values, and the order. `last` is of the page before."""
    clauses: list[str] = []
    values: list[Any] = []
    if query.states:
        clauses.append(f"state IN ({places(len(query.states))})")
        values += query.states
    if query.assignee == "":
        clauses.append("assignee IS NULL")
    exact = {
        "kind = ?": query.kind,
        "assistant = ?": query.assistant,
        "assignee = ?": query.assignee or None,
        "decided >= ?": None if query.since is None else micros(query.since),
    }
    for clause, value in exact.items():
        if value is not None:
            clauses.append(clause)
            values.append(value)
    order = "id DESC"
    if query.order == "queue":
        order = "rank, due, id"
        if last is not None:
            clauses.append("(rank, due, id) > (?, ?, ?)")
            values += [HIGHEST - last.request.priority, micros(last.due_at), last.id]
    elif last is not None:
        clauses.append("id < ?")
        values.append(last.id)
    return "".join(f" AND {clause}" for clause in clauses), values, order
