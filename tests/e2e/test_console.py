"""The console in a real browser, over a real server: each page's main task, and what must not happen.

Screenshots go to the folder that CONSOLE_SHOTS names, else to the test's own.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect
from tests.fixtures.access import make_key
from tests.fixtures.serving import Served, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--disable-default-apps", "--no-first-run"),
)
HOSTILE = (
    "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>\u202e\u0007"
)
TEXT = f"# Refunds\n\nRefunds take 30 days after the parcel is back.\n\n{HOSTILE}"
PAGES = (
    *("overview", "playground", "collections", "traces", "runs"),
    *("reviews", "assistants", "costs", "keys", "health"),
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here: the console is NOT tested"),
    pytest.mark.slow,
]


@dataclass(frozen=True)
class Console:
    served: Served
    page: Page
    shots: Path
    troubles: list[str]

    async def open(self, where: str) -> None:
        await self.page.goto(f"{self.served.url}/#/{where}")

    async def shoot(self, name: str) -> None:
        await self.page.screenshot(path=self.shots / f"{name}.png")

    async def check_accessible(self) -> None:
        """No serious finding of axe."""
        found = (await Axe().run(self.page)).response["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncGenerator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def console(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Console]:
    folder = tmp_path_factory.mktemp("console")
    shots = Path(os.environ.get("CONSOLE_SHOTS", folder / "shots"))
    await asyncio.to_thread(shots.mkdir, parents=True, exist_ok=True)
    settings = {
        "assistants__support": {"collections": ["policies"]},
        "tracing__content": "full",
    }
    async with serving(folder, work=True, **settings) as served:
        document = {"id": "refunds", "title": f"Refunds {HOSTILE}", "text": TEXT}
        await served.post("/api/collections/policies/documents", document)
        _, own = await make_key(served.app, "default", "admin")
        context = await browser.new_context()
        page = await context.new_page()
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console",
            lambda said: troubles.append(said.text) if "Content Security" in said.text else None,
        )
        await page.goto(served.url)
        await page.get_by_label("Access key").fill("bp_wrong")
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("alert").wait_for()
        await page.get_by_label("Access key").fill(own)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_role("heading", name="Overview", exact=True).wait_for()
        assert own not in await page.content()
        yield Console(served, page, shots, troubles)
        await context.close()


async def test_an_answer_is_streamed_and_its_citation_opens_the_passage(console: Console) -> None:
    page = console.page
    await console.open("playground")
    await page.get_by_label("Question").fill("How long does a refund take?")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Source [1]").click()
    marked = page.locator("dialog mark")
    assert "30 days" in await marked.inner_text()
    await console.shoot("playground")
    await console.check_accessible()
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Good answer").click()
    await page.get_by_text("Kept with the trace").wait_for()


async def test_a_trace_is_found_by_its_words_and_shows_hostile_text_as_text(
    console: Console,
) -> None:
    page = console.page
    await console.served.app.tracing.recorder.flush()
    await console.open("traces?text=refund")
    await page.locator("a.line").first.click()
    await page.get_by_role("region", name="Of the step").wait_for()
    await page.get_by_role("button", name="retrieval").first.click()
    await page.get_by_text("onerror").first.wait_for()
    assert "\u202e" not in await page.locator("main").inner_text()
    assert await page.locator("main img, main script").count() == 0
    assert await page.title() == "Traces · Bedplate"
    await console.shoot("trace")
    await console.check_accessible()


async def test_a_document_is_uploaded_searched_and_looked_into(
    console: Console, tmp_path: Path
) -> None:
    page = console.page
    file = tmp_path / "camping.md"
    file.write_text("# Camping\n\nThe Lofoten tent weighs 2.1 kg.", encoding="utf-8")
    await console.open("collections")
    await page.get_by_role("button", name="New collection").click()
    await page.get_by_label("Name of the collection").fill("guides")
    await page.keyboard.press("Enter")
    await page.locator("input[type=file]").set_input_files(file)
    await page.get_by_text("1 added").wait_for()
    await page.get_by_role("button", name="Camping").click()
    await page.get_by_text("The Lofoten tent weighs 2.1 kg.").first.wait_for()
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Search").click()
    await page.get_by_label("Query").fill("tent")
    await page.keyboard.press("Enter")
    await page.get_by_text("BM25").first.wait_for()
    await console.shoot("search")
    await console.check_accessible()


async def test_a_review_is_decided_from_the_keyboard(console: Console) -> None:
    page, served = console.page, console.served
    subject = {"question": f"Refunds? {HOSTILE}", "answer": "14 days [1].", "score": 0.2}
    _, secret = await make_key(served.app, "default", "admin")
    bearer = {"Authorization": f"Bearer {secret}"}
    made = await served.post("/api/reviews", {"subject": subject}, headers=bearer)
    assert made.status == 201
    await console.open("reviews")
    await page.get_by_role("button", name="Approve").wait_for()
    await console.shoot("reviews")
    await console.check_accessible()
    await page.keyboard.press("e")
    await page.get_by_label("Edited").fill("30 days [1].")
    await page.keyboard.press("Control+Enter")
    await page.get_by_text("Nothing waits for you").wait_for()
    path = f"/api/reviews/{made.json['id']}/outcome"
    outcome = (await served.get(path, headers=bearer)).json
    assert (outcome["state"], outcome["value"]) == ("edited", "30 days [1].")


async def test_every_page_opens_in_both_colours_and_at_the_width_of_a_phone(
    console: Console,
) -> None:
    page = console.page
    for width, height, colours in ((1360, 860, "light"), (1360, 860, "dark"), (390, 844, "light")):
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=colours)
        for name in PAGES:
            await console.open(name)
            await page.locator("main h1").wait_for()
            await expect(page.locator("main [role=status].waiting")).to_have_count(0)
            wider = "document.documentElement.scrollWidth - innerWidth"
            assert await page.evaluate(wider) <= 0, (name, width)
            await console.shoot(f"{name}-{colours}-{width}")
            await console.check_accessible()
    await page.set_viewport_size({"width": 1360, "height": 860})
    assert console.troubles == []


async def test_signing_out_leaves_nothing_to_see(console: Console) -> None:
    page = console.page
    await console.open("overview")
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_label("Access key").wait_for()
    await page.reload()
    await page.get_by_label("Access key").wait_for()
    assert await page.get_by_text("Collections").count() == 0
