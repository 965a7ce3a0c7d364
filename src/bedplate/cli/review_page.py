"""A review as a person reads it: what was asked and said, what is wrong with it, and by what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from bedplate.cli.screen import one_line, plain, value_text

if TYPE_CHECKING:
    from bedplate.domain.reviews import Review

MOST_PASSAGE = 1_500
"""Characters shown of a passage; `--json` has all."""


def lines(review: Review) -> Iterator[str]:
    request, decision = review.request, review.decision
    yield f"{request.kind} {review.id}: {review.state}"
    if decision is not None:
        why = f": {decision.reason}" if decision.reason else ""
        yield f"{decision.verdict} by {decision.by}{why}"
    else:
        whose = f", kept for {review.assignee}" if review.assignee else ""
        yield (
            f"priority {request.priority}, due {review.due_at:%Y-%m-%d %H:%M} UTC, "
            f"then {request.default}{whose}"
        )
    if review.delivery != "none":
        yield f"webhook: {review.delivery}"
    yield from _labels(review)
    yield from _answer(request.subject) if request.kind == "answer" else _fields(request.subject)
    if decision is not None and decision.value is not None:
        yield from ("", "Decided instead:", f"  {value_text(decision.value)}")
    facts = (request.assistant, request.trace)
    named = [
        f"{name} {fact}" for name, fact in zip(("assistant", "trace"), facts, strict=True) if fact
    ]
    if named:
        yield from ("", ", ".join(named))


def _labels(review: Review) -> Iterator[str]:
    for name, value in review.labels.items():
        yield f"{name}: {value_text(value)}"


def _answer(subject: Mapping[str, Any]) -> Iterator[str]:
    for title in ("question", "answer"):
        if text := subject.get(title):
            yield from ("", f"{title.capitalize()}:", f"  {text}")
    if claims := _rows(subject, "claims"):
        yield from ("", "Claims:")
        for number, claim in enumerate(claims, 1):
            yield from _claim(number, claim)
    other = [each for each in _rows(subject, "failures") if not each.get("claim")]
    if other:
        yield from ("", "Also wrong:")
        yield from (f"  {each.get('rule')}: {each.get('message')}" for each in other)
    if passages := _rows(subject, "passages"):
        yield from ("", "Passages:")
        for number, passage in enumerate(passages, 1):
            about = passage.get("title") or passage.get("source") or ""
            yield "  " + one_line(f"[{passage.get('number', number)}] {about}")
            yield f"    {_cut(str(passage.get('text', '')))}".replace("\n", "\n    ")
    yield from _fields(
        subject, without=("question", "answer", "claims", "failures", "passages", "citations")
    )


def _claim(number: int, claim: Mapping[str, Any]) -> Iterator[str]:
    mark = "carried" if claim.get("supported") else "NOT CARRIED"
    score = claim.get("score")
    told = f" ({score:.2f})" if isinstance(score, int | float) else ""
    wrong = claim.get("mismatches") or ()
    differs = f"; differs in {', '.join(map(str, wrong))}" if wrong else ""
    yield "  " + one_line(f"{number}. {mark}{told}{differs}: {claim.get('text', '')}")
    evidence = claim.get("evidence")
    if isinstance(evidence, Mapping):
        near = cast("Mapping[str, Any]", evidence)
        yield "     " + one_line(f"[{near.get('passage')}] says: {near.get('text', '')}")


def _fields(subject: Mapping[str, Any], without: Sequence[str] = ()) -> Iterator[str]:
    found = {
        name: value for name, value in subject.items()
        if name not in without and value not in (None, "", [], {})
    }  # fmt: skip
    if found:
        yield ""
        yield from (f"{name}: {value_text(value)}" for name, value in found.items())


def _rows(subject: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """What a client put there may be anything."""
    found = subject.get(name)
    rows = cast("list[Any]", found) if isinstance(found, list) else []
    return [
        cast("Mapping[str, Any]", each) if isinstance(each, dict) else {"text": each}
        for each in rows
    ]


def _cut(text: str) -> str:
    return text if len(text) <= MOST_PASSAGE else f"{text[:MOST_PASSAGE]} …"


def page(review: Review) -> str:
    """All of it, fit for a terminal."""
    return "\n".join(plain(line) for line in lines(review))
