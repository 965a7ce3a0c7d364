"""Guards: spans of personal data by type, injections by source, leaks of streams, and what it costs.

`streams`, `tokens` or `megabytes` as the argument does that part alone.

One thread. Thresholds are the defaults; nothing was fitted to these rows.
"""

import base64
import json
import random
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.domain.guard import Finding, TextKind
from bedplate.encoder import open_packaged
from bedplate.guards.injection import Scanner, ScannerOptions
from bedplate.guards.injection_model import EncoderOptions, TwoHeads
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.pii_head import TagHead
from bedplate.guards.protocol import PiiGuard
from bedplate.guards.reading import NAME, PACKAGE, Reader, SegmentReader
from bedplate.guards.stream import StreamGuard
from bedplate.guards.tagged import TAGS, TaggedGuard

OURS = {
    "CREDIT_CARD": "CARD", "PHONE_NUMBER": "PHONE", "US_SSN": "SSN", "IBAN_CODE": "IBAN",
    "EMAIL_ADDRESS": "EMAIL", "IP_ADDRESS": "IP", "US_DRIVER_LICENSE": "DRIVER_LICENSE",
    "STREET_ADDRESS": "ADDRESS", "ZIP_CODE": "ZIP",
}  # fmt: skip
"""Types of the sets that patterns look for; names, places and firms have no shape."""

SPLITS, TAGGED_SPLITS = 100_000, 20_000
SAMPLES = 1_000
"""Of the bootstrap."""

GUARD = PatternGuard(TYPES)
LEVEL = 0.5


def interval(flags: Sequence[bool]) -> str:
    """The share, and 95 % of bootstrap samples of it."""
    draw = random.Random(7)
    count = len(flags)
    shares = sorted(sum(draw.choices(flags, k=count)) / count for _ in range(SAMPLES))
    return f"{sum(flags) / count:.3f} ({shares[25]:.3f} to {shares[974]:.3f}), n = {count}"


def overlaps(found: Finding, span: dict[str, int]) -> bool:
    shared = min(found.end, span["end"]) - max(found.start, span["start"])
    return 2 * shared >= max(found.end - found.start, span["end"] - span["start"])


def pii(name: str) -> None:
    """Same type, and half of the longer span shared. ADDRESS of the large set spans several lines."""
    hits, missed, wrong = Counter[str](), Counter[str](), Counter[str]()
    characters, started = 0, time.process_time()
    for row in rows(folder("pii") / f"{name}.jsonl"):
        characters += len(row["text"])
        found = list(GUARD.find(row["text"]))
        for span in row["spans"]:
            wanted = OURS.get(span["type"])
            if wanted is None:
                continue
            hit = next((f for f in found if f.type == wanted and overlaps(f, span)), None)
            if hit is None:
                missed[wanted] += 1
            else:
                found.remove(hit)
                hits[wanted] += 1
        wrong.update(f.type for f in found)
    took = time.process_time() - started
    print(f"{name}: {took * 1e6 / characters:.2f} CPU-ms/kB")
    for type in sorted({*hits, *missed}):
        precision = hits[type] / max(1, hits[type] + wrong[type])
        recall = hits[type] / max(1, hits[type] + missed[type])
        f2 = 5 * precision * recall / max(1e-9, 4 * precision + recall)
        print(
            f"  {type:15} P {precision:.3f} R {recall:.3f} F2 {f2:.3f} n = {hits[type] + missed[type]}"
        )
    print(
        f"  found where the set has no such type: {dict(wrong - Counter(dict.fromkeys([*hits, *missed], 10**9)))}"
    )


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    order = sorted([(s, 1) for s in positives] + [(s, 0) for s in negatives])
    ranks: dict[float, float] = {}
    for score in {s for s, _ in order}:
        places = [n for n, (s, _) in enumerate(order, 1) if s == score]
        ranks[score] = statistics.mean(places)
    total = sum(ranks[s] for s in positives)
    count = len(positives)
    return (total - count * (count + 1) / 2) / (count * len(negatives))


