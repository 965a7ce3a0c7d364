"""Plain texts as the passages of a case, for judging what was not retrieved here."""

from collections.abc import Sequence

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.chat import Passage
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.judges.protocol import Case


def case_of(
    question: str, texts: Sequence[str], *, deadline: float | None = None, account: Account = LOCAL
) -> Case:
    """The texts are numbered from 1."""
    passages = tuple(_passage(number, text) for number, text in enumerate(texts, 1))
    return Case(question, passages, deadline, account)


def _passage(number: int, text: str) -> Passage:
    id = str(number)
    return Passage(number, Hit(DocumentId(id), ChunkId(id), 1.0, text, "", "", 0, len(text)))
