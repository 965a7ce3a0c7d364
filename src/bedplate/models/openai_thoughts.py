"""A model's thoughts, gathered in the form in which its server wants them back."""

from typing import Any

from bedplate.models.openai_chunks import Delta, details_of

GROWING = ("text", "summary", "data")
"""Fields of a detail that come in pieces (OpenRouter, "Reasoning Tokens > Preserving reasoning")."""


class Thoughts:
    """`form` is a message's fields of thoughts by name, None where there were none."""

    def __init__(self) -> None:
        self.characters = 0
        self._texts: dict[str, list[str]] = {}
        self._details: list[dict[str, Any]] = []

    @property
    def form(self) -> dict[str, Any] | None:
        fields: dict[str, Any] = {name: "".join(parts) for name, parts in self._texts.items()}
        if self._details:
            fields["reasoning_details"] = self._details
        return fields or None

    def add(self, delta: Delta, shown: str, *, whole: bool) -> None:
        """`whole`: its details are no pieces."""
        self.characters += len(shown)
        for name in ("reasoning", "reasoning_content"):
            text = getattr(delta, name)
            if isinstance(text, str) and text:
                self._texts.setdefault(name, []).append(text)
        for detail in details_of(delta):
            self._gather(detail, whole=whole)

    def _gather(self, detail: dict[str, Any], *, whole: bool) -> None:
        latest = self._details[-1] if self._details else None
        if whole or latest is None or not _goes_on(latest, detail):
            self._details.append(dict(detail))
            return
        for name, value in detail.items():
            if name in GROWING and isinstance(value, str):
                latest[name] = (latest.get(name) or "") + value
            elif value is not None:
                latest[name] = value


def _goes_on(latest: dict[str, Any], detail: dict[str, Any]) -> bool:
    """Whether `detail` is a further piece of the same thought and not one of its own."""
    same = all(latest.get(name) == detail.get(name) for name in ("type", "index"))
    return same and detail.get("type") != "reasoning.encrypted"
