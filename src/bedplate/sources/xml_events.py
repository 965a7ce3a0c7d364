"""XML that somebody else wrote, as events: no document type, hence no entities, and not too deep."""

from collections.abc import Callable
from xml.parsers import expat

MAX_DEPTH = 20
MAX_TEXT = 16_384
"""Characters kept of one text."""


Ended = Callable[[tuple[str, ...], str], None]
"""Told of each element at its end: the names from the root down to it, without their prefixes, and
its own text. It may raise ValueError to say why it reads no further.
"""


def read_xml(content: bytes, ended: Ended) -> str:
    """Go through it, and name its root.

    Raises ValueError for what is no XML, declares a document type or nests deeper than MAX_DEPTH.
    """
    path: list[str] = []
    texts: list[list[str]] = []
    root = ""

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal root
        if len(path) == MAX_DEPTH:
            raise ValueError("its elements are nested too deeply")
        # Prefixes are free to choose; the names are not.
        path.append(name.rpartition(":")[2])
        texts.append([])
        root = root or path[0]

    def end(_: str) -> None:
        ended(tuple(path), "".join(texts.pop())[:MAX_TEXT])
        path.pop()

    def refuse(*_: object) -> None:
        raise ValueError("it declares a document type")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: texts[-1].append(text)
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat's
    except expat.ExpatError as error:
        raise ValueError(f"it is no valid XML ({error})") from error
    return root
