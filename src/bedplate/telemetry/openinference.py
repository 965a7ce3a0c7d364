"""Spans in the words of OpenInference, which Arize Phoenix shows best.

Source: https://arize-ai.github.io/openinference/spec/semantic_conventions.html
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from bedplate.domain.traces import EndedSpan, Value
from bedplate.telemetry.conventions import (
    ANSWER,
    COST,
    DOCUMENTS,
    GUARD,
    HITS,
    INPUT_MESSAGES,
    INPUT_TOKENS,
    OPERATION,
    OUTPUT_MESSAGES,
    OUTPUT_TOKENS,
    QUERY,
    QUESTION,
    REQUEST_MODEL,
    RESPONSE_MODEL,
)

KINDS = {"chat": "LLM", "embeddings": "EMBEDDING", "retrieval": "RETRIEVER"}
RENAMED = {
    INPUT_TOKENS: "llm.token_count.prompt",
    OUTPUT_TOKENS: "llm.token_count.completion",
    COST: "llm.cost.total",
}
INPUTS = (QUESTION, QUERY, INPUT_MESSAGES)
OUTPUTS = (ANSWER, OUTPUT_MESSAGES)
DOCUMENT = "retrieval.documents"


def openinference(span: EndedSpan) -> dict[str, Value]:
    """What is to be said beside the span's own attributes."""
    found, said = span.attributes, span.content
    kind = KINDS.get(str(found.get(OPERATION)), "GUARDRAIL" if GUARD in found else "CHAIN")
    made: dict[str, Value] = {"openinference.span.kind": kind}
    if kind == "LLM":
        made["llm.model_name"] = found.get(RESPONSE_MODEL) or found.get(REQUEST_MODEL) or ""
        made |= {other: found[name] for name, other in RENAMED.items() if name in found}
        total = sum(int(found.get(name, 0)) for name in (INPUT_TOKENS, OUTPUT_TOKENS))
        made["llm.token_count.total"] = total
        made |= dict(_messages("llm.input_messages", said.get(INPUT_MESSAGES)))
        made |= dict(_messages("llm.output_messages", said.get(OUTPUT_MESSAGES)))
    if kind == "RETRIEVER":
        made |= dict(_documents(found.get(HITS), said.get(DOCUMENTS)))
    for name, keys in (("input.value", INPUTS), ("output.value", OUTPUTS)):
        text = next((said[key] for key in keys if key in said), None)
        if text is not None:
            made[name] = text
    return made


def _documents(hits: Value | None, said: str | None) -> Iterator[tuple[str, Value]]:
    texts = {each.get("id"): each.get("content") for each in _records(said)}
    for number, hit in enumerate(_records(hits)):
        prefix = f"{DOCUMENT}.{number}.document"
        yield f"{prefix}.id", str(hit.get("chunk_id"))
        yield f"{prefix}.score", float(hit.get("score") or 0)
        if isinstance(text := texts.get(hit.get("chunk_id")), str):
            yield f"{prefix}.content", text


def _messages(prefix: str, said: str | None) -> Iterator[tuple[str, Value]]:
    for number, message in enumerate(_records(said)):
        parts = cast(list[Mapping[str, Any]], message.get("parts") or [])
        texts = [part.get("content") or part.get("response") for part in parts]
        yield f"{prefix}.{number}.message.role", str(message.get("role"))
        yield f"{prefix}.{number}.message.content", "\n".join(filter(None, texts))


def _records(text: Value | None) -> Sequence[Mapping[str, Any]]:
    """Nothing of a text that is no list, as where redaction failed."""
    if not isinstance(text, str):
        return []
    try:
        return msgspec.json.decode(text, type=list[dict[str, Any]])
    except msgspec.DecodeError:
        return []
