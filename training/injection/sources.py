"""Rows of the public sets, each with its source, its group and its label.

Texts that belong together (translations, variants of one jailbreak, documents from one original)
share a group, and a group lies in one part only.
"""

import gzip
import json
import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

Part = Literal["fit", "level", "test"]
"""What is learnt from; what thresholds are set on; what figures are of."""
Kind = Literal["prompt", "document"]

LANGUAGES = ("en", "de", "es", "zh", "ar")

_SIGNAL = re.compile(
    r"(?i)password|secret|passcode|\bkey\b|confidential|ignor|disregard|overlook|forget|instruct|"
    r"system|override|mode\b|dan\b|pretend|regardless|instead|reveal|user's|leak|privileg|"
    r"hypothetic|parallel (?:universe|world)|mot de passe|contraseña|passwor|<!--|donate|\$\d|phishing|"
    r"said not to|you agreed|decode|repeat '|# ?[0-9a-f]{24}|[A-Za-z0-9+/]{40}|residence|resume:|"
    r"alt=|<img"
)
"""Words without which an attack of CyberSecEval is a plain question: it is one beside its system
prompt only, which a guard of texts does not see."""


@dataclass(frozen=True, slots=True)
class Text:
    """`attack` is where in a document the injected text lies."""

    text: str
    label: int
    source: str
    group: str
    kind: Kind = "prompt"
    attack: tuple[int, int] | None = None

    @property
    def part(self) -> Part:
        number = zlib.crc32(self.group.encode()) % 20
        return "level" if number < 3 else "test" if number < 6 else "fit"


def folder() -> Path:
    given = os.environ.get("EVAL_DATA")  # noqa: TID251 - a script of its own, without settings
    if not given:
        raise SystemExit("EVAL_DATA names no folder with the evaluation sets.")
    return Path(given)


def read(name: str) -> list[dict[str, Any]]:
    path = folder() / f"{name}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def prompts() -> Iterator[Text]:
    for row in read("injection/deepset_train"):
        yield Text(row["text"], row["label"], "deepset", f"deepset {row['text'][:40]}")
    for name in ("notinject", "wildguard_benign", "xstest"):
        for row in read(f"injection/{name}"):
            yield Text(row["text"], 0, name, row["id"])
    for row in read("injection/jailbreaks"):
        yield Text(row["text"], 1, "jailbreaks", f"{row['source']} {row.get('cluster', row['id'])}")
    for row in read("injection/sysprompt_extraction"):
        yield Text(row["text"], 1, "extraction", row["id"])
    yield from _cyberseceval()
    yield from _requests()
    for language in LANGUAGES:
        # By article, so that no part has seen a question of another's in another language.
        for row in read(f"qa_xquad/xquad_{language}"):
            yield Text(row["question"], 0, f"xquad_{language}", f"xquad {row['title']}")


def _requests() -> Iterator[Text]:
    """What users ask models and agents for, of sets that have nothing to do with injections."""
    asked: list[str] = []
    for path in sorted((folder() / "agents_bfcl").glob("*.jsonl*")):
        open_: Any = gzip.open if path.suffix == ".gz" else open
        with open_(path, "rt", encoding="utf-8") as lines:
            turns = [turn for line in lines for turn in json.loads(line)["question"]]
        asked += [said["content"] for turn in turns for said in turn if said["role"] == "user"]
    asked += [turn for row in read("routing_routellm/mt_bench") for turn in row["turns"]]
    asked += [row["prompt"] for row in read("agents_agentdojo/user_tasks")]
    asked += [row["prompt"] for row in read("routing_routellm/gsm8k")[:300]]
    for text in dict.fromkeys(asked):
        # What begins alike is mostly one request with other values.
        yield Text(text[:1_500], 0, "requests", f"request {text[:24].lower()}")


def _cyberseceval() -> Iterator[Text]:
    english = read("injection/cyberseceval_injection")
    for row in english:
        yield Text(row["text"], 1, "cyberseceval", f"cse {row['base']}")
    for row in read("injection/cyberseceval_injection_multilingual"):
        yield Text(row["text"], 1, "cyberseceval_17", f"cse {row['base']}")


def signalling() -> frozenset[str]:
    """The groups of CyberSecEval that tell an attack by their own words."""
    rows = read("injection/cyberseceval_injection")
    return frozenset(f"cse {row['base']}" for row in rows if _SIGNAL.search(row["text"]))


def bipia() -> Iterator[Text]:
    """Documents by their originals, and attacks by category: rows whose two parts differ are left
    out, so that neither document nor kind of attack is known where figures are made.
    """
    for row in read("injection/bipia_documents_train"):
        original = re.sub(r"-(?:\d+|clean)$", "", row["id"])
        source = f"bipia_{row['task']}"
        made = Text(row["document"], row["label"], source, original, "document")
        if not row["label"]:
            yield made
            continue
        start = row["document"].find(row["attack"])
        span = (start, start + len(row["attack"])) if start >= 0 else None
        if (made.part == "fit") == (row["attack_category"] not in UNSEEN):
            yield Text(row["document"], 1, source, original, "document", span)


