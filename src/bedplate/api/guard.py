"""POST /api/guard and POST /v1/moderations: the guards alone.

The latter has OpenAI's form. Source: OpenAI API reference, "Moderations".
"""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from bedplate.api.current import CurrentAccount, CurrentApp
from bedplate.domain.guard import TextKind
from bedplate.domain.ids import new_id
from bedplate.errors import InvalidInput
from bedplate.guards.report import Report

MODEL = "bedplate-guards"
MOST_TEXTS = 256
MOST_CHARACTERS = 2_000_000

CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent",
    "self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence",
    "violence/graphic",
)  # fmt: skip
"""OpenAI's, about the content of a text, which no guard here looks at."""

router = APIRouter(tags=["guards"])

Text = Annotated[str, Field(max_length=MOST_CHARACTERS)]


class Guarded(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: Text
    kind: TextKind = "user"


class Reason(BaseModel):
    rule: str
    score: float
    start: int
    end: int
    how: list[str]


class Injection(BaseModel):
    score: float
    flagged: bool
    decision: Literal["allow", "flag", "sanitise", "block"]
    reasons: list[Reason]


class Pii(BaseModel):
    type: str
    start: int
    end: int
    score: float


class GuardReport(BaseModel):
    """`masked` is the text with its personal data replaced."""

    injection: Injection
    pii: list[Pii]
    masked: str

    @staticmethod
    def of(report: Report) -> "GuardReport":
        found = report.injection
        return GuardReport(
            injection=Injection(
                score=found.score,
                flagged=found.flagged,
                decision=found.decision,
                reasons=[
                    Reason(rule=r.rule, score=r.score, start=r.start, end=r.end, how=list(r.how))
                    for r in found.reasons
                ],
            ),
            pii=[Pii(type=f.type, start=f.start, end=f.end, score=f.score) for f in report.pii],
            masked=report.masked,
        )


class TextPart(BaseModel):
    type: str
    text: Text = ""


class Moderation(BaseModel):
    """`input` is a text, several, or parts; pictures are not looked at, and refused."""

    input: Text | list[Text] | list[TextPart]
    model: str | None = MODEL


class ModerationResult(BaseModel):
    """`flagged` and `bedplate` say what our guards found. Of OpenAI's categories none is looked at:
    each is false, and applies to no kind of input.
    """

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]
    bedplate: GuardReport


class Moderations(BaseModel):
    id: str
    model: str
    results: list[ModerationResult]


@router.post("/api/guard")
async def guard(body: Guarded, app: CurrentApp, account: CurrentAccount) -> GuardReport:
    """What the guards find in a text that a user, a document or a tool says."""
    return GuardReport.of((await app.safeguards.reports([body.text], body.kind, account))[0])


@router.post("/v1/moderations")
async def moderations(body: Moderation, app: CurrentApp, account: CurrentAccount) -> Moderations:
    """Whether a text tries to give a model orders; and the personal data in it.

    It is flagged for the former, and for the latter where `guards.pii` blocks that.
    """
    texts = _texts(body.input)
    found = await app.safeguards.reports(texts, "user", account)
    return Moderations(
        id=f"modr-{new_id()}",
        model=MODEL,
        results=[_result(each) for each in found],
    )


def _texts(given: str | list[str] | list[TextPart]) -> list[str]:
    members = [given] if isinstance(given, str) else given
    if not members or len(members) > MOST_TEXTS:
        raise InvalidInput(f"input must hold 1 to {MOST_TEXTS} texts.", param="input")
    texts: list[str] = []
    for member in members:
        if isinstance(member, TextPart) and member.type != "text":
            raise InvalidInput(
                f"input: a part of type {member.type!r} cannot be looked at; give text.",
                param="input",
            )
        texts.append(member.text if isinstance(member, TextPart) else str(member))
    return texts


def _result(found: Report) -> ModerationResult:
    return ModerationResult(
        flagged=found.injection.flagged or found.blocked,
        categories=dict.fromkeys(CATEGORIES, False),
        category_scores=dict.fromkeys(CATEGORIES, 0.0),
        category_applied_input_types={name: [] for name in CATEGORIES},
        bedplate=GuardReport.of(found),
    )
