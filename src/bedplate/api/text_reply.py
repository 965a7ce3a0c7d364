"""A completion of a text in OpenAI's older wire, whole or as chunks.

Source: OpenAI API reference, "The completion object" (legacy).
"""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from bedplate.api.chat_reply import ChoiceEvent
from bedplate.api.obfuscation import obfuscated
from bedplate.api.sse import DONE, encode_event
from bedplate.api.text_requests import TextCall
from bedplate.api.wire import Extension, WireUsage, wire_usage
from bedplate.domain.chat import Finished, FinishReason, TextDelta, TokenLogprob, Usage, added
from bedplate.domain.ids import new_id


class TextLogprobs(Struct, frozen=True):
    """Lists side by side, a place for each token; `text_offset` counts characters of the choice."""

    tokens: tuple[str, ...]
    token_logprobs: tuple[float, ...]
    top_logprobs: tuple[Mapping[str, float], ...]
    text_offset: tuple[int, ...]


class TextChoice(Struct, frozen=True):
    text: str
    index: int
    logprobs: TextLogprobs | None = None
    finish_reason: FinishReason | None = None


class TextCompletion(Struct, frozen=True):
    """A whole one, or a chunk of one. `usage` is in whole ones, and in a last chunk without choices
    where it was asked for; `bedplate` says more of an assistant's answer.
    """

    id: str
    created: int
    model: str
    choices: tuple[TextChoice, ...]
    object: Literal["text_completion"] = "text_completion"
    system_fingerprint: str | UnsetType = UNSET
    usage: WireUsage | UnsetType | None = UNSET
    bedplate: Extension | UnsetType = UNSET


class TextReply:
    """The same id, time and model in all its parts."""

    def __init__(self, call: TextCall) -> None:
        self._id = f"cmpl-{new_id()}"
        self._created = int(time.time())
        self._call = call

    def whole(self, events: Sequence[ChoiceEvent]) -> TextCompletion:
        choices = [_Choice(index) for index in range(self._call.total)]
        usage, grounding, fingerprint = Usage(), None, UNSET
        for told in events:
            choices[told.index].take(told)
            if isinstance(told.event, Finished):
                usage = added(usage, told.event.usage)
                grounding = told.grounding or grounding
                fingerprint = _fingerprint(told.event)
        return self._completion(
            tuple(choice.whole for choice in choices),
            usage=wire_usage(usage),
            system_fingerprint=fingerprint,
            bedplate=grounding or UNSET,
        )

    async def stream(self, events: AsyncGenerator[ChoiceEvent]) -> AsyncGenerator[bytes]:
        usage = Usage()
        offsets = [0] * self._call.total
        async with aclosing(events):
            async for told in events:
                match told.event:
                    case TextDelta(text, tokens):
                        logprobs = _logprobs(tokens, offsets[told.index])
                        offsets[told.index] += len(text)
                        yield self._chunk(TextChoice(text, told.index, logprobs))
                    case Finished() as end:
                        usage = added(usage, end.usage)
                        last = TextChoice("", told.index, finish_reason=end.reason)
                        more = {"bedplate": told.grounding or UNSET}
                        yield self._chunk(last, system_fingerprint=_fingerprint(end), **more)
                    case _:
                        # Thoughts and refusals' marks have no place in this wire.
                        continue
        if self._call.include_usage:
            yield encode_event(self._completion((), usage=wire_usage(usage)))
        yield DONE

    def _chunk(self, choice: TextChoice, **fields: Any) -> bytes:
        usage = None if self._call.include_usage else UNSET
        event = encode_event(self._completion((choice,), usage=usage, **fields))
        return obfuscated(event) if self._call.obfuscate else event

    def _completion(self, choices: tuple[TextChoice, ...], **fields: Any) -> TextCompletion:
        return TextCompletion(self._id, self._created, self._call.model, choices, **fields)


class _Choice:
    """One choice as far as it has come."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._text: list[str] = []
        self._tokens: list[TokenLogprob] = []
        self._reason: FinishReason | None = None

    def take(self, told: ChoiceEvent) -> None:
        match told.event:
            case TextDelta(text, tokens):
                self._text.append(text)
                self._tokens.extend(tokens)
            case Finished(reason):
                self._reason = reason
            case _:
                return

    @property
    def whole(self) -> TextChoice:
        return TextChoice(
            "".join(self._text), self._index, _logprobs(self._tokens, 0), self._reason
        )


def _logprobs(tokens: Sequence[TokenLogprob], start: int) -> TextLogprobs | None:
    if not tokens:
        return None
    offsets: list[int] = []
    for token in tokens:
        offsets.append(start)
        start += len(token.token)
    return TextLogprobs(
        tuple(each.token for each in tokens),
        tuple(each.logprob for each in tokens),
        tuple({top.token: top.logprob for top in each.top} for each in tokens),
        tuple(offsets),
    )


def _fingerprint(end: Finished) -> str | UnsetType:
    told = end.extra.get("system_fingerprint")
    return told if isinstance(told, str) else UNSET
