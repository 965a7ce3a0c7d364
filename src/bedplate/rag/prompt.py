"""The messages of a grounded question: fixed instructions first, then sources, question last.

The order lets an inference server keep its work on the fixed part between questions.
"""

import re
from collections.abc import Sequence
from importlib.resources import files

from bedplate.domain.answers import REFUSAL
from bedplate.domain.chat import Message, Passage
from bedplate.domain.documents import Metadata
from bedplate.domain.tools import OutputFormat
from bedplate.rag.quoted import quoted

MOST_FIELDS = 20
LONGEST_VALUE = 200
OWN_NAMES = frozenset({"number", "title", "page", "heading"})

_FRAME = re.compile(r"<(?=\s*/?\s*source\b)", re.IGNORECASE)
_NOT_IN_NAME = re.compile(r"[^\w.-]")


class Prompts:
    """The packaged texts, read once."""

    def __init__(self) -> None:
        folder = files("bedplate.rag").joinpath("prompts")
        self._answer = folder.joinpath("answer.md").read_text(encoding="utf-8")
        self._sources = folder.joinpath("sources.md").read_text(encoding="utf-8")
        self._json = folder.joinpath("json.md").read_text(encoding="utf-8")

    def messages(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        instructions: str = "",
        history: Sequence[Message] = (),
        note: str = "",
        output: OutputFormat | None = None,
    ) -> tuple[Message, ...]:
        """`history` is what was said before the question, without system messages; `note` is told of
        the sources; `output` makes the answer JSON.
        """
        system = self._answer.format(refusal=REFUSAL)
        if output is not None:
            system += f"\n{self._json.format(shape=_shape(output))}"
        if instructions:
            system += f"\n{instructions}\n"
        sources = "\n\n".join(filter(None, [*map(show, passages), note]))
        user = self._sources.format(sources=sources, question=question)
        return (Message("system", system), *history, Message("user", user))


def _shape(output: OutputFormat) -> str:
    if not output.schema:
        return "object"
    return f"value that fits this JSON Schema: {quoted(output.schema)}"


def show(passage: Passage) -> str:
    """A source as the model sees it. It can neither end its own frame nor open another one."""
    hit = passage.hit
    facts = [f'title="{_attribute(hit.title)}"']
    if hit.page is not None:
        facts.append(f'page="{hit.page}"')
    if hit.heading:
        facts.append(f'heading="{_attribute(hit.heading)}"')
    facts.extend(_metadata(hit.metadata))
    text = _FRAME.sub("(", hit.text)
    return f'<source number="{passage.number}" {" ".join(facts)}>\n{text}\n</source>'


def _metadata(metadata: Metadata) -> list[str]:
    """The first fields with short values: what a price or a date question is answered from."""
    facts: list[str] = []
    for name, value in metadata.items():
        members = value if isinstance(value, list | tuple) else [value]
        shown = ", ".join(str(member) for member in members if member is not None)
        if shown and len(shown) <= LONGEST_VALUE and name not in OWN_NAMES:
            facts.append(f'{_NOT_IN_NAME.sub("_", name)}="{_attribute(shown)}"')
    return facts[:MOST_FIELDS]


def _attribute(text: str) -> str:
    return text.replace('"', "'").replace("\n", " ").replace("<", "(").replace(">", ")")
