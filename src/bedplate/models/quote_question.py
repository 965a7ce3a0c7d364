"""What a question asks for, read from its words: the kind of answer, how many, which years."""

import re
from dataclasses import dataclass, replace
from typing import Literal

from bedplate.terms import STOP_WORDS

Kind = Literal["date", "number", "money", "name", "open"]

_MONEY = re.compile(
    r"\bhow much (?:is|are|does|do|for|would)\b|\b(?:price|cost|fee|charge)s?\b", re.I
)
_NUMBER = re.compile(
    r"\bhow (?:many|much|long|far|old|tall|big|fast|often|high|large|deep|heavy|wide|soon)\b"
    r"|\b(?:percent|percentage|number of|population|temperature)\b",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"\bwhen\b|\b(?:what|which|in what|in which) (?:year|date|day|month|century|decade|time)\b",
    re.I,
)
_NAME = re.compile(
    r"\b(?:who|whose|whom|where)\b|\b(?:what|which) (?:\w+ )?(?:person|country|city|state|town|company|"
    r"nation|king|queen|president|actor|author|river|language|religion|river|team)\b",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\b(?:1[0-9]|20)\d\d\b")
_IN_YEAR = re.compile(
    r"\b(?:(?:back )?(?:in|for|during|of|from)\s+)?(?:the year\s+)?(?:1[0-9]|20)\d\d\b"
)
_MONTHS = r"jan(?:uary)?|feb(?:ruary)?|march|april|june|july|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
_DATE_SHAPE = re.compile(
    rf"\b(?:1[0-9]|20)\d\ds?\b|\b(?:{_MONTHS})\b|\bMay \d|\bcentur(?:y|ies)\b|\b\d+ ?(?:BC|AD|BCE|CE)\b"
    r"|\b(?:within|after|in|for|up to|takes?)\b[\w -]{0,20}\b(?:hours?|days?|weeks?|months?|years?)\b"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b\d{1,2}(?::\d\d)? ?[ap]\.?m\b|\bago\b",
    re.IGNORECASE,
)
_NUMBER_SHAPE = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]+teen|twenty|thirty|forty|"
    r"fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|half|third|quarter|dozen|twice|once|first|second|"
    r"several|most|few|daily|weekly|monthly|none)\b",
    re.IGNORECASE,
)
_MONEY_SHAPE = re.compile(
    r"[$€£¥]\s?\d|\d[\d.,]*\s?(?:%|percent|dollars?|euros?|pounds?|cents?|usd|eur|gbp)|\bfree\b",
    re.I,
)
_CAPITALISED = re.compile(r"(?<![.!?]\s)(?<!^)(?<![\w'])[A-Z][\w'-]+")
_ENTITY = re.compile(r"(?<![\w'])(?:[A-Z][\w'-]*|\d[\d,.]*\d|\d)")

_INTERROGATIVE = re.compile(
    r"^\W*(?:(?:and|but|so|ok|okay|hi|hello|please|then|also|in|at|on|of|for|from|to|by|with|under|"
    r"during|after|before|about)\b\W*)*"
    r"(?:who|whose|whom|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|may|"
    r"must|should|will|would|has|have|had|am)\b",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"^\W*(?:please\s+)?(?:recommend|suggest|show|find|i need|i want|i am looking for|"
    r"i'm looking for|looking for)\b"
    r"|\b(?:do|does|can) (?:you|the shop|the store) "
    r"(?:have|sell|offer|stock|carry|recommend|suggest)\b(?! to\b)",
    re.IGNORECASE,
)
_ASKING_WORD = re.compile(r"\b(?:who|whose|whom|what|which|when|where|why|how)\b", re.IGNORECASE)
_BROWSING_WORDS = 6
_SEVERAL = re.compile(
    r"\b(?:list|compare|comparison|difference|differences|differ|steps|ways|reasons|examples|types|"
    r"kinds|advantages|disadvantages|requirements|all the|versus|vs)\b"
    r"|\b(?:what|which|name) (?:\w+ ){0,2}(?:are|were) the\b"
    r"|\?\s*\S.*\?|\band (?:who|whose|what|which|when|where|why|how|is|are|do|does|can)\b",
    re.IGNORECASE | re.DOTALL,
)
_PRICE = re.compile(
    r"\b(?:(?P<below>under|below|less than|up to|cheaper than|at most|no more than)"
    r"|(?P<above>over|above|more than|at least))\s+"
    r"(?:[$€£]\s?(?P<a>\d+(?:[.,]\d\d)?)|(?P<b>\d+(?:[.,]\d\d)?)\s?(?:dollars|euros|pounds|usd|eur|gbp)\b)",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"(?:(?:hello|hi|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|thanks|thank you|"
    r"bye|goodbye|ok|okay|yes|no|there|you|how are|test)\W*)+",
    re.IGNORECASE,
)
_ABOUT_MAIL = re.compile(
    r"\b(?:e-?mail|mail|subject|sender|sent|wrote|write|message|from whom)\b", re.I
)

