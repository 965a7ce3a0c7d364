"""An answer that says one thing and its opposite.

Two claims of one line contradict each other where they use the same terms and differ in their only
number, in their date or in a "not". Lists, rows and paragraphs stand under headings of their own and
are not compared; neither are claims that cite different sources, whose contradiction is told as one
of the sources.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

from bedplate.domain.answers import Claim
from bedplate.domain.checks import Failure
from bedplate.markers import without_markers
from bedplate.rag.checks.conflicts import differs
from bedplate.rag.checks.facts import Said, read_sentence

LEAST_TERMS = 3
MOST_CLAIMS = 60
"""Of one line that are compared."""

_WHAT = {"number": "with another number", "date": "with another date", "negation": "the other way"}


def inconsistent(text: str, claims: Sequence[Claim]) -> Iterator[Failure]:
    """Of each two claims that contradict each other the one that its sources carry less; of two
    that they carry alike the later one.
    """
    told: set[str] = set()
    for line in without_markers(text).splitlines():
        here = [claim for claim in claims if claim.text and claim.text in line][:MOST_CLAIMS]
        if len(here) < 2:
            continue
        read = [(claim, read_sentence(claim.text)) for claim in here]
        for (one, ours), (other, theirs) in combinations(read, 2):
            if (failure := _against(one, ours, other, theirs)) and failure.claim not in told:
                told.add(failure.claim)
                yield failure


def _against(one: Claim, ours: Said, other: Claim, theirs: Said) -> Failure | None:
    if ours.terms != theirs.terms or len(ours.terms) < LEAST_TERMS:
        return None
    if ours.subjectless or theirs.subjectless or max(len(ours.numbers), len(theirs.numbers)) > 1:
        return None
    if one.cited and other.cited and set(one.cited).isdisjoint(other.cited):
        return None
    if (about := differs(ours, theirs)) is None:
        return None
    weaker, against = (one, other) if one.score < other.score else (other, one)
    return Failure(
        "consistency",
        f"The answer also says this {_WHAT[about]}: {against.text!r:.300}",
        weaker.text,
    )
