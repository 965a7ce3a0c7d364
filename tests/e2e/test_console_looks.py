"""Every page of the console in both colours and at the width of a phone: nothing too wide, nothing that
axe finds serious, nothing that the page's policy forbids. With data in it, and empty.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from tests.fixtures.console import CHROMIUM, Console, chromium, console_in
from tests.fixtures.serving import serving

PAGES = (
    *("overview", "playground", "collections", "traces", "runs"),
    *("reviews", "assistants", "costs", "keys", "health"),
)
SHAPES = ((1360, 860, "light"), (1360, 860, "dark"), (390, 844, "light"), (390, 844, "dark"))
WIDER = "document.documentElement.scrollWidth - innerWidth"

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here: the console is NOT tested"),
    pytest.mark.slow,
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncGenerator[Browser]:
    async with chromium() as launched:
        yield launched


@pytest_asyncio.fixture(loop_scope="module")
async def console(browser: Browser, tmp_path: Path) -> AsyncGenerator[Console]:
    async with console_in(browser, tmp_path) as opened:
        yield opened


async def settled(page: Page) -> None:
    await page.locator("main h1").wait_for()
    await expect(page.locator("main [role=status].waiting")).to_have_count(0)


async def test_every_page_opens_in_both_colours_and_at_the_width_of_a_phone(
    console: Console,
) -> None:
    page = console.page
    question = {"collection": "policies", "question": "How long does a refund take?"}
    answer = await console.post("/api/ask", question)
    run = await console.post("/api/runs", {"assistant": "clerk", "goal": "What is 2+2?"})
    await console.served.app.tracing.recorder.flush()
    inner = {
        "trace": f"traces/{answer['trace_id']}",
        "run": f"runs/{run['id']}",
        "assistant": "assistants/support",
        "documents": "collections/policies/documents",
        "search": "collections/policies/search?q=refund",
    }
    for width, height, colours in SHAPES:
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=colours)
        for name, where in {**{each: each for each in PAGES}, **inner}.items():
            await console.open(where)
            await settled(page)
            assert await page.evaluate(WIDER) <= 0, (name, width)
            await console.shoot(f"{name}-{colours}-{width}")
            await console.check_accessible()
    assert console.troubles == []


async def test_an_empty_server_teaches_the_next_step(browser: Browser, tmp_path: Path) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    steps = {
        "overview": "Add documents",
        "playground": "Add documents",
        "collections": "bedplate ingest",
        "traces": "Open the playground",
        "runs": "A run is a goal",
        "reviews": "Nothing waits for you",
        "assistants": "[assistants.support]",
        "costs": "Nothing is limited",
        "keys": "New key",
        "health": "No job yet",
    }
    async with serving(tmp_path, work=True) as served:
        for name, step in steps.items():
            await page.goto(f"{served.url}/#/{name}")
            await settled(page)
            await expect(page.locator("main")).to_contain_text(step)
    await context.close()
