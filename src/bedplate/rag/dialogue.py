"""A conversation as a grounded answer takes it: a question, what was said before, instructions."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedplate.domain.chat import Message
from bedplate.errors import InvalidInput

INSTRUCTING = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True)
class Dialogue:
    question: str
    history: tuple[Message, ...]
    instructions: tuple[str, ...]


def dialogue(messages: Sequence[Message], *, param: str) -> Dialogue:
    """The last message is the question, what system and developer say the instructions.

    InvalidInput, naming `param`, where the user did not speak last or where there are tools' calls,
    their answers or images.
    """
    spoken = [message for message in messages if message.role not in INSTRUCTING]
    if not spoken or spoken[-1].role != "user" or not spoken[-1].content.strip():
        raise InvalidInput("The last message must be the user's question, with text.", param=param)
    if any(message.role == "tool" or message.tool_calls or message.parts for message in spoken):
        raise InvalidInput("An assistant reads no tool messages and no images yet.", param=param)
    told = [message.content for message in messages if message.role in INSTRUCTING]
    return Dialogue(spoken[-1].content, tuple(spoken[:-1]), tuple(filter(None, told)))
