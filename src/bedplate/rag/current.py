"""What holds now: of several versions of a document the newest one, unless the past is asked for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bedplate.domain.filters import And, Comparison, Documents, Filter, Not, Or
from bedplate.domain.ids import DocumentId
from bedplate.domain.profiles import Relations
from bedplate.domain.retrieval import Hit
from bedplate.rag.recency import DATE_FIELDS

_PAST = re.compile(
    r"\b(?:(?:19|20)\d\d|previous(?:ly)?|former(?:ly)?|earlier|older|original(?:ly)?|historic\w*"
    r"|history|past|used to|back then|at (?:the|that) time|last (?:year|month|quarter)"
    r"|(?:a|one|two|three|\d+) (?:year|month|week)s? ago|superseded|outdated|obsolete|archived?"
    r"|old (?:version|policy|rule|price|edition|one)s?|versions?|changed?|changes|differ\w*"
    r"|compare[ds]?|comparison|over time|no longer|früher\w*|ehemals|bisher\w*|vorher\w*|damals"
    r"|vergangen\w*|geändert|änderung(?:en)?|unterschied\w*|letzte[sn] (?:jahr|monat)\w*)\b",
    re.IGNORECASE,
)


def asks_for_past(question: str) -> bool:
    """Whether the question names a year, looks back, or asks what has changed."""
    return _PAST.search(question) is not None


def names_time(filter: Filter | None) -> bool:
    """Whether a condition chooses documents by their date, or one by one."""
    match filter:
        case Comparison(field=field, kind=kind):
            return kind == "date" or field in DATE_FIELDS
        case And(clauses=clauses) | Or(clauses=clauses):
            return any(names_time(clause) for clause in clauses)
        case Not(clause=clause):
            return names_time(clause)
        case Documents():
            return True
        case _:
            return False


def related_hits(hits: Sequence[Hit], relations: Mapping[DocumentId, Relations]) -> list[Hit]:
    """The hits with what is known of their documents' versions."""
    nothing = Relations()
    return [
        replace(hit, valid_from=found.valid_from, superseded_by=found.superseded_by)
        for hit in hits
        for found in [relations.get(hit.document_id, nothing)]
    ]


def in_force(hits: Sequence[Hit]) -> list[Hit]:
    """The hits without those of superseded documents; all of them where nothing else is left."""
    kept = [hit for hit in hits if hit.superseded_by is None]
    return kept or list(hits)