_ABOUT_CODE = re.compile(
    r"\bhow (?:do|does|can|could|would|should|to)\b|\b(?:code|snippet|example|syntax|commands?|script|"
    r"functions?|methods?|calls?|requests?|queries|query|config\w*|settings?|options?|parameters?|"
    r"install\w*|python|javascript|typescript|java|sql|bash|shell|curl|json|yaml|toml|xml|html|api)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """`text` is what is looked for; a bound on the price ("under $50") is taken out of it and kept
    as `price`, lowest and highest. `entities` are its names and numbers as written. `browsing`
    means that it looks for things to choose from rather than asks for a fact; `greeting` that it
    looks for nothing; `about_mail` and `about_code` that headers of mail, or code, may answer it.
    """

    text: str
    kind: Kind
    several: bool
    browsing: bool
    years: frozenset[int]
    entities: tuple[str, ...]
    about_mail: bool
    about_code: bool
    price: tuple[float, float] | None = None
    greeting: bool = False


def read_question(text: str) -> Question:
    """`text` is not blank."""
    words = " ".join(_PRICE.sub(" ", text).split()) or text.strip()
    asks = words.endswith("?") or bool(_INTERROGATIVE.match(words) or _ASKING_WORD.search(words))
    short = len(words.split()) <= _BROWSING_WORDS
    return Question(
        text=words,
        kind=_kind(words),
        several=bool(_SEVERAL.search(words)),
        browsing=(short and not asks) or bool(_OFFER.search(words)),
        years=frozenset(int(y) for y in _YEAR.findall(words)),
        entities=_entities(words),
        about_mail=bool(_ABOUT_MAIL.search(words)),
        about_code=bool(_ABOUT_CODE.search(words)),
        price=_price(text),
        greeting=bool(_GREETING.fullmatch(words)),
    )


def completed(question: Question, whole: Question) -> Question:
    """A follow-up as `whole` says it. The kind of answer, the years and the price that the follow-up
    itself names stand in for those named before.
    """
    return replace(
        whole,
        kind=whole.kind if question.kind == "open" else question.kind,
        years=question.years or whole.years,
        price=question.price or whole.price,
    )


def without_years(question: Question) -> Question:
    """For documents that come in versions: the year chose the version and is said nowhere else."""
    words = " ".join(_IN_YEAR.sub(" ", question.text).split())
    return replace(question, text=words, entities=_entities(words)) if words else question


def _entities(words: str) -> tuple[str, ...]:
    """Capitalised words and numbers; the capital of the first word says nothing."""
    found = ((m.start(), m.group()) for m in _ENTITY.finditer(words))
    return tuple(
        e for at, e in found if e.lower() not in STOP_WORDS and (at > 0 or not e[0].isalpha())
    )


def _price(text: str) -> tuple[float, float] | None:
    low, high = 0.0, float("inf")
    found = list(_PRICE.finditer(text))
    for match in found:
        amount = float((match["a"] or match["b"]).replace(",", "."))
        if match["below"]:
            high = min(high, amount)
        else:
            low = max(low, amount)
    return (low, high) if found else None


def _kind(words: str) -> Kind:
    if _DATE.search(words):
        return "date"
    if _MONEY.search(words):
        return "money"
    if _NUMBER.search(words):
        return "number"
    if _NAME.search(words):
        return "name"
    return "open"


def type_match(question: Question, sentence: str) -> float:
    """1.0 when the sentence holds something new of the asked kind, -1.0 when not, 0.0 when any
    kind will do. What the question itself says does not count.
    """
    asked = question.text.lower()
    if question.kind == "open":
        return 0.0
    if question.kind == "name":
        names = (m.group() for m in _CAPITALISED.finditer(sentence))
        return 1.0 if any(n.lower() not in asked for n in names) else -1.0
    shape = {"date": _DATE_SHAPE, "number": _NUMBER_SHAPE, "money": _MONEY_SHAPE}[question.kind]
    found = (m.group().lower() for m in shape.finditer(sentence))
    return 1.0 if any((f.isdigit() and len(f) == 1) or f not in asked for f in found) else -1.0