UNSEEN = frozenset({
    "Content Creation", "Misspelling Intentionally", "Social Interaction", "Malware Distribution",
    "Homophonic Substitution", "Memory Scanning", "Sending Out Spam Emails", "Network Propagation",
})  # fmt: skip
"""Categories of BIPIA's attacks that nothing is fitted to."""


def attacks(kind: str, *, unseen: bool) -> list[str]:
    """BIPIA's attacks for "text" or "code" documents."""
    rows = read("injection/bipia_attacks_train")
    return [r["attack"] for r in rows if r["kind"] == kind and (r["category"] in UNSEEN) == unseen]


def documents() -> Iterator[Text]:
    """Documents that nobody put an order into."""
    for row in read("agents_tau2/banking_knowledge/documents"):
        yield Text(row["content"], 0, "procedures", f"bank {row['title'][:30]}", "document")
    for name in (
        "airline/policy",
        "retail/policy",
        "telecom/main_policy",
        "telecom/tech_support_manual",
    ):
        text = (folder() / "agents_tau2" / f"{name}.md").read_text(encoding="utf-8")
        for n, part in enumerate(sections(text, 900)):
            yield Text(part, 0, "policies", f"policy {name} {n // 4}", "document")
    for language in LANGUAGES:
        seen = set[str]()
        for row in read(f"qa_xquad/xquad_{language}"):
            if row["context"] not in seen:
                seen.add(row["context"])
                group = f"xquad {row['title']}"
                yield Text(row["context"], 0, f"articles_{language}", group, "document")
    for row in read("structured_products/products"):
        text = json.dumps(row, ensure_ascii=False)
        yield Text(text[:1_500], 0, "products", f"product {row['id']}", "document")
    for row in read("injection/cyberseceval_injection"):
        # What an operator tells a model is no order in a document only where it is quoted as text;
        # it is learnt as a benign prompt of those who write such texts.
        yield Text(row["system_prompt"], 0, "system_prompts", f"cse {row['base']}")
    yield from _agentdojo()
    yield from _files()
    yield from _passages()


def _agentdojo() -> Iterator[Text]:
    base = folder() / "agents_agentdojo/env"
    for path in sorted(base.rglob("*.yaml")):
        if path.name == "injection_vectors.yaml":
            continue
        text = re.sub(r"\{[\w]+\}", "", path.read_text(encoding="utf-8"))
        for n, part in enumerate(sections(text, 900)):
            yield Text(part, 0, "agentdojo", f"dojo {path.stem} {n // 3}", "document")


def _files() -> Iterator[Text]:
    for path in sorted((folder() / "formats/files").rglob("*")):
        if path.suffix not in {".md", ".html", ".txt", ".csv", ".eml", ".xml", ".vtt", ".rst"}:
            continue
        if "generated" in path.parts:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for n, part in enumerate(sections(text, 1_200)[:12]):
            yield Text(part, 0, "files", f"file {path.name} {n // 4}", "document")


def _passages() -> Iterator[Text]:
    """Prose, chats and tables that only lend more kinds of clean text to what is learnt."""
    for path in sorted((folder() / "chunking_eval/corpora").glob("*.md")):
        for n, part in enumerate(sections(path.read_text(encoding="utf-8"), 1_000)[:120]):
            yield Text(part[:1_000], 0, "corpora", f"corpus {path.stem} {n // 6}", "document")
    for row in read("qa_clapnq/clapnq_answerable"):
        for passage in row["passages"][:1]:
            yield Text(
                passage["text"][:1_200], 0, "passages", f"passage {passage['title']}", "document"
            )
    films = folder() / "structured_movies/movies.jsonl.gz"
    with gzip.open(films, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in islice(lines, 3_000)]
    for n in range(0, len(rows), 8):
        yield Text(_table(rows[n : n + 8], n // 8), 0, "tables", f"films {n // 32}", "document")


def _table(rows: Sequence[Mapping[str, Any]], number: int) -> str:
    names = ("title", "year", "genres", "cast")
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    if number % 3 == 0:
        return "\n".join(",".join(f'"{cell}"' for cell in line) for line in cells)
    lines = [f"| {' | '.join(line)} |" for line in cells]
    if number % 3 == 1:
        lines.insert(1, "|---" * len(names) + "|")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return ", ".join(map(str, value[:3])) if isinstance(value, list) else str(value)


def goals() -> list[str]:
    """What AgentDojo's injections want done."""
    return [row["goal"] for row in read("agents_agentdojo/injection_tasks")]


def sections(text: str, size: int) -> list[str]:
    """A text cut at line ends into parts of about `size` characters."""
    parts, current = list[str](), ""
    for line in text.splitlines(keepends=True):
        if current and len(current) + len(line) > size:
            parts.append(current)
            current = ""
        current += line[:size]
    return [part for part in (*parts, current) if part.strip()]


def by_source(texts: Sequence[Text]) -> Mapping[str, list[Text]]:
    found: dict[str, list[Text]] = {}
    for text in texts:
        found.setdefault(text.source, []).append(text)
    return found
