"""A user's questions with what says which of them have one answer, as lines of JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedplate.errors import InvalidInput
from bedplate.models.labelled_lines import labelled_lines

FORM = '{"question": "...", "answer": "..."} or {"one": "...", "other": "...", "same": true}'
LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """A question as it was asked, what says which answer is right for it, and whose it was."""

    question: str
    answer: str
    group: str


@dataclass(frozen=True, slots=True)
class Pair:
    one: str
    other: str
    same: bool


def read_pairs(path: Path) -> Sequence[Recorded] | Sequence[Pair]:
    """Lines of one of two kinds, not of both.

    {"question", "answer", "group"?}: questions in the order in which they were asked; two have one
    answer where `answer` is the same but for case and spaces. Only those of one `group` are compared.
    {"one", "other", "same"}: pairs. InvalidInput names the first bad line.
    """
    recorded: list[Recorded] = []
    pairs: list[Pair] = []
    for number, row in labelled_lines(path, FORM):
        if "question" in row:
            answer = " ".join(_text(number, row, "answer").casefold().split())
            group = _text(number, row, "group") if "group" in row else ""
            recorded.append(Recorded(_text(number, row, "question"), answer, group))
        else:
            same = row.get("same")
            if not isinstance(same, bool):
                raise InvalidInput(
                    f'Line {number}: "same" must be true or false, not {same!r}.', param="same"
                )
            pairs.append(Pair(_text(number, row, "one"), _text(number, row, "other"), same))
        if recorded and pairs:
            raise InvalidInput(f"Line {number} is of another kind than those before it: {FORM}.")
    return pairs or recorded


def _text(number: int, row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f'Line {number}: "{name}" must be text, like {FORM}.', param=name)
    if len(value) > LONGEST:
        raise InvalidInput(
            f'Line {number}: "{name}" has {len(value):,} characters; at most {LONGEST:,} are read.',
            param=name,
        )
    return value
