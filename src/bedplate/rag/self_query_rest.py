"""What is left of a question once its conditions are known."""

from collections.abc import Sequence

from bedplate.rag.self_query_sentence import Found, Sentence
from bedplate.rag.self_query_thesaurus import TOPIC
from bedplate.rag.self_query_words import FILLER

_LOOSE_ENDS = frozenset(",;:-(\u2013\u2014")


def content(sentence: Sentence) -> list[int]:
    """The tokens that say something which no condition says."""
    left: list[int] = []
    described = False
    for index, token in enumerate(sentence.tokens):
        if index in sentence.taken:
            described = False
            continue
        described = described or token.low in TOPIC
        if token.is_filler or (token.fold in TOPIC and index + 1 in sentence.taken):
            continue
        noun = token.fold in sentence.vocabulary.schema.records
        if not (noun and not described and sentence.ends_phrase(index + 1)):
            left.append(index)
    return left


def rest(text: str, sentence: Sentence, found: Sequence[Found]) -> str:
    """The words to search for; empty if the conditions say it all.

    Values that were named as nouns or adjectives stay: "waterproof umbrella" is searched for
    better than "waterproof".
    """
    kept = content(sentence)
    if not kept:
        return ""
    nouns = {
        index for one in found if not one.cued for index in range(one.first, one.last)
        if sentence.vocabulary.exact([sentence.fold(i) for i in range(one.first, one.last)])
    }  # fmt: skip
    stays = [i for i in range(len(sentence.tokens)) if i not in sentence.taken or i in nouns]
    while stays and stays[0] not in kept and stays[0] not in nouns:
        stays.pop(0)
    while stays and stays[-1] not in kept and stays[-1] not in nouns:
        stays.pop()
    return _written(text, sentence, stays)


def _written(text: str, sentence: Sentence, stays: Sequence[int]) -> str:
    """The tokens as they stood, with the gaps closed and no sign or link word beside a gap."""
    pieces: list[list[int]] = []
    for index in stays:
        if pieces and pieces[-1][-1] == index - 1:
            pieces[-1].append(index)
        else:
            pieces.append([index])
    shown: list[str] = []
    for piece in pieces:
        while piece and sentence.tokens[piece[-1]].low in FILLER | _LOOSE_ENDS:
            piece.pop()
        while piece and not sentence.tokens[piece[0]].is_word:
            piece.pop(0)
        if piece:
            first, last = sentence.tokens[piece[0]], sentence.tokens[piece[-1]]
            shown.append(text[first.start : last.end])
    return " ".join(shown)
