"""Filters made fit for a store: what it cannot express becomes a list of documents."""

from collections.abc import Awaitable, Callable

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, Related
from bedplate.domain.ids import DocumentId
from bedplate.errors import BadFilter
from bedplate.stores.protocol import Abilities

Find = Callable[[Filter, int], Awaitable[tuple[DocumentId, ...]]]
"""Documents that pass, at most so many."""


async def lower(filter: Filter, abilities: Abilities, find: Find) -> Filter:
    """The same condition in terms that the store has.

    Raises:
        BadFilter: a part that the store cannot express passes more documents than it takes ids.
    """
    match filter:
        case And(clauses):
            return And([await lower(clause, abilities, find) for clause in clauses])
        case Or(clauses):
            return Or([await lower(clause, abilities, find) for clause in clauses])
        case Not(clause):
            return Not(await lower(clause, abilities, find))
        case Documents():
            return filter
        case Comparison():
            return filter if abilities.compares(filter) else await _listed(filter, abilities, find)
        case Related():
            return filter if abilities.tables else await _listed(filter, abilities, find)


async def _listed(leaf: Comparison | Related, abilities: Abilities, find: Find) -> Documents:
    most = abilities.most_documents
    found = await find(leaf, most + 1)
    if len(found) > most:
        param, condition = _shown(leaf)
        raise BadFilter(
            f"{param}: {condition} cannot be expressed in this store and passes more than "
            f"the {most:,} documents whose ids it takes; narrow it, or use the store that searches "
            "the catalog itself (sqlite or pgvector).",
            param=param,
        )
    return Documents(found)


def _shown(leaf: Comparison | Related) -> tuple[str, str]:
    match leaf:
        case Comparison(field, operator, value):
            return "filter", f"the condition on {field!r} ({operator} {str(value)[:60]})"
        case Related(table):
            return "join", f"the condition on the table {table.name!r}"
