"""Whether an answer says what only the older of two contradicting passages says."""

import re
from collections.abc import Iterator, Sequence

from bedplate.domain.answers import Claim, Conflict
from bedplate.domain.checks import Failure
from bedplate.markers import without_markers

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def outdated(
    conflicts: Sequence[Conflict], text: str, claims: Sequence[Claim]
) -> Iterator[Failure]:
    """Claims, or the text where there are none, with a figure of the older side and none of the
    newer one's.
    """
    for each in conflicts:
        if each.newer is None or each.about == "negation":
            continue
        old, new = sorted(each.sides, key=lambda side: side.citation.marker == each.newer)
        gone = _numbers(old.citation.quote) - _numbers(new.citation.quote)
        holds = _numbers(new.citation.quote) - _numbers(old.citation.quote)
        if not gone or _numbers(text) & holds:
            continue
        for claim in claims or (Claim(text, supported=True, score=1.0),):
            if gone <= _numbers(claim.text) and old.citation.marker in text:
                yield Failure(
                    "freshness",
                    f"{new.citation.marker} is newer than {old.citation.marker} and says otherwise.",
                    claim.text if claims else "",
                )
                break


def _numbers(text: str) -> frozenset[str]:
    return frozenset(_NUMBER.findall(without_markers(text)))
