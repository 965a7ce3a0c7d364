"""What the surface of a prompt tells about how hard it is."""

import math
import re

import numpy as np
from numpy.typing import NDArray

NAMES = (
    "characters",
    "words",
    "sentences",
    "words_per_sentence",
    "word_length",
    "unique_share",
    "numbers",
    "distinct_numbers",
    "largest_number",
    "number_share",
    "money",
    "percent",
    "fractions",
    "maths",
    "steps",
    "negations",
    "capitals",
    "blanks",
    "code",
    "questions",
    "which",
    "why",
    "how",
    "how_many",
    "statements",
    "roman",
    "options",
    "option_length",
    "numeric_options",
)

_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)")
# At most 15 digits: a longer run is an identifier, and does not overflow a float.
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,15})?")
_FRACTION = re.compile(r"\d/\d")
_STEP = re.compile(
    r"\b(?:then|each|every|twice|half|double|remaining|left|total|altogether|if|per)\b", re.I
)
_NEGATION = re.compile(r"\b(?:not|no|never|none|neither|except|without)\b|n't\b", re.I)
_CAPITAL = re.compile(r"\b[A-Z]{2,}\b")
_CODE = re.compile(r"```|\bdef |\breturn\b|[{};]|==|=>|->")
_STATEMENT = re.compile(r"\b(?:statement|scenario) \d", re.I)
_ROMAN = re.compile(r"\b(?:I{2,3}|IV|VI{0,3})\b")
_OPTION = re.compile(r"^[A-J][.)] (.*)$", re.M)


def surface_features(prompt: str, characters: int = 20_000) -> NDArray[np.float64]:
    """One finite number for each of NAMES; the same prompt gives the same numbers.

    Of a longer prompt only the first `characters` are read, but its whole length counts.
    """
    text = prompt[:characters]
    words = _WORD.findall(text.lower())
    numbers = [float(found) for found in _NUMBER.findall(text)]
    options = [found.strip() for found in _OPTION.findall(text)]
    sentences = max(1, len(_SENTENCE.findall(text)))
    count = max(1, len(words))
    many = math.log1p

    def found(pattern: re.Pattern[str]) -> float:
        return many(sum(1 for _ in pattern.finditer(text)))

    def says(word: str) -> float:
        return float(re.search(rf"\b{word}\b", text, re.I) is not None)

    return np.array(
        [
            many(len(prompt)),
            many(len(words)),
            many(sentences),
            many(len(words) / sentences),
            sum(map(len, words)) / count,
            len(set(words)) / count,
            many(len(numbers)),
            many(len(set(numbers))),
            many(max(numbers, default=0.0)),
            len(numbers) / (count + len(numbers)),
            many(text.count("$")),
            many(text.count("%")),
            found(_FRACTION),
            many(sum(text.count(sign) for sign in "+=^*<>√∫∑π")),
            found(_STEP),
            found(_NEGATION),
            found(_CAPITAL),
            many(text.count("__")),
            found(_CODE),
            many(text.count("?")),
            says("which"),
            says("why"),
            says("how"),
            says("how (?:many|much)"),
            found(_STATEMENT),
            found(_ROMAN),
            many(len(options)),
            many(sum(map(len, options)) / max(1, len(options))),
            sum(any(c.isdigit() for c in option) for option in options) / max(1, len(options)),
        ]
    )
