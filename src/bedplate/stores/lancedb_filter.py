"""Filters as DataFusion SQL over `facts` and `document`, which binds no values.

The only literals are numbers of `facts.py` and hexadecimal hashes, so that no value, name or id of
a caller is ever part of the SQL. NOT stands at the leaves alone: nested, it takes the parser time
that doubles with each level.
"""

from collections.abc import Iterable, Sequence

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, Related
from bedplate.stores.facts import facts_wanted
from bedplate.stores.keys import document_key


def condition(filter: Filter, *, negated: bool = False) -> str:
    """True for the rows that pass, or for the others; no column is null."""
    match filter:
        case Related():
            raise AssertionError("a store without tables is given documents in their place")
        case Comparison():
            facts, none_of = facts_wanted(filter)
            if not facts:
                return str(negated != none_of).lower()
            found = f"array_has_any(facts, [{', '.join(map(str, facts))}])"
            return found if negated == none_of else f"NOT {found}"
        case Documents(ids):
            return of_documents((document_key(document) for document in ids), negated=negated)
        case Not(clause):
            return condition(clause, negated=not negated)
        case And(clauses):
            return _joined(clauses, every=not negated, negated=negated)
        case Or(clauses):
            return _joined(clauses, every=negated, negated=negated)


def of_documents(keys: Iterable[str], *, negated: bool = False) -> str:
    listed = ", ".join(f"'{key}'" for key in keys)
    if not listed:
        return str(negated).lower()
    return f"document {'NOT ' * negated}IN ({listed})"


def _joined(clauses: Sequence[Filter], *, every: bool, negated: bool) -> str:
    """Of nothing, AND holds everywhere and OR nowhere."""
    parts = [condition(clause, negated=negated) for clause in clauses]
    if len(parts) < 2:
        return parts[0] if parts else str(every).lower()
    return f"({(' AND ' if every else ' OR ').join(parts)})"
