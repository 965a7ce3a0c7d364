"""What a conversation asks an assistant: what the user said last, and all that was said before."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedplate.domain.chat import Message
from bedplate.errors import InvalidInput

INSTRUCTING = frozenset({"system", "developer"})
MAX_QUESTION_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class Spoken:
    question: str
    history: tuple[Message, ...]
    instructions: tuple[str, ...]


def spoken(messages: Sequence[Message], *, searched: bool, param: str) -> Spoken:
    """After the user's last words there may be calls of the client's functions and their answers.

    `searched`: the question is one to collections, so it must be there as text.

    InvalidInput, naming `param`, where nothing is asked.
    """
    said = [message for message in messages if message.role not in INSTRUCTING]
    last = max((n for n, m in enumerate(said) if m.role == "user"), default=-1)
    if last < 0 or said[-1].role not in ("user", "tool"):
        raise InvalidInput("The last message must be the user's question, with text.", param=param)
    question = said[last].content
    if searched and not question.strip():
        raise InvalidInput("The last message must be the user's question, with text.", param=param)
    if searched and len(question) > MAX_QUESTION_CHARACTERS:
        raise InvalidInput(
            f"The question has {len(question)} characters; at most {MAX_QUESTION_CHARACTERS} are "
            "searched with.",
            param=param,
        )
    told = [message.content for message in messages if message.role in INSTRUCTING]
    return Spoken(question, tuple(said[:last]), tuple(filter(None, told)))
