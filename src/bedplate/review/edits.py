"""A reviewer's edit is held to what a model's own answer is held to."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

from bedplate.domain.accounts import Account
from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    Message,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from bedplate.domain.reviews import Review
from bedplate.errors import GuardBlocked, InvalidInput, TooLarge
from bedplate.guards.protocol import CallGuard, GuardedCall, InjectionGuard
from bedplate.markers import cited

MOST_CHARACTERS = 100_000
EDITOR = "review"
"""What guards take for the name of the model."""

OnInjection = Literal["refuse", "flag"]
Misfits = Callable[[str, Mapping[str, Any]], Sequence[str]]
"""Where and how a text is not JSON of a schema; empty where it is. InvalidInput for a schema that is
none."""


class Edits:
    """`calls` stands around models; None where none does. `injection` looks at every edit, `misfits`
    at those of answers in JSON.
    """

    def __init__(
        self,
        calls: CallGuard | None,
        injection: InjectionGuard,
        misfits: Misfits,
        *,
        on_injection: OnInjection = "refuse",
    ) -> None:
        self._misfits = misfits
        self._calls = calls
        self._injection = injection
        self._on_injection: OnInjection = on_injection

    async def check(self, review: Review, value: Any) -> Mapping[str, Any]:
        """What is to be noted about an edit that passes.

        What the guards found in the original alike is noted, not refused: it is no work of the
        reviewer's.

        Raises:
            InvalidInput: an answer that is no text, cites what is no passage of the review, or is no
                JSON of the schema that the review's subject has; arguments that are no JSON object.
            GuardBlocked: it holds what an answer must not, or orders to a model.
            GuardFailed: a guard does not work.
        """
        text = _text(review, value)
        _check_markers(review, text)
        await self._check_schema(review, text)
        await self._check_leaving(review, value, text)
        found = await self._orders(review, text)
        if found and found["edit"] and not found["original"] and self._on_injection == "refuse":
            raise GuardBlocked(
                "The edit holds what looks like orders to a model "
                f"({', '.join(found['edit'])}): say it in other words.",
                guard="injection",
                found=tuple(found["edit"]),
            )
        return {"injection": found["edit"]} if found and found["edit"] else {}

    async def _check_schema(self, review: Review, text: str) -> None:
        schema = review.request.subject.get("schema")
        if review.request.kind != "answer" or not isinstance(schema, Mapping):
            return
        wanted = cast(Mapping[str, Any], schema)
        misfits = await asyncio.to_thread(self._misfits, text, wanted)
        if misfits:
            raise InvalidInput(
                f"The edit is not the JSON that was asked for: {'; '.join(misfits)}.", param="value"
            )

    async def _orders(self, review: Review, text: str) -> Mapping[str, list[str]]:
        texts = [text, _original(review)]
        verdicts = await self._injection.check(texts, "document", _account(review))
        named = [
            sorted({reason.rule for reason in verdict.reasons}) if verdict.flagged else []
            for verdict in verdicts
        ]
        return dict(zip(("edit", "original"), named, strict=True))

    async def _check_leaving(self, review: Review, value: Any, text: str) -> None:
        if self._calls is None:
            return
        request = review.request
        question = request.subject.get("question")
        call = await self._calls.open(
            EDITOR,
            ChatRequest(
                messages=(Message("user", question if isinstance(question, str) else ""),),
                account=_account(review),
            ),
        )
        said: ChatEvent = TextDelta(text)
        if request.kind == "tool_call" and not isinstance(value, str):
            said = ToolCallDelta(0, text, id="call", name=str(request.subject.get("tool", "")))
        left = await _taken(call, (said, Finished("stop", Usage(), EDITOR)))
        if call.stopped is not None or left != text:
            what = f" ({call.stopped})" if call.stopped is not None else ""
            raise GuardBlocked(
                f"The edit holds what guards.pii or guards.answers takes out of answers{what}: take "
                "it out.",
                guard="answers" if call.stopped is None else call.stopped,
            )


def _account(review: Review) -> Account:
    return Account(review.request.tenant, assistant=review.request.assistant)


async def _taken(call: GuardedCall, events: Sequence[ChatEvent]) -> str:
    """What leaves of a text or of a call's arguments."""

    def taken() -> str:
        left = [each for event in events for each in call.take(event)]
        return "".join(_said(each) for each in left)

    return await asyncio.to_thread(taken) if call.slow else taken()


def _said(event: ChatEvent) -> str:
    match event:
        case TextDelta(text=text):
            return text
        case ToolCallDelta(arguments=arguments):
            return arguments
        case _:
            return ""


def _text(review: Review, value: Any) -> str:
    if review.request.kind == "answer" or (isinstance(value, str) and _in_doubt(review)):
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput("value is missing: give the edited answer as text.", param="value")
        text = value
    else:
        if not isinstance(value, dict):
            raise InvalidInput(
                "value is missing: give the edited arguments as a JSON object.", param="value"
            )
        text = json.dumps(cast(dict[str, Any], value), ensure_ascii=False)
    if len(text) > MOST_CHARACTERS:
        raise TooLarge(f"value has {len(text):,} characters; it may have {MOST_CHARACTERS:,}.")
    return text


def _check_markers(review: Review, text: str) -> None:
    """A marker that leads nowhere would reach whoever polls, or is told by a webhook."""
    passages = review.request.subject.get("passages")
    if review.request.kind != "answer" or not isinstance(passages, Sequence):
        return
    there: set[Any] = {
        cast(Mapping[str, Any], passage).get("number")
        for passage in cast(Sequence[object], passages)
        if isinstance(passage, Mapping)
    } - {None}
    wrong = sorted({number for number, _, _ in cited(text)} - there)
    # An edit of JSON may hold [90]; so may the subjects that clients make, without numbers.
    if there and wrong and not _original(review).lstrip().startswith(("{", "[")):
        raise InvalidInput(
            f"The edit cites [{wrong[0]}], which is no passage of this review: cite one that it "
            "shows, or none.",
            param="value",
        )


def _in_doubt(review: Review) -> bool:
    """Whether the question is what became of a call: then a text says so."""
    context = review.request.subject.get("context")
    return isinstance(context, Mapping) and cast(Mapping[str, Any], context).get("why") == "doubt"


def _original(review: Review) -> str:
    value = review.value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
