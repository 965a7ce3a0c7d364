"""Parsing of real files, ours beside kreuzberg: what is read, how well, and what it costs.

A file is parsed when text comes out of it, of whatever reader. Similarity to the expected Markdown
of a file, over its words (case folded, markup dropped): recall and F1 of the multisets of words,
and order = 2 * LCS / (words of both), the longest common subsequence; over the files that every
reader of that ending parsed, so that none is better for refusing hard ones. Ours repeats the names
of a table's columns in each row, which costs F1 and order.

Cost is CPU time of the reader's process over the same ok files (no scans, no hostile ones), less
what it takes to start and read one word. Pages are those that ours counts (slides, sheets), where
it does; elsewhere a document counts as one. Arguments are endings to measure alone:
`bench_formats.py pptx xlsx`. `--peers PYTHON` is the interpreter of an environment that has the
others, where they are not in ours.
"""

import argparse
import asyncio
import json
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows

from bedplate.domain.documents import Blob
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.isolated import open_parser
from bedplate.parsers.protocol import ParseLimits

LIMITS = ParseLimits(seconds=60)
HOSTILE = {"malformed", "adversarial", "encrypted", "huge", "empty"}
BREACHES = {"crashed", "timeout"}
LEAST_CPU = 0.02
"""Seconds below which a rate says nothing."""
MARKUP = re.compile(r"<!--.*?-->|&\w+;|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)", re.DOTALL)
PEERS = ("kreuzberg", "pypdf", "markitdown")
PEER = """
import json, sys
reader = sys.argv[1]
if reader == "kreuzberg":
    from kreuzberg import ExtractionConfig, extract_file_sync
    config = ExtractionConfig(use_cache=False)
    def read(path): return extract_file_sync(path, config=config).content
elif reader == "pypdf":
    from pypdf import PdfReader
    def read(path): return "\\n".join(page.extract_text() for page in PdfReader(path).pages)
else:
    from markitdown import MarkItDown
    def read(path): return MarkItDown().convert(path).text_content
for path in sys.argv[2:]:
    try:
        text = read(path)
    except Exception as error:
        print(json.dumps({"path": path, "error": repr(error)[:200]}), flush=True)
    else:
        print(json.dumps({"path": path, "text": text}), flush=True)
"""


@dataclass(frozen=True)
class Result:
    """A file's text, or None with the reason why there is none."""

    text: str | None
    reason: str = ""
    pages: int = 1


@dataclass(frozen=True)
class Reading:
    """What one reader made of the files of one ending; `cpu_s` is for the ok ones."""

    results: Mapping[Path, Result]
    cpu_s: float


@dataclass(frozen=True)
class Reader:
    """`python` is None for ours."""

    name: str
    python: str | None = None


def said(text: str, pages: int = 1) -> Result:
    return Result(text, pages=pages) if text.strip() else Result(None, "no text came out")


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest one, a bit for each word of `first` (Hyyrö, 2004)."""
    masks: dict[str, int] = {}
    for place, word in enumerate(first):
        masks[word] = masks.get(word, 0) | 1 << place
    whole = (1 << len(first)) - 1
    state = whole
    for word in second:
        matched = state & masks.get(word, 0)
        state = ((state + matched) | (state - matched)) & whole
    return len(first) - state.bit_count()


def similarity(expected: str, got: str) -> tuple[float, float, float]:
    """Recall, F1 and order."""
    wanted, found = words(MARKUP.sub(" ", expected)), words(got)
    shared = (Counter(wanted) & Counter(found)).total()
    both = max(1, len(wanted) + len(found))
    return (
        shared / max(1, len(wanted)),
        2 * shared / both,
        2 * common_subsequence(wanted, found) / both,
    )


def children_cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


async def ours(paths: Sequence[Path]) -> dict[Path, Result]:
    found: dict[Path, Result] = {}
    async with open_parser(LIMITS, slots=1) as parser:
        for path in paths:
            try:
                parsed = await parser.parse(Blob(path.read_bytes(), path.name))
            except (Unreadable, TooLarge) as error:
                reason = error.reason if isinstance(error, Unreadable) else "too_large"
                found[path] = Result(None, reason)
            else:
                text = "\n\n".join(document.text for document in parsed.documents)
                pages = sum(document.pages or 1 for document in parsed.documents)
                found[path] = said(text, pages)
    return found


def peer(python: str, name: str, paths: Sequence[Path]) -> dict[Path, Result]:
    """A process for all files; one that dies or hangs is started again after the file it was at."""
    found: dict[Path, Result] = {}
    while rest := [path for path in paths if path not in found]:
        command = [python, "-c", PEER, name, *map(str, rest)]
        reason = "crashed"
        try:
            output = subprocess.run(command, capture_output=True, timeout=120, check=False).stdout
        except subprocess.TimeoutExpired as error:
            output, reason = error.stdout or b"", "timeout"
        for line in output.decode("utf-8", "replace").splitlines():
            if line.startswith('{"path"'):
                reply = json.loads(line)
                text, error = reply.get("text"), reply.get("error", "")
                found[Path(reply["path"])] = Result(None, error) if error else said(text)
        missing = next((path for path in rest if path not in found), None)
        if missing is not None:
            found[missing] = Result(None, reason)
    return found


def read(reader: Reader, paths: Sequence[Path]) -> tuple[dict[Path, Result], float]:
    """What comes of the files, and the CPU seconds it took."""
    before = children_cpu()
    python = reader.python
    found = asyncio.run(ours(paths)) if python is None else peer(python, reader.name, paths)
    return found, children_cpu() - before


def is_there(reader: Reader) -> bool:
    return reader.python is None or not subprocess.run(
        [reader.python, "-c", f"import {reader.name}"], capture_output=True, check=False
    ).returncode  # fmt: skip


def start_up(reader: Reader) -> float:
    """CPU seconds to start a reader and to read one word, in what it can read."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "a.txt"
        path.write_text("word", encoding="utf-8")
        return min(read(reader, [path])[1] for _ in range(3))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("endings", nargs="*")
    arguments.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    chosen = arguments.parse_args()
    try:
        root = folder("formats")
    except NoData as reason:
        print(f"skipped: {reason}")
        return
    by_ending: dict[str, dict[Path, dict[str, Any]]] = {}
    for row in rows(root / "manifest.jsonl"):
        if row["ext"] in chosen.endings or not chosen.endings:
            by_ending.setdefault(row["ext"], {})[root / row["file"]] = row
    readers: dict[Reader, float] = {}
    for reader in (Reader("bedplate"), *(Reader(name, chosen.peers) for name in PEERS)):
        if is_there(reader):
            readers[reader] = start_up(reader)
        else:
            print(f"{reader.name}: skipped, it is not installed here")
    print("CPU seconds to start:", {each.name: round(spent, 2) for each, spent in readers.items()})
    readings: dict[str, dict[str, Reading]] = {}
    for ending, group in sorted(by_ending.items()):
        readings[ending] = {
            reader.name: measure(reader, spent, group)
            for reader, spent in readers.items()
            if reader.name != "pypdf" or ending == "pdf"
        }
        report(root, ending, group, readings[ending])
    for reader in readers:
        summary(reader.name, by_ending, readings)


