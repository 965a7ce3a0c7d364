"""Rules that send a request to the small or the large model before anything is scored."""

from collections.abc import Sequence
from typing import Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.domain.chat import ChatRequest, ImagePart

Tier = Literal["small", "large"]


class RouteRule(BaseModel):
    """Where all conditions that are set hold, the request goes `to` that model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Tier
    assistants: tuple[str, ...] = ()
    """The request is for one of these assistants."""
    tags: tuple[str, ...] = ()
    """The request has one of these tags: see `tags_of`."""
    min_characters: int | None = Field(default=None, ge=0)
    """Of all messages together."""
    max_characters: int | None = Field(default=None, ge=0)
    tools: bool | tuple[str, ...] | None = None
    """Whether the model may call tools, or the names of tools of which it may call one."""
    output: bool | None = None
    """Whether JSON is wanted, with or without a schema."""
    images: bool | None = None

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if self.model_fields_set <= {"to"}:
            raise ValueError("a rule needs a condition: without one it would take every request")
        return self

    def fits(self, request: ChatRequest) -> str | None:
        """The conditions that held, for people; None where one does not."""
        held: list[str] = []
        for name, found in self._found(request):
            if not found:
                return None
            held.append(name)
        return ", ".join(held)

    def _found(self, request: ChatRequest) -> list[tuple[str, bool]]:
        found: list[tuple[str, bool]] = []
        assistant, characters = request.account.assistant, characters_of(request)
        if self.assistants:
            found.append((f"assistant {assistant!r}", assistant in self.assistants))
        if self.tags:
            shared = [tag for tag in self.tags if tag in tags_of(request)]
            found.append((f"tag {shared[0]!r}" if shared else "", bool(shared)))
        if self.min_characters is not None:
            found.append((f"{characters:,} characters", characters >= self.min_characters))
        if self.max_characters is not None:
            found.append((f"{characters:,} characters", characters <= self.max_characters))
        if isinstance(self.tools, bool):
            found.append(("tools" if self.tools else "no tools", bool(request.tools) is self.tools))
        elif self.tools is not None:
            names = [tool.name for tool in request.tools if tool.name in self.tools]
            found.append((f"tool {names[0]!r}" if names else "", bool(names)))
        if self.output is not None:
            wanted = request.output is not None
            found.append(("JSON wanted" if wanted else "no JSON wanted", wanted is self.output))
        if self.images is not None:
            shown = has_images(request)
            found.append(("images" if shown else "no images", shown is self.images))
        return found


def first_fit(rules: Sequence[RouteRule], request: ChatRequest) -> tuple[Tier, str] | None:
    """Where the first rule that fits sends the request, and why."""
    for number, rule in enumerate(rules, 1):
        held = rule.fits(request)
        if held is not None:
            return rule.to, f"rule {number}: {held}"
    return None


def tags_of(request: ChatRequest) -> frozenset[str]:
    """`metadata.tags` of the request's body: text with commas, as OpenAI takes it, or a list."""
    metadata = request.extra.get("metadata")
    tags = cast(dict[str, Any], metadata).get("tags") if isinstance(metadata, dict) else None
    if isinstance(tags, str):
        return frozenset(tag.strip() for tag in tags.split(","))
    if isinstance(tags, list):
        return frozenset(tag for tag in cast(list[object], tags) if isinstance(tag, str))
    return frozenset()


def characters_of(request: ChatRequest) -> int:
    return sum(len(message.content) for message in request.messages)


def has_images(request: ChatRequest) -> bool:
    return any(isinstance(part, ImagePart) for m in request.messages for part in m.parts)
