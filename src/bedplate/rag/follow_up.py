"""Follow-up questions made whole for the search, by rule: "And in winter?" names no subject.

A question that points back ("it", "those", "what about", "another one"), or that has hardly any
words of its own, is searched for together with what the user said before. Pointing words are those
of English; in other languages only very short questions are completed.
"""

import re
from collections.abc import Sequence

from bedplate.domain.chat import Message
from bedplate.terms import analyse

MOST_TURNS = 2
"""Turns carried over: a second one where the first is itself a follow-up."""
FEW_TERMS = 3
"""A question with so many terms or fewer is taken for a follow-up."""
LONGEST_FOLLOW_UP = 400
LONGEST_TURN = 500
"""Characters; of a longer turn the beginning is carried over."""

_YEAR = re.compile(r"(?:\b(?:in|for|during|of|from|since)\s+)?\b(?:1[0-9]|20)\d\d\b", re.IGNORECASE)
_POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|theirs?|he|him|his|she|hers?|this|these|those|there|ones?|another|such"
    r"|else|instead|more|again|also|too|either|as well|mentioned|earlier|previous(?:ly)?|you said"
    r"|the (?:same|others?|former|latter|above|first|second|last|next|previous)"
    r"|(?:is|are|was|were|does|do|did|can|could|would|will|about|like|of|for|after|before|than|with"
    r"|from|in|on|to|by|at|and) that"
    r"|that (?:is|was|means?|one|way|case))\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\W*(?:(?:ok|okay|thanks|thank you|i see|got it|great|good|well|hmm|alright|right|yes|no|yeah"
    r"|sure|wow|interesting)\b\W*){0,3}"
    r"(?:and|but|or|so|then|any|like|meaning|for example|which one|(?:what|how) (?:about|if|so|come)"
    r"|why not|why(?=\W*$))\b",
    re.IGNORECASE,
)


def search_text(question: str, history: Sequence[Message]) -> str:
    """What to search for: the question itself, or the user's turns it leans on and it twice.

    Twice, so that words that were carried over weigh less than its own. Answers are not carried
    over: they hold more words than subject.
    """
    carried = _carried(question, history)
    return "\n".join([*carried, question, question]) if carried else question


def whole_question(question: str, history: Sequence[Message]) -> str:
    """The user's turns that a question leans on and it, as one question; empty where it leans on
    none. A year that it names stands in for those named before.
    """
    carried = _carried(question, history)
    if _YEAR.search(question):
        carried = [_YEAR.sub(" ", turn) for turn in carried]
    # The marks within would make several questions of it.
    parts = [turn.strip().rstrip("?.! ") for turn in carried]
    return "\n".join([*parts, question]) if any(parts) else ""


def _carried(question: str, history: Sequence[Message]) -> list[str]:
    if not _leans_back(question):
        return []
    carried: list[str] = []
    for message in reversed(history):
        if message.role != "user" or not analyse(message.content[:LONGEST_TURN]):
            continue
        carried.insert(0, message.content[:LONGEST_TURN])
        if len(carried) == MOST_TURNS or not _leans_back(message.content):
            break
    return carried


def _leans_back(question: str) -> bool:
    if len(question) > LONGEST_FOLLOW_UP:
        return False
    return (
        len(set(analyse(question))) <= FEW_TERMS
        or _POINTS_BACK.search(question) is not None
        or _GOES_ON.match(question) is not None
    )