def measure(reader: Reader, spent: float, group: Mapping[Path, Mapping[str, Any]]) -> Reading:
    found, cpu_s = read(reader, sound) if (sound := okay(group)) else ({}, 0.0)
    rest = [path for path in group if path not in found]
    return Reading({**found, **read(reader, rest)[0]} if rest else found, cpu_s - spent)


def okay(group: Mapping[Path, Mapping[str, Any]]) -> list[Path]:
    return [path for path, row in group.items() if row["category"] == "ok"]


def report(
    root: Path,
    ending: str,
    group: Mapping[Path, Mapping[str, Any]],
    readings: Mapping[str, Reading],
) -> None:
    """A line for each reader: over the same files, whatever is compared."""
    ok = okay(group)
    able = [one for one in readings.values() if any(r.text for r in one.results.values())]
    expected = {path: row["expected_markdown"] for path, row in group.items() if path in ok
                and row.get("expected_markdown")
                and all(one.results[path].text for one in able)}  # fmt: skip
    for name, reading in readings.items():
        parsed = sum(reading.results[path].text is not None for path in ok)
        line: dict[str, Any] = {"ok": len(ok), "parsed": parsed}
        if expected and reading in able:
            scores: list[tuple[float, float, float]] = []
            for path, wanted in expected.items():
                markdown = (root / wanted).read_text(encoding="utf-8")
                scores.append(similarity(markdown, reading.results[path].text or ""))
            line["compared"] = len(scores)
            for place, measured in enumerate(("recall", "f1", "order")):
                line[measured] = round(sum(s[place] for s in scores) / len(scores), 3)
            worst = sorted(zip((s[1] for s in scores), expected, strict=True))[:3]
            line["lowest f1"] = {path.name: round(f1, 2) for f1, path in worst}
        if ok and reading in able and reading.cpu_s > LEAST_CPU:
            size = sum(path.stat().st_size for path in ok)
            pages = sum(readings["bedplate"].results[path].pages for path in ok)
            line["files_per_cpu_s"] = round(len(ok) / reading.cpu_s, 1)
            line["pages_per_cpu_s"] = round(pages / reading.cpu_s, 1)
            line["kb_per_cpu_s"] = round(size / 1000 / reading.cpu_s)
        print(f"{ending:12} {name:10} {json.dumps(line, ensure_ascii=False)}", flush=True)


def summary(
    reader: str,
    by_ending: Mapping[str, Mapping[Path, Mapping[str, Any]]],
    readings: Mapping[str, Mapping[str, Reading]],
) -> None:
    breaches: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    ok = 0
    for ending, group in by_ending.items():
        for path, row in group.items() if reader in readings[ending] else ():
            result = readings[ending][reader].results[path]
            if row["category"] in HOSTILE:
                breaches[result.reason] += result.reason in BREACHES
            elif row["category"] == "ok":
                ok += 1
                if result.text is None:
                    refused[f"{ending}: {result.reason[:60]}"] += 1
    print(f"\n### {reader}: {ok - refused.total()} of {ok} ok files parsed")
    print(f"hostile files that crashed or hung it: {dict(+breaches) or 0}")
    print(f"ok files that gave no text: {dict(refused) or 0}")


if __name__ == "__main__":
    main()
