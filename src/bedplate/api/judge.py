"""POST /api/judge: an answer held against its sources, wherever it is from."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from bedplate.api.answer_schemas import Grounded
from bedplate.api.current import CurrentAccount, CurrentApp, Deadline
from bedplate.judges.passages import case_of

MOST_PASSAGES = 100
MOST_CHARACTERS = 2_000_000

router = APIRouter(prefix="/api", tags=["guards"])

Text = Annotated[str, Field(max_length=MOST_CHARACTERS)]


class Judged(BaseModel):
    """`context` is a text, or several, which the answer cites as [1], [2] and so on."""

    model_config = ConfigDict(extra="forbid")
    answer: Text
    context: Text | Annotated[list[Text], Field(max_length=MOST_PASSAGES)]
    question: Annotated[str, Field(max_length=20_000)] = ""


class Judgement(Grounded):
    """`supported` is whether the sources carry all of the answer."""

    supported: bool


@router.post("/judge")
async def judge(
    body: Judged, app: CurrentApp, account: CurrentAccount, deadline: Deadline
) -> Judgement:
    """How far the context carries what the answer says, claim by claim."""
    texts = [body.context] if isinstance(body.context, str) else body.context
    case = case_of(body.question, texts, deadline=deadline, account=account)
    found = await app.safeguards.grounding.check(case, body.answer)
    return Judgement(
        supported=found.verdict == "supported", **Grounded.model_validate(found).model_dump()
    )
