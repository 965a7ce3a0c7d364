# ruff: noqa: PLC0415 - slow imports wait until a command needs them
"""`bedplate demo`: the whole journey on the packaged sample, in under a minute."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bedplate.cli.invocation import Invocation, command, run_async
from bedplate.cli.screen import Typewriter, console, counted, one_line, plain, print_indented
from bedplate.errors import InvalidInput

if TYPE_CHECKING:
    from rich.console import Console

    from bedplate.cli.demo_server import Reply, Server
    from bedplate.sample import Showcase

COLLECTION = "shop"
ASSISTANT = "shop-assistant"
CONFIG = f"""\
[assistants.{ASSISTANT}]
collections = ["{COLLECTION}"]
"""
OURS = frozenset({"bedplate.toml", "bedplate-data", "sample", "server.log"})
AFTERWARDS = ("meaning", "filter", "sort", "page", "scrubbing", "refusal")
INDENT = "   "


def register(app: typer.Typer) -> None:
    @command(app, "demo", without=frozenset({"config", "data", "json", "progress"}))
    def demo(
        invocation: Invocation,
        *,
        keep: Annotated[
            Path | None,
            typer.Option(
                "--keep", metavar="DIR", help="Work in this new folder and leave it there."
            ),
        ] = None,
    ) -> None:
        """Try everything on a packaged sample.

        Ingests an invented shop's papers, starts the server, asks it, and stops it again. Nothing
        is downloaded and nothing is left behind without --keep.
        """
        with _folder(keep) as folder:
            run_async(_demo(folder, kept=keep))


@contextmanager
def _folder(keep: Path | None) -> Generator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="bedplate-demo-") as name:
            yield Path(name)
        return
    if keep.exists() and (
        not keep.is_dir() or any(entry.name not in OURS for entry in keep.iterdir())
    ):
        raise InvalidInput(f"{str(keep)!r} holds other things: name a new folder for --keep.")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep


async def _demo(folder: Path, kept: Path | None) -> None:
    from bedplate.cli.demo_server import running_server
    from bedplate.sample import SHOWCASE

    out = console()
    started = time.monotonic()
    _copy_sample(folder)
    shared = ("--config", "bedplate.toml", "--data", "bedplate-data")
    out.print("Bedplate demo: the papers of Fjellvik Outdoor, an invented shop\n", style="bold")
    await _ingest(out, folder, shared)
    _heading(out, "2", "The server starts")
    before = time.monotonic()
    async with running_server(folder, *shared) as server:
        _say(out, f"{server.url} was ready after {time.monotonic() - before:.1f} s.")
        first, *_ = SHOWCASE
        _heading(out, "3", "A question over HTTP: POST /v1/chat/completions, streamed")
        await _question(out, server, first)
        _heading(out, "4", "What else it does")
        for feature in AFTERWARDS:
            case = next(case for case in SHOWCASE if case.feature == feature)
            await _show(out, server, case)
    _next_steps(out, kept)
    out.print(
        f"Done in {time.monotonic() - started:.0f} s; the server is stopped"
        + (f", everything is in {kept}." if kept else " and its data removed."),
        style="dim",
    )


def _copy_sample(folder: Path) -> None:
    from bedplate.sample import sample_path

    (folder / "bedplate.toml").write_text(CONFIG, encoding="utf-8")
    with sample_path() as files:
        shutil.copytree(
            files,
            folder / "sample",
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__", "*.py"),
        )


async def _ingest(out: Console, folder: Path, shared: tuple[str, ...]) -> None:
    from bedplate.cli.demo_server import run_command

    _heading(out, "1", f"Documents in: bedplate ingest sample -c {COLLECTION}")
    report = await run_command(folder, "ingest", "sample", "-c", COLLECTION, *shared)
    counts = report["documents"]
    kept = counts["added"] + counts["updated"] + counts["unchanged"]
    _say(
        out,
        f"{kept} documents of Markdown, HTML, PDF, DOCX, JSONL, CSV and plain text, "
        f"{counted(report['chunks'], 'passage')}, {report['seconds']:.1f} s.",
    )
    kinds = ", ".join(f"{count} {name}" for name, count in report["redactions"].items())
    if kinds:
        _say(out, f"Personal data replaced before anything was kept: {kinds}.")


async def _show(out: Console, server: Server, case: Showcase) -> None:
    if case.feature == "scrubbing":
        await _passage(out, server, case)
    elif case.how == "search":
        await _search(out, server, case)
    else:
        await _question(out, server, case)


async def _question(out: Console, server: Server, case: Showcase) -> None:
    from bedplate.cli.demo_server import Reply

    _case(out, case, case.question)
    reply = Reply()
    writer = Typewriter(out, indent=INDENT)
    async with aclosing(server.chat(ASSISTANT, case.question, reply)) as texts:
        async for text in texts:
            writer.write(text)
    writer.finish()
    _sources(out, reply)


def _sources(out: Console, reply: Reply) -> None:
    from rich.text import Text

    for citation in reply.facts.get("citations", ()):
        page = "" if citation["page"] is None else f", page {citation['page']}"
        head = Text(f"{citation['marker']} {one_line(citation['source'])}{page}: ", style="cyan")
        head.append(f"“{one_line(citation['quote'])}”", style="dim")
        print_indented(out, head, len(INDENT) + 2)
    grounded = reply.facts.get("grounded", {})
    if grounded.get("verdict") == "supported":
        _say(out, f"every claim is carried by its source: {grounded['score']:.2f}", "green")


async def _search(out: Console, server: Server, case: Showcase) -> None:
    asked: dict[str, Any] = {"query": case.question, "filter": case.filter, "sort": case.sort}
    body = {name: value for name, value in asked.items() if value}
    shown = [f'"{case.question}"'] if case.question else []
    shown += [f"--{name} '{value}'" for name, value in body.items() if name != "query"]
    _case(out, case, f"search {' '.join(shown)}")
    found = await server.search(collection=COLLECTION, limit=3, **body)
    for number, hit in enumerate(found["hits"], 1):
        price = hit["metadata"].get("price")
        cost = "" if price is None else f", £{price:,.2f}"
        _say(out, f"{number}. {one_line(hit['title'])}{cost}")


async def _passage(out: Console, server: Server, case: Showcase) -> None:
    """The best passage as it is kept, rather than what a model makes of it."""
    _case(out, case, f'search "{case.question}"')
    found = await server.search(collection=COLLECTION, limit=1, query=case.question)
    for hit in found["hits"]:
        lines = [line for line in hit["text"].splitlines() if any(e in line for e in case.expected)]
        for line in lines or [hit["text"]]:
            _say(out, f"{hit['source']}: {one_line(line)}")


def _case(out: Console, case: Showcase, asked: str) -> None:
    out.print(f"\n > {one_line(asked)}", style="bold cyan", soft_wrap=True)
    out.print(f"{INDENT}{case.feature}: {case.shows}", style="dim", soft_wrap=True)


def _heading(out: Console, number: str, text: str) -> None:
    out.print(f"\n{number}  {text}", style="bold", soft_wrap=True)


def _say(out: Console, text: str, style: str = "") -> None:
    from rich.text import Text

    print_indented(out, Text(plain(text), style=style), len(INDENT))


def _next_steps(out: Console, kept: Path | None) -> None:
    question = "How many days do I have to return an item?"
    folder = kept or Path("bedplate-demo")
    lines = [
        "",
        *_path_line(),
        *([] if kept else [f"bedplate demo --keep {folder}   # this shop again, to play with"]),
        f"cd {folder}",
        "bedplate serve                       # and in a second terminal:",
        "",
        "curl http://127.0.0.1:8420/v1/chat/completions -H 'Content-Type: application/json' \\",
        f"""  -d '{{"model": "{ASSISTANT}", "messages": [{{"role": "user", "content": "{question}"}}]}}'""",
        "",
        "# the same in Python, with the official client (pip install openai)",
        "from openai import OpenAI",
        'client = OpenAI(base_url="http://127.0.0.1:8420/v1", api_key="unused")',
        f'messages = [{{"role": "user", "content": "{question}"}}]',
        f'reply = client.chat.completions.create(model="{ASSISTANT}", messages=messages)',
        "print(reply.choices[0].message.content)",
        "",
        "# your own documents",
        "cd /path/to/your/project",
        "bedplate init                        # a commented bedplate.toml: another model is one line",
        "bedplate ingest ./documents -c docs",
        'bedplate ask -c docs "your question"',
        'bedplate search -c docs "your words" --json',
        "",
    ]
    _heading(out, "5", "What to try next")
    for line in lines:
        comment = line.startswith("#")
        out.print(f"{INDENT}{line}".rstrip(), style="dim" if comment else None, soft_wrap=True)


def _path_line() -> list[str]:
    """What makes `bedplate` known to a shell that does not know it."""
    folder = Path(sys.executable).parent
    if shutil.which("bedplate") or not (folder / "bedplate").exists():
        return []
    return [f'export PATH="{folder}:$PATH"']