def injections() -> None:
    scanner = Scanner(ScannerOptions(), {}, ThreadPoolExecutor(1))

    def scores(label: str, texts: Iterable[str], kind: TextKind) -> list[float]:
        given = list(texts)
        started = time.process_time()
        made = [scanner.reasons(text, kind)[0] for text in given]
        took = (time.process_time() - started) * 1e6 / max(1, sum(map(len, given)))
        flagged = [score >= LEVEL for score in made]
        print(f"{label:38} flagged {interval(flagged)}; {took:.1f} CPU-ms/kB", flush=True)
        return made

    def read(name: str) -> list[dict[str, Any]]:
        return list(rows(folder("injection") / f"{name}.jsonl"))

    deepset = read("deepset_train")
    attacks = scores("deepset, attacks", (r["text"] for r in deepset if r["label"]), "user")
    benign = scores("deepset, benign", (r["text"] for r in deepset if not r["label"]), "user")
    print(f"  AUROC {auroc(attacks, benign):.3f}")
    for name in ("notinject", "wildguard_benign", "xstest"):
        scores(f"{name}, benign", (r["text"] for r in read(name)), "user")
    for name in ("jailbreaks", "sysprompt_extraction", "cyberseceval_injection"):
        scores(f"{name}, attacks", (r["text"] for r in read(name)), "user")
    name = "cyberseceval_injection_multilingual"
    scores("the same in 17 languages, attacks", (r["text"] for r in read(name)), "user")
    for language in ("en", "de", "es", "zh", "ar"):
        questions = (r["question"] for r in rows(folder("qa_xquad") / f"xquad_{language}.jsonl"))
        scores(f"questions in {language}, benign", questions, "user")
    documents = read("bipia_documents_train")
    for label, word in ((1, "injected"), (0, "clean")):
        texts = (r["document"] for r in documents if r["label"] == label)
        scores(f"BIPIA documents, {word}", texts, "document")


def streams() -> None:
    """Texts with planted values cut at random, by patterns, and some of them with the model as well."""
    texts = [row["text"] for row in rows(folder("pii") / "presidio_generated_large.jsonl")]
    texts += [row["text"] for row in rows(folder("pii") / "presidio_synth_v2.jsonl")]
    encoder, facts = open_packaged(PACKAGE, NAME)
    head = TagHead(SegmentReader(lambda: encoder), facts, {})
    split("patterns", GUARD, texts, SPLITS)
    split("tags", TaggedGuard(GUARD, head, TAGS), texts, TAGGED_SPLITS)


def split(name: str, guard: PiiGuard, texts: Sequence[str], count: int) -> None:
    """Whatever leaves must be the whole's own beginning. The time of a token is that of four
    characters, in texts that the guard has not read before.
    """
    draw = random.Random(7)
    delays, held = list[float](), list[int]()
    for text in texts:
        stream = _stream(guard)
        for start in range(0, len(text), 4):
            began = time.thread_time()
            stream.push(text[start : start + 4])
            delays.append(time.thread_time() - began)
            held.append(stream.held)
        stream.finish()
    wholes = [guard.scrub(text).text for text in texts]
    leaks = 0
    for number in range(count):
        text, whole = texts[number % len(texts)], wholes[number % len(texts)]
        cuts = {draw.randrange(len(text) + 1) for _ in range(draw.randrange(12))}
        stream, left = _stream(guard), ""
        for start, end in pairwise(sorted({0, len(text), *cuts})):
            left += stream.push(text[start:end])
            leaks += not whole.startswith(left)
        leaks += left + stream.finish() != whole
    delays.sort()
    held.sort()
    print(
        f"{name}: {count:,} random splits: {leaks} leaks or differences; a token takes "
        f"p50 {delays[len(delays) // 2] * 1e6:.0f}, p99 {delays[len(delays) * 99 // 100] * 1e6:.0f} us of CPU; "
        f"held back p50 {held[len(held) // 2]}, p99 {held[len(held) * 99 // 100]} characters",
        flush=True,
    )


def _stream(guard: PiiGuard) -> StreamGuard:
    return StreamGuard(guard.finder(guard.scan), lambda type, _: f"[{type}]")


