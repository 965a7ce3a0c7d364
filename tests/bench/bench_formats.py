"""Parsing of real files, ours beside kreuzberg: what is read, how well, and what it costs.

Similarity to the expected Markdown of a file, over its words (case folded, markup dropped):
recall and F1 of the multisets of words, and order = 2 * LCS / (words of both), the longest common
subsequence. Ours repeats the names of a table's columns in each row, which costs F1 and order.
Arguments are endings to measure alone: `bench_formats.py pptx xlsx`.
"""

import asyncio
import json
import re
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
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
MARKUP = re.compile(r"<!--.*?-->|&\w+;|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)", re.DOTALL)
PEERS = ("kreuzberg", "pypdf", "markitdown")
PEER = """
import json, sys
reader = sys.argv[1]
if reader == "kreuzberg":
    from kreuzberg import extract_file_sync
    def read(path): return extract_file_sync(path).content
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


@dataclass
class Figures:
    files: int = 0
    parsed: int = 0
    recall: list[float] = field(default_factory=list)
    f1: list[float] = field(default_factory=list)
    order: list[float] = field(default_factory=list)
    pages: int = 0
    cpu_s: float = 0.0

    def shown(self) -> dict[str, Any]:
        means = {
            name: round(sum(values) / len(values), 3)
            for name, values in asdict(self).items()
            if isinstance(values, list) and values
        }
        rate = round(self.pages / self.cpu_s, 1) if self.cpu_s else None
        return {
            "files": self.files,
            "parsed": round(self.parsed / max(1, self.files), 3),
            "compared": len(self.f1),
            **means,
            "pages_per_cpu_s": rate,
        }


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
                found[path] = Result(text, pages=parsed.documents[0].pages or 1)
    return found


def peer(name: str, paths: Sequence[Path]) -> dict[Path, Result]:
    """A process for all files; one that dies or hangs is started again after the file it was at."""
    found: dict[Path, Result] = {}
    while rest := [path for path in paths if path not in found]:
        command = [sys.executable, "-c", PEER, name, *map(str, rest)]
        reason = "crashed"
        try:
            output = subprocess.run(command, capture_output=True, timeout=120, check=False).stdout
        except subprocess.TimeoutExpired as error:
            output, reason = error.stdout or b"", "timeout"
        for line in output.decode("utf-8", "replace").splitlines():
            if line.startswith('{"path"'):
                reply = json.loads(line)
                found[Path(reply["path"])] = Result(reply.get("text"), reply.get("error", ""))
        missing = next((path for path in rest if path not in found), None)
        if missing is not None:
            found[missing] = Result(None, reason)
    return found


def main() -> None:
    try:
        root = folder("formats")
    except NoData as reason:
        print(f"skipped: {reason}")
        return
    manifest = [
        row
        for row in rows(root / "manifest.jsonl")
        if row["ext"] in sys.argv[1:] or not sys.argv[1:]
    ]
    readers = ["bedplate"]
    for name in PEERS:
        if find_spec(name) is None:
            print(f"{name}: skipped, it is not installed here")
        else:
            readers.append(name)
    for reader in readers:
        measure(reader, root, manifest)


def measure(reader: str, root: Path, manifest: Sequence[dict[str, Any]]) -> None:
    by_format: dict[str, Figures] = {}
    worst: list[tuple[float, str]] = []
    breaches: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for ending in sorted({row["ext"] for row in manifest}):
        if reader == "pypdf" and ending != "pdf":
            continue
        group = {root / row["file"]: row for row in manifest if row["ext"] == ending}
        before = children_cpu()
        found = asyncio.run(ours([*group])) if reader == "bedplate" else peer(reader, [*group])
        figures = by_format.setdefault(ending, Figures())
        figures.cpu_s = children_cpu() - before
        for path, row in group.items():
            result = found[path]
            if row["category"] in HOSTILE and result.reason in BREACHES:
                breaches[result.reason] += 1
            figures.pages += result.pages if result.text is not None else 0
            if row["category"] != "ok":
                continue
            figures.files += 1
            figures.parsed += result.text is not None
            if result.text is None:
                refused[f"{ending}: {result.reason[:60]}"] += 1
            if row.get("expected_markdown") and result.text is not None:
                expected = (root / row["expected_markdown"]).read_text(encoding="utf-8")
                recall, f1, order = similarity(expected, result.text)
                figures.recall.append(recall)
                figures.f1.append(f1)
                figures.order.append(order)
                worst.append((recall, path.name))
    print(f"\n### {reader}")
    total = Figures()
    for ending, figures in by_format.items():
        print(f"{ending:12} {json.dumps(figures.shown())}")
        for name in ("files", "parsed", "recall", "f1", "order", "pages", "cpu_s"):
            setattr(total, name, getattr(total, name) + getattr(figures, name))
    print(f"{'all':12} {json.dumps(total.shown())}")
    print(f"hostile files that crashed or hung it: {dict(breaches) or 0}")
    print(f"ok files that were not read: {dict(refused) or 0}")
    print("lowest recall:", ", ".join(f"{name} {share:.2f}" for share, name in sorted(worst)[:10]))


if __name__ == "__main__":
    main()
