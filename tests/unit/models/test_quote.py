"""The quote model with the bundled encoder."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedplate.domain.chat import (
    ChatEvent,
    ChatRequest,
    Finished,
    ImagePart,
    Message,
    Passage,
    TextDelta,
)
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit
from bedplate.domain.tools import OutputFormat, ToolChoice, ToolSpec
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.embedders.onnx import OnnxEmbedder, open_onnx_embedder
from bedplate.embedders.protocol import Embedder, LateVectors, Spans
from bedplate.errors import InvalidInput, UpstreamTimeout
from bedplate.models.quote import REFUSAL, QuoteModel, open_quote_model
from bedplate.models.quote_question import read_question
from bedplate.models.quote_reading import quotable

REFUNDS = (
    "Refund policy\n\nHow long you have\n\nYou have {days} days from delivery to return an item "
    "for a refund. Bring the receipt.\n\nReturn postage\n\n{postage}"
)
POLICIES = {
    "Refund policy 2022": REFUNDS.format(days=14, postage="You pay for return postage."),
    "Refund policy 2024": REFUNDS.format(days=30, postage="Return postage costs £3.50."),
    "Refund policy 2026": REFUNDS.format(days=60, postage="Return postage is free."),
}
PRODUCTS = {
    "Skua umbrella": "A folding umbrella that keeps you dry in heavy rain.",
    "Merchant coat": "A waterproof coat for rainy and stormy days.",
    "Dune hat": "A wide hat against the sun of the desert.",
}
PRICES = {"Skua umbrella": 29.0, "Merchant coat": 219.0, "Dune hat": 35.0}
KIT = (
    "Repair kit\n\nThe repair kit for tents includes:\n- two metres of tape\n- a needle\n"
    "- a tube of glue\n\nIt weighs 200 g."
)


def passages(texts: dict[str, str], **metadata: dict[str, Any]) -> tuple[Passage, ...]:
    return tuple(
        Passage(
            number,
            Hit(
                document_id=DocumentId(title),
                chunk_id=ChunkId(f"{title}#0"),
                score=1.0 / number,
                text=text,
                title=title,
                source=f"{title}.md",
                start=0,
                end=len(text),
                metadata={key: values[title] for key, values in metadata.items()},
            ),
        )
        for number, (title, text) in enumerate(texts.items(), start=1)
    )


def ask(question: str, found: Sequence[Passage], **fields: Any) -> ChatRequest:
    return ChatRequest((Message("user", question),), passages=tuple(found), **fields)


async def events_of(model: QuoteModel, request: ChatRequest) -> list[ChatEvent]:
    async with aclosing(model.stream(request)) as events:
        return [event async for event in events]


async def answer(model: QuoteModel, question: str, found: Sequence[Passage]) -> str:
    events = await events_of(model, ask(question, found))
    return "".join(e.text for e in events if isinstance(e, TextDelta))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def embedder() -> AsyncIterator[OnnxEmbedder]:
    async with open_onnx_embedder({}) as opened:
        assert isinstance(opened, OnnxEmbedder)
        yield opened


@pytest.fixture
async def model(embedder: Embedder) -> AsyncIterator[QuoteModel]:
    async with open_quote_model({}, embedder=embedder) as opened:
        yield opened


async def test_answers_with_one_sentence_and_its_number(model: QuoteModel):
    found = passages({"Shop": "The shop opened in 2015. It sells tents.", **PRODUCTS})

    assert await answer(model, "When did the shop open?", found) == "The shop opened in 2015. [1]"


async def test_the_newest_version_of_a_policy_speaks(model: QuoteModel):
    found = passages(POLICIES)

    assert await answer(model, "How long do I have to return an item?", found) == (
        "You have 60 days from delivery to return an item for a refund. [3]"
    )
    assert await answer(model, "Is return postage free?", found) == "Return postage is free. [3]"


async def test_the_version_of_the_year_asked_for_speaks(model: QuoteModel):
    found = passages(POLICIES)

    for year, days in ((2022, 14), (2023, 14), (2025, 30)):
        question = f"How many days did I have to return an item in {year}?"
        assert f"You have {days} days" in await answer(model, question, found)


async def test_a_year_before_the_first_version_is_refused(model: QuoteModel):
    question = "How many days did I have to return an item in 1998?"

    assert await answer(model, question, passages(POLICIES)) == REFUSAL


async def test_dates_in_metadata_decide_where_titles_have_none(model: QuoteModel):
    old, new = "Old terms", "New terms"
    text = "You can return an item within {} days of delivery."
    found = passages(
        {old: text.format(14), new: text.format(60)},
        effective={old: "2022-01-01", new: "2026-01-01"},
    )

    for order in (found, found[::-1]):
        assert "within 60 days" in await answer(model, "How long can I return an item?", order)


async def test_the_newest_is_found_below_the_passages_that_are_read(embedder: Embedder):
    async with open_quote_model({"passages": 1}, embedder=embedder) as model:
        text = await answer(model, "How long do I have to return an item?", passages(POLICIES))

    assert "60 days" in text


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "Who won the world cup in 2018?",
        "quantum physics",
        "hello",
    ],
)
async def test_off_topic_is_refused(model: QuoteModel, question: str):
    assert await answer(model, question, passages({**POLICIES, **PRODUCTS})) == REFUSAL


async def test_without_passages_it_refuses(model: QuoteModel):
    assert await answer(model, "How long do refunds take?", ()) == REFUSAL


async def test_passages_of_headings_or_blanks_are_no_answer(model: QuoteModel):
    found = passages({"A": "  \n\n ", "B": "???", "C": ""})

    assert await answer(model, "How long do refunds take?", found) == REFUSAL


async def test_caution_moves_the_point_of_refusal(embedder: Embedder):
    question, found = "Do you sell bicycles?", passages(POLICIES)
    async with (
        open_quote_model({"caution": 0.0}, embedder=embedder) as bold,
        open_quote_model({"caution": 1.0}, embedder=embedder) as shy,
    ):
        assert await answer(bold, question, found) != REFUSAL
        assert await answer(shy, "Is return postage free?", found) == REFUSAL


async def test_the_reader_tells_an_answer_from_what_only_shares_its_words(embedder: Embedder):
    found = passages({"Shop": "The shop was opened by Anna Berg in 2015. It sells tents."})

    async def chance(question: str, *, reader: bool) -> float:
        async with open_quote_model({"reader": reader}, embedder=embedder) as model:
            return (await model.choose(ask(question, found))).probability

    right, wrong = "Who opened the shop in 2015?", "Who opened the bank in 2015?"
    light = await chance(right, reader=False) - await chance(wrong, reader=False)

    assert await chance(right, reader=True) - await chance(wrong, reader=True) > light


async def test_a_sentence_is_shortened_to_the_words_that_answer(embedder: Embedder):
    found = passages(
        {
            "Shop": "The shop by the old harbour, which sells tents, lamps and ropes to those who "
            "walk the coast, was founded in 2015, after the ferry had stopped, by Anna Berg."
        }
    )
    async with open_quote_model({"words": 12, "caution": 0}, embedder=embedder) as model:
        text = await answer(model, "Who founded the shop by the harbour?", found)

    assert "Anna Berg" in text
    assert len(text.split()) <= 13


async def test_looking_for_things_shows_several_documents(model: QuoteModel):
    text = await answer(model, "rainy weather gear", passages(PRODUCTS))

    assert "umbrella" in text
    assert "coat" in text
    assert "desert" not in text


async def test_a_bound_on_the_price_leaves_out_what_costs_more(model: QuoteModel):
    text = await answer(model, "rain gear under $50", passages(PRODUCTS, price=PRICES))

    assert "umbrella" in text
    assert "coat" not in text


async def test_a_list_is_given_with_its_lead(model: QuoteModel):
    found = passages({"Repair kit": KIT, **PRODUCTS})

    assert await answer(model, "What does the repair kit for tents include?", found) == (
        "The repair kit for tents includes: [1]\n- two metres of tape [1]\n- a needle [1]\n"
        "- a tube of glue [1]"
    )


CODE = """store = client.vector_stores.create(name="handbook")
found = client.vector_stores.search(
    store.id,
    query="Which stores are supported?",
)
for hit in found:
    print(hit.filename, round(hit.score, 2))"""


async def test_code_is_quoted_only_where_it_is_asked_for(model: QuoteModel):
    found = passages(
        {"Stores": CODE, "Supported": "Supported vector stores are SQLite and Milvus."}
    )
    said = await answer(model, "Which vector stores are supported?", found)
    assert said == "Supported vector stores are SQLite and Milvus. [2]"
    assert await answer(model, "Which vector stores are supported?", found[:1]) == REFUSAL
    assert quotable(CODE, read_question("Which vector stores are supported?")) == []
    assert quotable(CODE, read_question("How do I search a vector store in Python?"))


async def test_a_question_for_two_things_gets_two_sentences(model: QuoteModel):
    text = (
        "Refunds take five working days. The shop is red. Return postage is paid by the customer."
    )
    question = "How long do refunds take and who pays the return postage?"

    assert await answer(model, question, passages({"Terms": text})) == (
        "Refunds take five working days. [1] Return postage is paid by the customer. [1]"
    )


async def test_the_answer_under_a_question_is_quoted_not_the_question(model: QuoteModel):
    text = "Q: How long do refunds take?\nA: Five working days.\n\nQ: Who pays?\nA: The customer."

    assert await answer(model, "How long do refunds take?", passages({"FAQ": text})) == (
        "Five working days. [1]"
    )


async def test_a_long_sentence_is_shortened_word_for_word(embedder: Embedder):
    text = (
        "The shop, which opened in 2015 near the old harbour and has been enlarged twice, sells "
        "tents and mats, and the repair workshop in the basement mends broken zips within three days"
    )
    async with open_quote_model({"words": 15}, embedder=embedder) as model:
        given = await answer(
            model, "How fast does the workshop mend broken zips?", passages({"Shop": text})
        )

    quote = given.removesuffix(" [1]")
    assert quote in text
    assert "three days" in quote
    assert len(quote.split()) <= 15


async def test_sentences_beyond_the_encoders_window_are_found(model: QuoteModel):
    filler = "The meadow behind the house is green and quiet in the morning. " * 40
    found = passages({"House": filler + "The chimney was repaired by Anna Berg."})

    assert await answer(model, "Who repaired the chimney?", found) == (
        "The chimney was repaired by Anna Berg. [1]"
    )


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(
        st.text(
            alphabet=st.sampled_from("abc AB12.,:;!?()-\n|*#é雨$\"'"), min_size=1, max_size=400
        ),
        min_size=1,
        max_size=4,
    ),
    question=st.text(min_size=1, max_size=60).filter(lambda q: q.strip() != ""),
)
async def test_every_piece_is_a_substring_of_its_passage(texts: list[str], question: str):
    found = passages({f"T{n}": text for n, text in enumerate(texts)})
    async with (
        open_hashing_embedder({}) as embedder,
        open_quote_model({"caution": 0}, embedder=embedder) as model,
    ):
        choice = await model.choose(ask(question, found))

    for piece in choice.pieces:
        assert piece.text
        assert piece.text in piece.passage.hit.text
        assert piece.text == piece.text.strip()


async def test_a_plain_embedder_will_do():
    async with (
        open_hashing_embedder({}) as embedder,
        open_quote_model({}, embedder=embedder) as model,
    ):
        found = passages(POLICIES)
        given = await answer(model, "How many days from delivery to return an item?", found)
        assert "You have 60 days" in given
        assert await answer(model, "What is the capital of France?", found) == REFUSAL


async def test_the_stream_is_texts_then_one_finished_with_estimated_usage(model: QuoteModel):
    *texts, last = await events_of(model, ask("rainy weather gear", passages(PRODUCTS)))

    assert len(texts) == 2
    assert all(isinstance(e, TextDelta) and e.text for e in texts)
    assert isinstance(last, Finished)
    assert last.reason == "stop"
    assert last.usage.estimated
    assert last.usage.output_tokens > 0


async def test_a_token_limit_keeps_whole_sentences(model: QuoteModel):
    request = ask("rainy weather gear", passages(PRODUCTS), max_output_tokens=17)
    *texts, last = await events_of(model, request)

    assert [e.text for e in texts if isinstance(e, TextDelta)] == [
        "A folding umbrella that keeps you dry in heavy rain. [1]"
    ]
    assert isinstance(last, Finished)
    assert last.reason == "length"


@pytest.mark.parametrize("question", ["", "  \n"])
async def test_an_empty_question_is_invalid(model: QuoteModel, question: str):
    with pytest.raises(InvalidInput, match="empty"):
        await events_of(model, ask(question, passages(PRODUCTS)))


class Stuck:
    """An encoder that never comes back."""

    fingerprint = "stuck"
    dimensions = 4
    token_width = 4

    def __init__(self) -> None:
        self.running = asyncio.Event()
        self.stopped = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> Any:
        raise AssertionError("token vectors are asked for")

    async def embed_late(self, texts: Sequence[str]) -> list[LateVectors]:
        self.running.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()
        return []

    async def late_spans(self, texts: Sequence[str]) -> list[Spans]:
        raise AssertionError("nothing was kept")


async def test_cancelling_stops_the_reading():
    stuck = Stuck()
    async with open_quote_model({}, embedder=stuck) as model, asyncio.TaskGroup() as group:
        reader = group.create_task(events_of(model, ask("What is it?", passages(PRODUCTS))))
        await stuck.running.wait()
        reader.cancel()

    assert reader.cancelled()
    assert stuck.stopped.is_set()


async def test_the_deadline_ends_a_slow_reading():
    soon = asyncio.get_running_loop().time() + 0.02
    async with open_quote_model({}, embedder=Stuck()) as model:
        with pytest.raises(UpstreamTimeout, match="deadline"):
            await events_of(model, ask("What is it?", passages(PRODUCTS), deadline=soon))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": (ToolSpec("t"),), "tool_choice": ToolChoice("required")}, "tool_choice"),
        ({"output": OutputFormat()}, "response_format"),
        ({"output": OutputFormat({"type": "object"})}, "response_format"),
        ({"logprobs": 0}, "logprobs"),
        (
            {"messages": (Message("user", "What?", parts=(ImagePart("https://h/a.png"),)),)},
            "messages",
        ),
    ],
)
async def test_what_sentences_of_passages_cannot_be_is_refused(
    model: QuoteModel, fields: dict[str, Any], param: str
):
    request = ChatRequest(**{"messages": (Message("user", "What?"),), **fields})

    with pytest.raises(InvalidInput, match="'quote' picks sentences") as caught:
        await anext(model.stream(request))

    assert caught.value.param == param


async def test_tools_that_it_may_call_it_does_not(model: QuoteModel):
    request = ChatRequest(
        (Message("user", "What?"),), tools=(ToolSpec("t"),), tool_choice=ToolChoice("auto")
    )
    events = [event async for event in model.stream(request)]

    assert events[0] == TextDelta(REFUSAL)
