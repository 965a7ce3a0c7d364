"""What two requests must have in common to get the same answer."""

import hashlib
import re
from dataclasses import dataclass, replace

import msgspec

from bedplate.domain.chat import ChatRequest, ImagePart, Message
from bedplate.terms import analyse

_FIGURES = re.compile(r"\d+(?:[.,:/-]\d+)*")
NEGATIONS = re.compile(
    r"\b(?:no|not|never|none|nor|neither|without|except|unless|cannot|\w+n['\u2019]t"
    r"|nicht|kein\w*|nie|ohne|ne|pas|jamais|sans|sin|nunca|non|mai|senza)\b",
    re.IGNORECASE,
)
# Which and what ask alike; the stop list of the terms hides the others, and some of these too.
_CONTRASTS = re.compile(
    r"\b(?:who|whom|whose|where|when|why|how|before|after|until|since|first|last|most|least|more|less"
    r"|fewer|over|under|above|below|up|down|on|off|with|only|all|both|same|other|own"
    r"|min(?:imum)?|max(?:imum)?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AnswerKeys:
    """SHA-256 of all that shapes an answer, as `exact`; and, as `alike`, of that but the question
    and the passages found for it. None where questions of other words cannot be compared.
    """

    exact: bytes
    alike: bytes | None


def answer_keys(model: str, identity: str, request: ChatRequest) -> AnswerKeys:
    """`model` is what it is configured as, `identity` the name that it gives itself.

    Who asks is a part of both: tenants and assistants share nothing. Not the access key or run that
    it is for, nor the bill that it is put on, nor the deadline, nor whether it is read in pieces, nor
    what changes no answer.
    """
    account = replace(request.account, key=None, run=None, bill=None)
    whole = replace(
        request,
        deadline=None,
        whole_answer=False,
        unstreamed=None,
        sink=None,
        account=account,
        hints={},
    )
    return AnswerKeys(
        _hash(model, identity, whole),
        _hash(model, identity, _without_question(whole)) if _is_comparable(request) else None,
    )


def same_marks(one: str, other: str) -> bool:
    """Whether the words of two questions allow that they are one.

    They have the same figures, ask by the same word, contrast by the same ones, both or neither
    have a negation, and no word of either stands in place of one of the other: "plans under 50" and
    "plans under 500", "before the war" and "after the war", "a steam engine" and "a diesel engine"
    have nearly the same vector, and not the same answer.
    """
    if _marks(one) != _marks(other):
        return False
    words, others = set(analyse(one)), set(analyse(other))
    return words <= others or others <= words


def _marks(text: str) -> tuple[list[str], set[str], bool]:
    contrasts = {word.casefold() for word in _CONTRASTS.findall(text)}
    return sorted(_FIGURES.findall(text)), contrasts, NEGATIONS.search(text) is not None


def _is_comparable(request: ChatRequest) -> bool:
    """The question stands alone in the last message, and what passages are from is known."""
    if not request.messages or not request.question.strip():
        return False
    last = request.messages[-1]
    pictures = any(isinstance(part, ImagePart) for part in last.parts)
    known = bool(request.knowledge) or not request.passages
    return last.role == "user" and not pictures and known


def _without_question(request: ChatRequest) -> ChatRequest:
    messages = (*request.messages[:-1], Message("user", ""))
    return replace(request, messages=messages, passages=(), asked="", whole="")


def _hash(model: str, identity: str, request: ChatRequest) -> bytes:
    shape = msgspec.msgpack.encode((model, identity, request), order="deterministic")
    return hashlib.sha256(shape).digest()
