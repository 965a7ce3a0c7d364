"""How many tokens a request has, roughly and rather too many: no provider's tokenizer is here."""

import json
import math
from collections.abc import Iterator

from bedplate.domain.chat import ChatRequest, ImagePart, Message

# English has about 4.2 characters a token and code about 3; other scripts up to 1.5 tokens a
# character in the vocabularies of 2023 and later.
CHARACTERS_PER_TOKEN = 3
TOKENS_PER_OTHER_CHARACTER = 1.5
TOKENS_PER_MESSAGE = 8
TOKENS_PER_IMAGE = 1_600
MOST_TOKENS = 10**8
"""That a call can have used: a report of more is wrong, and would use up any budget."""


def text_tokens(text: str) -> int:
    """A careful estimate for `text`: more than most tokenizers make of it."""
    plain = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    other = len(text) - plain
    return math.ceil(plain / CHARACTERS_PER_TOKEN + other * TOKENS_PER_OTHER_CHARACTER)


def request_tokens(request: ChatRequest) -> int:
    """The same for all that a request sends: messages, images, tools and the answer's schema."""
    tokens = TOKENS_PER_MESSAGE
    for message in request.messages:
        tokens += message_tokens(message)
    if request.tools or request.output is not None:
        tokens += sum(text_tokens(text) for text in _declared(request))
    return tokens


def message_tokens(message: Message) -> int:
    if not (message.parts or message.tool_calls):
        return text_tokens(message.content) + TOKENS_PER_MESSAGE
    images = sum(isinstance(part, ImagePart) for part in message.parts)
    calls = sum(text_tokens(call.name + call.arguments) for call in message.tool_calls)
    return text_tokens(message.content) + images * TOKENS_PER_IMAGE + calls + TOKENS_PER_MESSAGE


def _declared(request: ChatRequest) -> Iterator[str]:
    for tool in request.tools:
        yield f"{tool.name} {tool.description} {json.dumps(dict(tool.parameters))}"
        if tool.custom is not None:
            yield tool.custom.definition
    if request.output is not None and request.output.schema is not None:
        yield json.dumps(dict(request.output.schema))
