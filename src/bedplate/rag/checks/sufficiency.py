"""Whether the passages suffice, and what is said where they do not."""

from collections.abc import Sequence

from bedplate.domain.answers import REFUSAL
from bedplate.domain.chat import Passage
from bedplate.domain.checks import Check, Checked, Failure
from bedplate.rag.checks.outcome import Outcome, instead

MOST_TITLES = 3
LONGEST_TITLE = 100
ASK_BACK = "The sources that were found do not say enough to answer this. What exactly do you mean?"


def insufficient(check: Check, score: float, passages: Sequence[Passage]) -> Outcome:
    """What is said in place of an answer that no model was asked for."""
    failure = Failure(
        "sufficiency",
        f"The passages hold the answer with a chance of {score:.2f}; {check.sufficiency:.2f} is "
        "wanted.",
    )
    if check.short == "ask_back":
        return instead(_asked_back(passages), Checked("asked_back", (failure,), tries=0))
    return instead(REFUSAL, Checked("refused", (failure,), tries=0))


def _asked_back(passages: Sequence[Passage]) -> str:
    titles = [" ".join(p.hit.title.split())[:LONGEST_TITLE] for p in passages]
    known = list(dict.fromkeys(filter(None, titles)))[:MOST_TITLES]
    return f"{ASK_BACK} They speak of: {'; '.join(known)}." if known else ASK_BACK
