"""What every kind of tool must do, over each adapter with a real place behind it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest
from tests.fixtures.mcp_server import mcp_server
from tests.fixtures.order_service import TOKEN, order_service
from tests.fixtures.tools import shop_database, toolbox

from bedplate.errors import ConfigError
from bedplate.toolbox import Toolbox
from bedplate.tools import TOOLS
from bedplate.tools.arguments import Arguments
from bedplate.tools.protocol import ToolContext

FUNCTIONS = "tests.fixtures.tool_functions"


@dataclass
class Kind:
    """A place with one tool of each sort: `reads` works, `fails` is refused by the place."""

    options: dict[str, Any]
    reads: tuple[str, dict[str, Any], str]
    fails: tuple[str, dict[str, Any], str] | None = None
    secret: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


NEEDS_APP = {"memory", "search"}
"""What the app hands something over to; see tests/integration/test_tools.py and test_memory_tools.py."""

OTHER_PLACES = {"postgresql": "sql"}
"""Further places of a kind."""

USES = [*(use for use in TOOLS.names() if use not in NEEDS_APP), *OTHER_PLACES]


@asynccontextmanager
async def place(use: str, tmp_path: Path) -> AsyncGenerator[Kind]:
    match use:
        case "python":
            yield Kind(
                {"functions": [f"{FUNCTIONS}:find", f"{FUNCTIONS}:refuse"]},
                ("find", {"order": "A-1"}, '"state":"sent"'),
                ("find", {"order": "A-9"}, "there is no 'A-9'"),
            )
        case "time":
            yield Kind(
                {"timezone": "Europe/Oslo"},
                ("place", {}, "(Europe/Oslo)"),
                ("place", {"timezone": "Mars/Base"}, "no time zone 'Mars/Base'"),
            )
        case "calculator":
            yield Kind(
                {},
                ("place", {"expression": "6 * 7"}, "42"),
                ("place", {"expression": "6 / 0"}, "divides by zero"),
            )
        case "http":
            async with order_service() as service:
                yield Kind(
                    {
                        "allow": [f"{service.url}/v1/"],
                        "allow_private": True,
                        "headers": {"Authorization": f"Bearer {TOKEN}"},
                    },
                    ("place", {"url": f"{service.url}/v1/echo"}, '"headers"'),
                    ("place", {"url": f"{service.url}/v1/orders/A-404"}, "HTTP 404 Not Found"),
                    secret=TOKEN,
                )
        case "openapi":
            async with order_service() as service:
                yield Kind(
                    {
                        "spec": f"{service.url}/openapi.json",
                        "allow_private": True,
                        "auth": {"token": TOKEN},
                    },
                    ("get_order", {"order": "echo"}, '"headers"'),
                    ("get_order", {"order": "A-404"}, "HTTP 404 Not Found"),
                    secret=TOKEN,
                )
        case "mcp":
            async with mcp_server() as server:
                yield Kind(
                    {"url": server.url, "allow_private": True},
                    ("find_order", {"order": "A-1"}, "A-1 is sent"),
                    ("find_order", {"order": "A-404"}, "there is no order A-404"),
                )
        case "sql":
            (tmp_path / "shop.db").unlink(missing_ok=True)
            with closing(apsw.Connection(str(tmp_path / "shop.db"))) as db:
                db.execute(
                    "CREATE TABLE orders (id TEXT, total REAL); INSERT INTO orders VALUES ('A-1', 12.5)"
                ).fetchall()
            yield Kind(
                {"url": f"sqlite:///{tmp_path}/shop.db"},
                ("place_query", {"sql": "SELECT id FROM orders"}, '"rows":[["A-1"]]'),
                ("place_query", {"sql": "DELETE FROM orders"}, "Only a query may be run"),
            )
        case "postgresql":
            made = "CREATE TABLE orders (id text); INSERT INTO orders VALUES ('A-1')"
            with shop_database(made) as address:
                yield Kind(
                    {"url": address},
                    ("place_query", {"sql": "SELECT id FROM orders"}, '"rows":[{"id":"A-1"}]'),
                    ("place_query", {"sql": "DELETE FROM orders"}, "Only a query may be run"),
                )
        case _:
            raise AssertionError(f"there is no place of the kind {use!r} here")


@asynccontextmanager
async def opened(use: str, tmp_path: Path, **settings: Any) -> AsyncGenerator[tuple[Toolbox, Kind]]:
    async with place(use, tmp_path) as kind:
        table = {"use": OTHER_PLACES.get(use, use), **kind.options, **kind.settings, **settings}
        async with toolbox({"place": table}) as tools:
            yield tools, kind


@pytest.mark.parametrize("use", USES)
async def test_a_tool_tells_what_it_takes_and_does_it(use: str, tmp_path: Path) -> None:
    async with opened(use, tmp_path) as (tools, kind):
        listed = await tools.list()
        assert len({tool.spec.name for tool in listed}) == len(listed) > 0
        for tool in listed:
            Arguments(tool.spec.parameters)
            assert json.loads(json.dumps(tool.spec.parameters)) == tool.spec.parameters
        name, arguments, said = kind.reads
        tool = await tools.find(name)
        assert tool.spec.description
        result = await tool.call(arguments, ToolContext())
        assert not result.failed, result.text
        assert said in result.text


@pytest.mark.parametrize("use", USES)
async def test_arguments_that_do_not_fit_are_said_back(use: str, tmp_path: Path) -> None:
    async with opened(use, tmp_path) as (tools, kind):
        name, arguments, _ = kind.reads
        tool = await tools.find(name)
        result = await tool.call({**arguments, "no_such": 1}, ToolContext())
        assert result.failed
        assert 'unknown "no_such"' in result.text
        assert "nothing was done" in result.text


@pytest.mark.parametrize("use", USES)
async def test_what_the_place_refuses_is_a_failed_result_that_says_why(
    use: str, tmp_path: Path
) -> None:
    async with opened(use, tmp_path) as (tools, kind):
        assert kind.fails is not None
        name, arguments, said = kind.fails
        result = await (await tools.find(name)).call(arguments, ToolContext())
        assert (result.failed, result.retryable, result.unknown) == (True, False, False)
        assert said in result.text


@pytest.mark.parametrize("use", USES)
async def test_a_result_is_bounded_and_holds_no_secret(use: str, tmp_path: Path) -> None:
    async with opened(use, tmp_path, max_characters=200) as (tools, kind):
        name, arguments, _ = kind.reads
        result = await (await tools.find(name)).call(arguments, ToolContext())
        assert len(result.text) < 300
        if kind.secret:
            assert kind.secret not in result.text
            assert "***" in result.text


@pytest.mark.parametrize("use", USES)
async def test_calls_at_once_do_not_disturb_each_other(use: str, tmp_path: Path) -> None:
    async with opened(use, tmp_path) as (tools, kind):
        name, arguments, said = kind.reads
        tool = await tools.find(name)
        calls = (tool.call(arguments, ToolContext()) for _ in range(8))
        assert all(said in result.text for result in await asyncio.gather(*calls))


@pytest.mark.parametrize("use", USES)
async def test_an_option_that_does_not_exist_is_refused(use: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"tools.place.no_such"):
        async with opened(use, tmp_path, no_such=1):
            pass
