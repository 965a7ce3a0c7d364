"""The messages of a grounded question: fixed instructions first, then sources, question last.

The order lets an inference server keep its work on the fixed part between questions.
"""

from collections.abc import Sequence
from importlib.resources import files

from bedplate.domain.answers import REFUSAL
from bedplate.domain.chat import Message, Passage

DATE_FIELDS = ("date", "effective", "updated", "year")


class Prompts:
    """The packaged texts, read once."""

    def __init__(self) -> None:
        folder = files("bedplate.rag").joinpath("prompts")
        self._answer = folder.joinpath("answer.md").read_text(encoding="utf-8")
        self._sources = folder.joinpath("sources.md").read_text(encoding="utf-8")

    def messages(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        instructions: str = "",
        history: Sequence[Message] = (),
    ) -> tuple[Message, ...]:
        """`history` is what was said before the question, without system messages."""
        system = self._answer.format(refusal=REFUSAL)
        if instructions:
            system += f"\n{instructions}\n"
        sources = "\n\n".join(show(passage) for passage in passages)
        user = self._sources.format(sources=sources, question=question)
        return (Message("system", system), *history, Message("user", user))


def show(passage: Passage) -> str:
    """A source as the model sees it. It cannot end its own frame: "</source" is defused."""
    hit = passage.hit
    facts = [f'title="{_attribute(hit.title)}"']
    if hit.page is not None:
        facts.append(f'page="{hit.page}"')
    if hit.heading:
        facts.append(f'heading="{_attribute(hit.heading)}"')
    facts.extend(
        f'{name}="{_attribute(str(hit.metadata[name]))}"'
        for name in DATE_FIELDS
        if hit.metadata.get(name) is not None
    )
    text = hit.text.replace("</source", "<\\/source")
    return f'<source number="{passage.number}" {" ".join(facts)}>\n{text}\n</source>'


def _attribute(text: str) -> str:
    return text.replace('"', "'").replace("\n", " ").replace("<", "(").replace(">", ")")
