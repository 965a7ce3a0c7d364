"""Filters as Milvus expressions over `facts` and `document`.

The only literals are numbers of `facts.py` and hexadecimal hashes, so that no value, name or id of
a caller is ever part of an expression. Milvus's templates would serve; milvus-lite has none.
"""

from collections.abc import Iterable, Sequence

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or, Related
from bedplate.stores.facts import facts_wanted
from bedplate.stores.keys import document_key

NOTHING = 'document == ""'


def expression(filter: Filter) -> str:
    """True for the rows that pass; NOT meets no null, because no field is nullable."""
    match filter:
        case Related():
            raise AssertionError("a store without tables is given documents in their place")
        case Comparison():
            facts, negated = facts_wanted(filter)
            found = (
                f"array_contains_any(facts, [{', '.join(map(str, facts))}])" if facts else NOTHING
            )
            return f"not ({found})" if negated else found
        case Documents(ids):
            return of_documents(document_key(document) for document in ids)
        case Not(clause):
            return f"not ({expression(clause)})"
        case And(clauses):
            return _joined(" and ", clauses) or f"not ({NOTHING})"
        case Or(clauses):
            return _joined(" or ", clauses) or NOTHING


def of_documents(keys: Iterable[str]) -> str:
    listed = ", ".join(f'"{key}"' for key in keys)
    return f"document in [{listed}]" if listed else NOTHING


def _joined(word: str, clauses: Sequence[Filter]) -> str:
    return word.join(f"({expression(clause)})" for clause in clauses)
