"""Agents: what tau2-bench's gold actions leave in its databases when a run makes them.

For each development task of a suite a scripted model, on OpenAI's wire, asks
for the task's gold actions one after the other. They are made as tools of a durable run, on a
database that begins as the data set's. The state is right where it equals that of a second database
on which the same functions were called directly, and where no action failed there.

With BEDPLATE_TEST_MODEL set to a model's options as JSON, that model pursues the tasks of the shop and
the airline: it is given the data set's policy and all that the user would say, at once, as nobody
plays the user; `pass^1` is the share of tasks whose database then is as the gold actions leave it.
"""

import asyncio
import gzip
import importlib
import inspect
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench.evaluation import NoData, folder, rows
from tests.bench.gold_model import Call, gold_model
from tests.bench.tau2.records import contents, make, opened

from bedplate.agents.runs import NewRun
from bedplate.api.server import scheduling
from bedplate.app import App, open_app
from bedplate.config import load_config
from bedplate.domain.accounts import LOCAL
from bedplate.domain.runs import RunStatus
from bedplate.tools.protocol import ToolContext

SUITES = ("retail", "airline", "telecom", "banking_knowledge")
LIVE_SUITES = ("retail", "airline")
LIVE = "BEDPLATE_TEST_MODEL"
ALONE = """
What the user wants, knows and would say is told at once. Nobody answers questions: where the policy
wants a confirmation, it is given. Do all that the policy allows with the tools, one call after the other.
"""
TASKS = ("tasks_train.jsonl", "tasks.jsonl")
AT_ONCE = 4
BUSY = (RunStatus.WAITING, RunStatus.RUNNING)


async def measure(suite: str, path: Path, live: Mapping[str, Any] | None = None) -> dict[str, Any]:
    module = importlib.import_module(f"tests.bench.tau2.{suite}")
    if hasattr(module, "read"):
        data = module.read(path)
    else:
        data = json.loads(gzip.decompress((path / "db.json.gz").read_bytes()))
    file = next(each for each in map(path.joinpath, TASKS) if each.exists())
    given = {f"{suite}-{index}": task for index, task in enumerate(rows(file))}
    tasks = {
        id: [
            (action["name"], action["arguments"])
            for action in task["evaluation_criteria"]["actions"] or ()
        ]
        for id, task in given.items()
    }

    def play(messages: Sequence[Mapping[str, Any]]) -> Call | None:
        goal = next(str(m["content"]) for m in messages if m["role"] == "user")
        actions = tasks[next(word for word in goal.split() if word in tasks)]
        done = sum(message["role"] == "tool" for message in messages)
        return actions[done] if done < len(actions) else None

    with tempfile.TemporaryDirectory() as home:
        place = Path(home) / "databases"
        place.mkdir()
        make(place / "shop.db", data)
        if hasattr(module, "begin"):
            for id, task in given.items():
                for run in (id, f"direct-{id}"):
                    with opened(str(place), run) as records:
                        module.begin(records, task)
        async with gold_model(play) as base_url:
            settings = _settings(suite, module, place, home, base_url)
            if live is not None:
                settings["models.default"] = live
                policy = (path / "policy.md").read_text("utf-8")
                settings["assistants.agent"] |= {"instructions": policy + ALONE}
            config = load_config(environment={}, arguments=settings).config
            began = time.perf_counter()
            async with open_app(config, work=True) as app, scheduling(app):
                goals = {
                    id: f"Do the task {id} ." if live is None else _scenario(task)
                    for id, task in given.items()
                }
                ended = await _pursued(app, goals)
            seconds = time.perf_counter() - began
        failed = {id: errors for id in tasks if (errors := _directly(module, place, id, tasks[id]))}
        right = [
            id
            for id, actions in tasks.items()
            if (live is None and not actions)
            or contents(str(place), id) == contents(str(place), f"direct-{id}")
        ]
        held = None
        if hasattr(module, "holds"):
            held = 0
            for id, task in given.items():
                with opened(str(place), id) as records:
                    held += module.holds(records, task)
    wrong = sorted(set(tasks) - set(right))
    if live is not None:
        return {
            "suite": suite,
            "tasks": len(tasks),
            "runs that succeeded": sum(status == "succeeded" for status in ended.values()),
            "pass^1": round(len(right) / len(tasks), 3),
            "seconds": round(seconds, 1),
        }
    return {
        "suite": suite,
        "tasks": len(tasks),
        "actions": sum(map(len, tasks.values())),
        "runs that succeeded": sum(status == "succeeded" for status in ended.values()),
        "right state": len(right),
        "the data set's own assertions hold": held,
        "wrong": wrong,
        "actions that the shop refuses": failed,
        "seconds": round(seconds, 1),
    }


def _settings(suite: str, module: Any, place: Path, home: str, base_url: str) -> dict[str, Any]:
    effects = {name: {"effect": "once"} for name in module.EFFECTS}
    reads = {name: {"effect": "none"} for name in module.READS}
    functions = [f"{module.__name__}:{name}" for name in (*module.READS, *module.EFFECTS)]
    return {
        "data.dir": f"{home}/data",
        "embedder.use": "hashing",
        "models.default": {"use": "openai", "base_url": base_url, "model": "gold",
                           "price": {"input": 0, "output": 0}},
        "tools.shop": {"use": "python", "functions": functions, "given": {"folder": str(place)},
                       "each": {**effects, **reads}},
        "tools.calculate": {"use": "calculator"},
        "assistants.agent": {"tools": ["shop", "calculate"], "budget": {"steps": 60}},
        # A script knows what nobody told it: e-mail addresses, say, which are not to leave a model.
        "guards.pii": False,
        # The gold actions are the operator's own: whose words they are is measured elsewhere.
        "runs.provenance": "off",
    }  # fmt: skip


async def _pursued(app: App, goals: Mapping[str, str]) -> dict[str, str]:
    """How the run of each goal ended."""
    assert app.runs is not None
    runs = app.runs.runs
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(id: str, goal: str) -> tuple[str, str]:
        async with gate:
            await runs.start(LOCAL, NewRun("agent", goal, id))
            while (run := await runs.get(LOCAL.tenant, id)).status in BUSY:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
            return id, str(run.status)

    return dict(await asyncio.gather(*(one(id, goal) for id, goal in goals.items())))


def _scenario(task: Mapping[str, Any]) -> str:
    """What the user wants and knows, in the data set's words."""
    said: Mapping[str, str | None] = task["user_scenario"]["instructions"]
    told = ("reason_for_call", "known_info", "unknown_info", "task_instructions")
    return "\n\n".join(text for key in told if (text := said.get(key)))


def _directly(module: Any, place: Path, id: str, actions: Sequence[Call]) -> list[str]:
    """The same calls on another copy; what the functions refuse."""
    errors: list[str] = []
    for name, arguments in actions:
        if name == "calculate":
            continue
        function = getattr(module, name)
        own = {"folder": str(place), "context": ToolContext(run=f"direct-{id}")}
        taken = inspect.signature(function).parameters
        try:
            function(**arguments, **{key: value for key, value in own.items() if key in taken})
        except (ValueError, LookupError) as error:
            errors.append(f"{name}: {error}")
    return errors


async def main() -> None:
    try:
        root = folder("agents_tau2")
    except NoData as missing:
        print(f"skipped: {missing}")
        return
    live = json.loads(os.environ[LIVE]) if LIVE in os.environ else None
    for suite in sys.argv[1:] or (SUITES if live is None else LIVE_SUITES):
        print(json.dumps(await measure(suite, root / suite, live)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
