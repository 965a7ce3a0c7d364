"""An open App's parts, each used once. Nothing is changed, and nothing called that costs money."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from bedplate.app import App
from bedplate.config import Config
from bedplate.doctor.findings import Finding
from bedplate.doctor.offers import judge_offer
from bedplate.domain.chat import ChatRequest, Message, Passage, TextDelta
from bedplate.domain.ids import DEFAULT_TENANT, ChunkId, DocumentId
from bedplate.domain.retrieval import Collection, Hit
from bedplate.errors import BedplateError
from bedplate.ingest.recall import TOP, MeasuredRecall, measure_recall
from bedplate.judges.protocol import Case

LOW_RECALL = 0.95

LOCAL = frozenset({"quote", "scripted", "overlap", "evidence", "nli"})
"""Adapters that run here and cost nothing, so that the doctor may call them."""

QUESTION = "How long do refunds take?"
_TEXT = "Refunds are paid within 60 days."
PASSAGE = Passage(
    1, Hit(DocumentId("d"), ChunkId("d#0"), 1.0, _TEXT, "Refunds", "doctor", 0, len(_TEXT))
)


async def check_parts(app: App, *, recall_seconds: float) -> AsyncIterator[Finding]:
    """Embedder, collections, guards, local models and tools; searches are compared with exact ones
    for so long, of all collections together, or not at all for 0.
    """
    yield await _embedder(app)
    async for finding in _collections(app, recall_seconds):
        yield finding
    yield _pii(app)
    yield await _groundedness(app)
    async for finding in _local_models(app):
        yield finding
    for offer in await app.toolbox.offers():
        yield judge_offer(offer)


async def _embedder(app: App) -> Finding:
    vectors = await app.embedder.embed(["ready"])
    verified = " (SHA-256 of weights and tokenizer verified)" if _is_bundled(app.config) else ""
    detail = f"{app.embedder.fingerprint}, {vectors.shape[1]} dimensions{verified}"
    if app.config.embedder.use == "hashing":
        remedy = 'It knows no meaning and is for tests: set embedder.use = "onnx".'
        return Finding("embedder", "warn", detail, remedy)
    return Finding("embedder", "ok", detail)


def _is_bundled(config: Config) -> bool:
    return config.embedder.use == "onnx" and "model" not in config.embedder.options


async def _collections(app: App, recall_seconds: float) -> AsyncIterator[Finding]:
    collections = await app.catalog.collections.list(DEFAULT_TENANT)
    for collection in collections:
        detail = f"{_counted(collection.documents, 'document')}, {_counted(collection.chunks, 'passage')}"
        if collection.embedder != app.embedder.fingerprint:
            served = app.former is not None and app.former.fingerprint == collection.embedder
            yield Finding(
                f"collection {collection.name}",
                "warn" if served else "fail",
                f"{detail}; made with the embedder {collection.embedder}.",
                f"Run `bedplate reindex -c {collection.name}`, or configure that embedder.",
            )
        else:
            yield Finding(f"collection {collection.name}", "ok", detail)
            if recall_seconds:
                yield await _recall(app, collection, recall_seconds / len(collections))
    known = {collection.name for collection in collections}
    for name, assistant in app.config.assistants.items():
        if missing := [wanted for wanted in assistant.collections if wanted not in known]:
            yield Finding(
                f"assistant {name}",
                "warn",
                f"It answers from {', '.join(missing)}, which is not there.",
                f"Run `bedplate ingest PATH -c {missing[0]}`, or correct its collections.",
            )


async def _recall(app: App, collection: Collection, seconds: float) -> Finding:
    check = f"recall {collection.name}"
    try:
        found = await measure_recall(app.catalog, app.store, collection, seconds=seconds)
    except BedplateError as error:
        remedy = f"Run `bedplate reindex -c {collection.name}`; if that fails, see the message."
        return Finding(check, "fail", error.message, remedy)
    return judge_recall(check, collection, found)


def judge_recall(check: str, collection: Collection, found: MeasuredRecall) -> Finding:
    """What a measured recall means."""
    if found.recall is None:
        return Finding(check, "ok", "Every vector is compared: searches are exact.")
    part = "" if found.compared >= collection.chunks else f" of {collection.chunks:,}"
    detail = (
        f"recall@{TOP} is {found.recall:.3f} over {found.queries} searches, compared with "
        f"{found.compared:,}{part} passages."
    )
    if found.recall < LOW_RECALL:
        remedy = (
            f"Run `bedplate reindex -c {collection.name}`, which rebuilds the index; if that does "
            "not help, raise the store's own search effort."
        )
        return Finding(check, "warn", detail, remedy)
    return Finding(check, "ok", detail)


def _pii(app: App) -> Finding:
    if app.safeguards.pii is None:
        remedy = 'Set guards.pii = { use = "patterns" } unless this is meant.'
        return Finding("guard pii", "warn", "Personal data is kept as it is.", remedy)
    scrubbed = app.safeguards.pii.scrub("Write to ann@example.com.")
    if "ann@example.com" in scrubbed.text:
        return Finding(
            "guard pii", "fail", "It let an e-mail address through.", "Reinstall Bedplate."
        )
    return Finding("guard pii", "ok", f"It replaces personal data: {scrubbed.text!r}")


async def _local_models(app: App) -> AsyncIterator[Finding]:
    """Models of this process answer once. Others are opened only: a call may cost something."""
    request = ChatRequest((Message("user", QUESTION),), (PASSAGE,), asked=QUESTION)
    for name, slot in app.config.models.items():
        check = f"model {name}"
        if slot.use == "openai":
            continue
        if slot.use not in LOCAL:
            yield Finding(check, "ok", f"{slot.use} opens; it was not called.")
            continue
        answer = ""
        try:
            async with aclosing(app.turn.stream(name, request)) as events:
                async for event in events:
                    answer += event.text if isinstance(event, TextDelta) else ""
        except BedplateError as error:
            yield Finding(check, "fail", error.message, f"Correct models.{name}.")
        else:
            yield Finding(check, "ok", f"{app.turn.model(name).name} runs: {answer!r}")


async def _groundedness(app: App) -> Finding:
    check, slot = "guard groundedness", app.config.guards.groundedness
    if slot.use not in LOCAL:
        return Finding(check, "ok", f"{slot.use} opens; it was not called.")
    found = await app.safeguards.grounding.check(
        Case(QUESTION, (PASSAGE,)), f"{PASSAGE.hit.text} [1]"
    )
    if found.verdict == "failed":
        return Finding(check, "fail", found.reason, "Correct guards.groundedness.")
    detail = f"{slot.use} runs: {found.verdict} ({found.score:.2f})"
    return Finding(
        check, "ok", f"{detail}; supported from {app.safeguards.grounding.threshold:.2f} on"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
