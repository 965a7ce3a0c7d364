"""What the surface of a prompt tells about how hard it is."""

import math
import re

import numpy as np
from numpy.typing import NDArray

MOST_CHARACTERS = 6_000
"""More than any prompt that the shipped head was fitted on has."""

_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)")
# At most 15 digits: a longer run is an identifier, and does not overflow a float.
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,15})?")
_OPTION = re.compile(r"^[A-J][.)] ?(.*)$", re.M)
_YES_NO = re.compile(r"(?:not )?(?:yes|no|true|false|wrong|right|valid|invalid)\b", re.I)
LONG_WORD = 10

COUNTED = {
    "fractions": r"\d ?/ ?\d",
    "money": r"[$€£]",
    "percent": r"%",
    "maths": r"[+=^*<>√∫∑π≤≥±×÷\\]",
    "steps": r"\b(?:then|each|every|twice|half|double|remaining|left|total|altogether|if|per)\b",
    "more": r"\b(?:more|less|fewer|times|than|rest)\b",
    "negations": r"\b(?:not|no|never|none|neither|except|without)\b|n't\b",
    "capitals": r"\b[A-Z]{2,}\b",
    "names": r"(?<=[a-z,] )[A-Z][a-z]+",
    "blanks": r"_{2,}",
    "code": r"```|\bdef |\breturn\b|[{};]|==|=>|->",
    "quotes": r"[\"“”]",
    "brackets": r"[()\[\]]",
    "commas": r"[,;:]",
    "questions": r"\?",
    "lines": r"\n",
    "statements": r"\b(?:statement|scenario) ?\d",
    "roman": r"\b(?:I{2,3}|IV|VI{0,3})\b",
    "years": r"\b1[0-9]{3}\b|\b20[0-9]{2}\b",
    "foreign": r"[^\x00-\x7f]",
    "first_person": r"\b(?:I|me|my|mine)\b",
    "third_person": r"\b(?:he|she|his|her|him|hers)\b",
    "time": r"\b(?:hours?|minutes?|days?|weeks?|months?|years?)\b",
    "science": r"\b\w{5,}(?:tion|osis|itis|ase|gen|ide|ium|ology)\b",
}
"""Counted, and taken as log(1 + n)."""

SAID = {
    "what": r"\bwhat\b",
    "which": r"\bwhich\b",
    "who": r"\bwhom?\b",
    "when": r"\bwhen\b",
    "where": r"\bwhere\b",
    "why": r"\bwhy\b",
    "how": r"\bhow\b",
    "how_many": r"\bhow (?:many|much|long|far|old)\b",
    "following": r"\bfollowing\b",
    "best": r"\b(?:best|most likely|most|least|primary|main)\b",
    "according": r"\baccording to\b",
    "refers": r"\b(?:refers? to|known as|called|defined as|means?)\b",
    "true": r"\b(?:true|false|correct|incorrect)\b",
    "find": r"\b(?:find|calculate|compute|solve|evaluate|determine|prove)\b",
    "let": r"\b(?:let|suppose|given|assume|consider)\b",
    "write": r"\b(?:write|compose|draft|rewrite|translate|create)\b",
    "explain": r"\b(?:explain|describe|discuss|compare|analy[sz]e|summari[sz]e|list)\b",
    "because": r"\b(?:because|therefore|since|thus|hence|due to)\b",
    "patient": r"\b(?:patient|disease|blood|cells?|symptoms?|drug)\b",
    "law": r"\b(?:court|statute|plaintiff|defendant|contract|law|state)\b",
    "moral": r"\b(?:moral|ethical|wrong|should|ought)\b",
    "history": r"\b(?:war|century|king|empire|revolution|treaty|president)\b",
    "economy": r"\b(?:price|market|tax|cost|firm|demand|income|capital)\b",
    "open_end": r"[^.?!:]\s*(?:$|\nA)",
    "answer": r"\banswer:\s*$",
}
"""1 where it is said, else 0."""

MEASURED = (
    "characters", "stem", "words", "sentences", "words_per_sentence", "word_length", "longest_word",
    "long_words", "unique_share", "numbers", "distinct_numbers", "largest_number", "number_share",
    "digit_share", "upper_share", "options", "option_length", "longest_option", "numeric_options",
    "yes_no_options",
)  # fmt: skip

NAMES = (*MEASURED, *COUNTED, *SAID)

_COUNTED = [re.compile(p, re.I if name in ("steps", "more", "negations", "statements", "time",
            "science", "third_person") else 0) for name, p in COUNTED.items()]  # fmt: skip
_SAID = [re.compile(p, re.I) for p in SAID.values()]


def surface_features(prompt: str) -> NDArray[np.float64]:
    """One finite number for each of NAMES; the same prompt gives the same numbers.

    Of a longer prompt only the first MOST_CHARACTERS are read, but its whole length counts.
    """
    text = prompt[:MOST_CHARACTERS]
    counted = [math.log1p(len(pattern.findall(text))) for pattern in _COUNTED]
    said = [float(pattern.search(text) is not None) for pattern in _SAID]
    return np.array([*_measured(prompt, text), *counted, *said])


def _measured(prompt: str, text: str) -> list[float]:
    words = _WORD.findall(text.lower())
    numbers = [float(found) for found in _NUMBER.findall(text)]
    first = _OPTION.search(text)
    options = [found.strip() for found in _OPTION.findall(text)]
    lengths = [len(option) for option in options]
    sentences = max(1, len(_SENTENCE.findall(text)))
    count, many = max(1, len(words)), math.log1p
    share = 1 / max(1, len(options))
    return [
        many(len(prompt)),
        many(len(prompt) if first is None else first.start()),
        many(len(words)),
        many(sentences),
        many(len(words) / sentences),
        sum(map(len, words)) / count,
        many(max(map(len, words), default=0)),
        sum(len(word) >= LONG_WORD for word in words) / count,
        len(set(words)) / count,
        many(len(numbers)),
        many(len(set(numbers))),
        many(max(numbers, default=0.0)),
        len(numbers) / (count + len(numbers)),
        sum(map(str.isdigit, text)) / max(1, len(text)),
        sum(map(str.isupper, text)) / max(1, len(text)),
        many(len(options)),
        many(sum(lengths) * share),
        many(max(lengths, default=0)),
        share * sum(any(c.isdigit() for c in option) for option in options),
        share * sum(_YES_NO.match(option) is not None for option in options),
    ]
