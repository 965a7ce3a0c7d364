"""Plain text: paragraphs are what blank lines separate."""

from bedplate.domain.documents import Blob, Parsed
from bedplate.parsers.decode import decode
from bedplate.parsers.outline import Outline, paragraphs
from bedplate.parsers.protocol import ParseLimits

VERSION = "text/1"


def read_text(blob: Blob, limits: ParseLimits) -> Parsed:
    decoded = decode(blob.content, blob.source, most_characters=limits.characters)
    outline = Outline(blob, limits.characters)
    for paragraph in paragraphs(decoded.text):
        outline.add(paragraph)
    return outline.parsed(VERSION, "text/plain", title=None, metadata={}, warnings=decoded.warnings)
