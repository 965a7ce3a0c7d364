"""Personal data out of a document, and its titles cut to a length that indexes bear."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from bedplate.domain.documents import Document, MetadataValue
from bedplate.guards.protocol import PiiGuard

MAX_TITLE = 500
"""Characters of a title, and of a path of headings: each chunk is indexed under both."""


def scrub(document: Document, guard: PiiGuard | None, redactions: Counter[str]) -> Document:
    """The document without what `guard` finds, which is counted by type; None finds nothing."""

    def clean(text: str) -> str:
        if guard is None:
            return text
        scrubbed = guard.scrub(text)
        redactions.update(finding.type for finding in scrubbed.findings)
        return scrubbed.text

    @cache
    def path(heading: str) -> str:
        # Not counted: the heading block holds the same words.
        return (guard.scrub(heading).text if guard else heading)[:MAX_TITLE]

    return replace(
        document,
        title=clean(document.title)[:MAX_TITLE],
        blocks=tuple(
            replace(
                block,
                text=clean(block.text),
                heading=path(block.heading) if block.heading else block.heading,
            )
            for block in document.blocks
        ),
        metadata={name: _clean_value(value, clean) for name, value in document.metadata.items()},
    )


def _clean_value(value: MetadataValue, clean: Callable[[str], str]) -> MetadataValue:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Sequence):
        return [clean(member) if isinstance(member, str) else member for member in value]
    return value
