"""What is noted of a document's quality on its way in."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedplate.domain.documents import Document, Parsed
from bedplate.domain.quality import Quality
from bedplate.guards.protocol import PiiGuard
from bedplate.ingest.facts import LANGUAGE
from bedplate.quality.encoding import encoding_of
from bedplate.quality.soundness import soundness

MOST_WARNINGS = 20
MOST_CHARACTERS = 300
"""Of one warning."""

INSIDE = "!/"


@dataclass(frozen=True, slots=True)
class Remarks:
    """A parser's warnings of one file, which may hold many documents."""

    warnings: tuple[str, ...] = ()
    alone: bool = True

    @classmethod
    def of(cls, parsed: Parsed) -> "Remarks":
        return cls(parsed.warnings, len(parsed.documents) == 1)

    def about(self, document: Document) -> tuple[str, ...]:
        """Those of this document: all where it is the file's only one, else those by its name."""
        if self.alone:
            return self.warnings
        inside = f"{document.source.partition(INSIDE)[2]}: "
        return tuple(each for each in self.warnings if inside != ": " and each.startswith(inside))

    def about_bytes(self, document: Document) -> tuple[str, ...]:
        """Those that tell how its bytes were read, which rows share with their file."""
        own = self.about(document)
        return own if self.alone or INSIDE in document.source else self.warnings


def quality_of(
    document: Document, remarks: Remarks, redactions: Mapping[str, int], guard: PiiGuard | None
) -> Quality:
    """Of a scrubbed and described document; warnings may quote it, so they are scrubbed as well."""
    sound = soundness(document)
    language = document.metadata.get(LANGUAGE)
    said = remarks.about(document)[:MOST_WARNINGS]
    return Quality(
        language=language if isinstance(language, str) else None,
        characters=sound.characters,
        blocks=sound.blocks,
        unreadable=sound.unreadable,
        repeated=sound.repeated,
        encoding=encoding_of(remarks.about_bytes(document)),
        # Cut only then: half of a number would not be found.
        warnings=tuple(
            (guard.scrub(each).text if guard else each)[:MOST_CHARACTERS] for each in said
        ),
        redactions=dict(redactions),
        left_out=document.left_out,
    )
