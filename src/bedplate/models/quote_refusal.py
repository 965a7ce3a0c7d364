"""Whether the best sentence answers at all: a logistic regression over how it meets the question.

No feature looks at negation: SQuAD 2.0 writes its impossible questions with it, so a model that
sees it learns the data set's habit. training/quote fits the weights and says how good they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from pydantic import BaseModel, ValidationError

from bedplate.embedders.protocol import Matrix
from bedplate.errors import ConfigError
from bedplate.models.quote_scoring import Asked, Encoded, Scored
from bedplate.terms import analyse

Features = dict[str, float]

WEIGHTS = "quote_weights.json"


@dataclass(frozen=True, slots=True)
class AnswerOdds:
    """A fitted logistic regression: `weights` by feature name, on the features as they come."""

    bias: float
    weights: Mapping[str, float]

    def probability(self, features: Features) -> float:
        """The chance, 0 to 1, that the sentence answers."""
        total = self.bias + sum(w * features[name] for name, w in self.weights.items())
        return float(1 / (1 + np.exp(-np.clip(total, -30, 30))))


@dataclass(frozen=True, slots=True)
class Weights:
    """`tokens` is for encoders that give token vectors, `words` for those that do not; `read` says
    that a reader helps. `caution` is the operating point chosen on development data.
    """

    tokens: AnswerOdds
    words: AnswerOdds
    tokens_read: AnswerOdds
    words_read: AnswerOdds
    caution: float

    def odds(self, *, tokens: bool, read: bool) -> AnswerOdds:
        if tokens:
            return self.tokens_read if read else self.tokens
        return self.words_read if read else self.words


class _Regression(BaseModel):
    bias: float
    weights: dict[str, float]


class _WeightsFile(BaseModel):
    caution: float
    tokens: _Regression
    words: _Regression
    tokens_read: _Regression
    words_read: _Regression


def load_weights() -> Weights:
    """The packaged weights; reads a file."""
    content = files("bedplate.models").joinpath(WEIGHTS).read_text(encoding="utf-8")
    try:
        found = _WeightsFile.model_validate_json(content)
    except ValidationError as error:
        raise ConfigError(f"{WEIGHTS} is damaged: reinstall bedplate.") from error
    return Weights(
        tokens=_odds(found.tokens),
        words=_odds(found.words),
        tokens_read=_odds(found.tokens_read),
        words_read=_odds(found.words_read),
        caution=found.caution,
    )


def _odds(found: _Regression) -> AnswerOdds:
    return AnswerOdds(found.bias, found.weights)


def describe(asked: Asked, passages: Sequence[Encoded], scored: Scored, top: int) -> Features:
    """The features of sentence `top`: in itself, with its neighbours ("around"), within its
    passage, and within all passages. Each is written so that one sign of weight makes sense.
    """
    inside = [int(i) for i in np.flatnonzero(scored.passage == scored.passage[top])]
    around = [i for i in (top - 1, top, top + 1) if i in inside]
    places = {
        "sentence": [top],
        "around": around,
        "passage": inside,
        "all": range(len(scored.sentences)),
    }
    features: Features = {
        "cosine_sentence": float(scored.cosine[top]),
        "cosine_passage": passages[int(scored.passage[top])].cosine,
        "cosine_best_sentence": float(scored.cosine.max()),
        "cosine_best_passage": max(p.cosine for p in passages),
        "type": float(scored.types[top]),
    }
    for where, rows in places.items():
        found = frozenset(term for i in rows for term in scored.terms[i])
        features |= _named(where, _found(asked, scored, found))
        if where != "around":
            best = scored.alignment[list(rows)].max(axis=0)
            features |= _named(where, _met(asked, scored, best))
    return features


def _named(where: str, features: Features) -> Features:
    return {f"{name}_{where}": value for name, value in features.items()}


def _found(asked: Asked, scored: Scored, found: frozenset[str]) -> Features:
    """What of the question's words, names and numbers is there, letter for letter."""
    weights = {t: scored.weight(t) for t in asked.terms}
    missing = [w for t, w in weights.items() if t not in found]
    entities = _entity_terms(asked)
    return {
        "cover": 1 - sum(missing) / max(sum(weights.values()), 1e-9) if weights else 0.0,
        "missing": max(missing, default=0.0) / scored.unseen,
        "entities_missing": sum(not e <= found for e in entities) / max(len(entities), 1),
    }


def _met(asked: Asked, scored: Scored, best: Matrix) -> Features:
    """How well the question's tokens are met in meaning, given each one's best cosine."""
    ordered = np.sort(best)
    entities = frozenset(term for e in _entity_terms(asked) for term in e)
    named = [b for b, term in zip(best, asked.token_terms, strict=True) if term in entities]
    return {
        "maxsim": float(best @ scored.token_weights),
        "worst": float(ordered[0]),
        "second": float(ordered[min(1, len(ordered) - 1)]),
        "entities_met": float(min(named, default=1.0)),
    }


def _entity_terms(asked: Asked) -> list[frozenset[str]]:
    return [e for e in (frozenset(analyse(e)) for e in asked.question.entities) if e]
