"""Texts that clients send as token ids: of cl100k_base, the vocabulary of OpenAI's embedding models.

`cl100k_base.xz` is made from that vocabulary as the package js-tiktoken 1 has it (MIT licence,
https://github.com/dqbd/tiktoken): the length of each token in a byte, then all tokens.
"""

import codecs
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate

from bedplate.api.reading import wrong

SIZE = 100_256
"""Special tokens have greater ids, and stand for no text."""

SENT_INSTEAD = (
    "Ids are read as of cl100k_base, OpenAI's embedding models' own; send the text itself "
    "(LangChain: check_embedding_ctx_length=False)"
)
CUT = 3
"""Bytes of a character that may be missing at either end: clients cut long texts between tokens."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    tokens: bytes
    ends: tuple[int, ...]

    def text(self, ids: Sequence[int], where: str) -> str:
        """InvalidInput for ids that are of no text, which tells another vocabulary."""
        for id in ids:
            if id >= SIZE:
                raise wrong(where, f"there is no token {id}. {SENT_INSTEAD}")
        said = b"".join(self.tokens[self.ends[id - 1] if id else 0 : self.ends[id]] for id in ids)
        begin = next((at for at, byte in enumerate(said[:CUT]) if byte & 0xC0 != 0x80), CUT)
        try:
            text = codecs.getincrementaldecoder("utf-8")().decode(said[begin:])
        except UnicodeDecodeError as error:
            raise wrong(where, f"these token ids are no text. {SENT_INSTEAD}") from error
        if not text:
            raise wrong(where, f"these token ids are no text. {SENT_INSTEAD}")
        return text


@cache
def vocabulary() -> Vocabulary:
    """Takes a tenth of a second, once."""
    whole = lzma.decompress(files("bedplate.api").joinpath("cl100k_base.xz").read_bytes())
    return Vocabulary(whole[SIZE:], tuple(accumulate(whole[:SIZE])))