def tokens() -> None:
    """An answer of 300 tokens, four characters each, behind a request of 1,000; other texts each time
    and other memories each way, since what was read is known.
    """
    sets = ("presidio_synth_v2", "presidio_generated_large")
    corpus = " ".join(r["text"] for name in sets for r in rows(folder("pii") / f"{name}.jsonl"))
    rounds = len(corpus) // 5_200
    pool = ThreadPoolExecutor(1)
    scanner = Scanner(ScannerOptions(), {}, pool)
    encoder, facts = open_packaged(PACKAGE, NAME)

    def model(reader: Reader) -> TwoHeads:
        return TwoHeads(reader, facts, EncoderOptions(), pool)

    def tagged(reader: Reader) -> TaggedGuard:
        return TaggedGuard(GUARD, TagHead(reader, facts, {}), TAGS)

    def fresh() -> Reader:
        return SegmentReader(lambda: encoder)

    shared = fresh()
    ways: Mapping[str, tuple[PiiGuard, TwoHeads | None]] = {
        "patterns and rules": (GUARD, None),
        "patterns, rules and the model against injections": (GUARD, model(fresh())),
        "patterns, tags and rules": (tagged(fresh()), None),
        "patterns, tags, rules and the model, each read by itself": (
            tagged(fresh()),
            model(fresh()),
        ),
        "patterns, tags, rules and the model": (tagged(shared), model(shared)),
    }
    for name, (guard, beside) in ways.items():
        used, took = list[float](), list[float]()
        for number in range(rounds):
            begin = number * 5_200
            request, answer = corpus[begin : begin + 4_000], corpus[begin + 4_000 : begin + 5_200]
            began, started = time.perf_counter(), time.thread_time()
            scanner.looked(request, "user", beside)
            guard.find(request)
            stream = _stream(guard)
            for start in range(0, len(answer), 4):
                stream.push(answer[start : start + 4])
            stream.finish()
            used.append((time.thread_time() - started) * 1_000)
            took.append((time.perf_counter() - began) * 1_000)
        used.sort()
        took.sort()
        print(f"1,000 tokens in, 300 out, {name}, {rounds} rounds: {used[rounds // 2]:.0f} CPU-ms, most "
              f"{used[-1]:.0f}; wall p50 {took[rounds // 2]:.0f}, p99 {took[rounds * 99 // 100]:.0f} ms",
              flush=True)  # fmt: skip


def megabytes() -> None:
    """Text of a megabyte and of four that is meant to be slow: CPU a kB, and by how much it grows."""
    scanner = Scanner(ScannerOptions(), {}, ThreadPoolExecutor(1))
    prose = " ".join(row["text"] for row in rows(folder("qa_squad2") / "paragraphs.jsonl"))
    value = "ann.lee@example.com 4111 1111 1111 1111 "
    shapes: Mapping[str, Callable[[int], str]] = {
        "prose": lambda size: (prose * (size // len(prose) + 1))[:size],
        "one word": lambda size: "a" * size,
        "one number": lambda size: "1" * size,
        "base64": lambda size: base64.b64encode(prose.encode() * (size // len(prose) + 1))[:size].decode(),
        "base64 three deep": lambda size: _nested(prose, size),
        "findings": lambda size: value * (size // len(value)),
        "marks of direction": lambda size: "\u202eab\u202c\u200f" * (size // 5),
        "for backtracking": lambda size: ("a" * 40 + "@" + "a." * 40 + " <" + "-" * 300)[:400] * (size // 400),
        "brackets": lambda size: "<!--" * (size // 4),
        "letters apart": lambda size: "i g n o r e " * (size // 12),
    }  # fmt: skip
    ways: Mapping[str, Callable[[str], object]] = {
        "patterns": GUARD.scrub,
        "rules": lambda text: scanner.reasons(text, "document"),
    }
    for name, make in shapes.items():
        told: list[str] = []
        for what, look in ways.items():
            spent: list[float] = []
            for size in (1 << 20, 4 << 20):
                text = make(size)
                started = time.thread_time()
                look(text)
                spent.append(time.thread_time() - started)
            told.append(
                f"{what} {spent[1] * 1000 / 4096:.2f} CPU-ms/kB, x {spent[1] / spent[0]:.1f} for four"
            )
        print(f"{name}: {'; '.join(told)}", flush=True)
    print(f"the most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


def _nested(text: str, size: int) -> str:
    """Pieces that are base64 of base64 of base64."""
    piece = text[:600].encode()
    for _ in range(3):
        piece = base64.b64encode(piece)
    return (piece.decode() + " ") * (size // (len(piece) + 1))


def main() -> None:
    parts = {"streams": streams, "tokens": tokens, "megabytes": megabytes}
    try:
        if len(sys.argv) > 1:
            parts[sys.argv[1]]()
            return
        for name in ("presidio_synth_v2", "presidio_generated_large"):
            pii(name)
        injections()
        for part in parts.values():
            part()
    except NoData as missing:
        print(json.dumps({"skipped": str(missing)}))
        sys.exit(0)


if __name__ == "__main__":
    main()
