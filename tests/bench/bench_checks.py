"""What checking adds until the first word and until the end, for each policy and way of release.

The packaged sample, asked by its own questions with the `quote` model and, for the policies that need
a model which follows instructions, with a scripted one that streams the same answers at a given rate.
Every way answers the same questions in turn; differences are to `after` of the same question.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.answers import Answer, AnswerDelta
from bedplate.domain.checks import Check
from bedplate.ingest.files import find_files
from bedplate.rag.ask_request import AskRequest
from bedplate.sample import SHOWCASE, sample_path

WAYS: Mapping[str, Check] = {
    "annotate, after": Check(conflicts=False),
    "annotate, after, conflicts": Check(),
    "annotate, after, sufficiency": Check(conflicts=False, sufficiency=0.01),
    "annotate, whole": Check(conflicts=False, release="whole"),
    "drop, sentence": Check(conflicts=False, below="drop", release="sentence"),
    "drop, whole": Check(conflicts=False, below="drop", release="whole"),
    "refuse, sentence": Check(conflicts=False, below="refuse", release="sentence"),
    "refuse, whole": Check(conflicts=False, below="refuse", release="whole"),
    "repair, whole": Check(conflicts=False, below="repair", release="whole"),
    "repair, sentence": Check(conflicts=False, below="repair", release="sentence"),
    "review, whole": Check(conflicts=False, below="review", release="whole"),
}
QUOTING = tuple(name for name in WAYS if not name.startswith("repair"))
FIRST = "annotate, after"

SAID = (
    "Returns are taken back within 60 days of delivery [1]. The item must be unused and in its "
    "own box [1]. Refunds go to the card that paid [1]. Sale items can be returned as well [1]."
)
"""What the scripted model says: four sentences, of which the judge may doubt some."""


async def timed(app: App, request: AskRequest) -> tuple[float, float, Answer]:
    """Milliseconds to the first word and to the end."""
    start, first, answer = time.perf_counter(), 0.0, None
    async with aclosing(app.ask.stream(request)) as events:
        async for event in events:
            if isinstance(event, AnswerDelta):
                first = first or (time.perf_counter() - start) * 1000
            elif isinstance(event, Answer):
                answer = event
    if answer is None:
        raise AssertionError("an answer stream ends with an Answer")
    return first, (time.perf_counter() - start) * 1000, answer


async def measure(
    app: App, model: str, ways: Sequence[str], questions: Sequence[str], rounds: int
) -> dict[str, Any]:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    actions: dict[str, dict[str, int]] = {name: {} for name in ways}
    for question in questions:
        await timed(app, app.question("sample", question, model=model))
    for _ in range(rounds):
        for question in questions:
            times: dict[str, tuple[float, float]] = {}
            for name in ways:
                request = app.question("sample", question, model=model)
                first, end, answer = await timed(app, replace(request, check=WAYS[name]))
                times[name] = first, end
                action = answer.checked.action
                actions[name][action] = actions[name].get(action, 0) + 1
            for name in ways:
                found[name].append(
                    (times[name][0] - times[FIRST][0], times[name][1] - times[FIRST][1])
                    if name != FIRST
                    else times[name]
                )
    return {
        name: {
            "first_ms": round(statistics.median(each[0] for each in times), 1),
            "end_ms": round(statistics.median(each[1] for each in times), 1),
            "actions": actions[name],
        }
        for name, times in found.items()
    }


async def run(rounds: int, delay: float, most: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as home, sample_path() as files:
        scripted = {
            "use": "scripted",
            "replies": [SAID],
            "chunk_characters": 20,
            "delay_seconds": delay,
        }
        arguments = {
            "data.dir": str(Path(home) / "data"),
            **{f"models.slow.{key}": value for key, value in scripted.items()},
        }
        config = load_config(environment={}, arguments=arguments).config
        async with open_app(config) as app:
            await app.ingest.run(app.scope("sample"), find_files([str(files)], max_files=1_000))
            questions = [each.question for each in SHOWCASE if each.how == "ask"][:most]
            return {
                "questions": len(questions),
                "rounds": rounds,
                "quote": await measure(app, "quote", QUOTING, questions, rounds),
                "streamed": await measure(app, "slow", list(WAYS), questions[:1], rounds),
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds between two pieces")
    parser.add_argument("--questions", type=int, default=20, help="the first so many")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(run(given.rounds, given.delay, given.questions)), indent=1))


if __name__ == "__main__":
    main()
