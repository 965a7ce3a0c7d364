"""The console in a real browser, over a real server: each page's main task, and what must not happen.

Screenshots go to the folder that CONSOLE_SHOTS names, else to the test's own.
"""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from tests.fixtures.console import CHROMIUM, HOSTILE, TEXT, Console, chromium, console_in

from bedplate.domain.traces import EndedSpan, EndedTrace

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not here: the console is NOT tested"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def console(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Console]:
    async with (
        chromium() as browser,
        console_in(browser, tmp_path_factory.mktemp("console")) as opened,
    ):
        yield opened


async def ask(console: Console, question: str) -> None:
    await console.page.get_by_label("Question").fill(question)
    await console.page.keyboard.press("Enter")


async def test_an_answer_is_streamed_and_its_citation_opens_the_passage(console: Console) -> None:
    page = console.page
    await console.open("playground")
    await page.get_by_label("Who answers").select_option("assistant:support")
    await ask(console, "How long does a refund take?")
    source = page.get_by_role("list", name="Sources").get_by_role("button").first
    await expect(source).to_contain_text("· policies")
    await source.click()
    marked = page.locator("dialog mark")
    assert "30 days" in await marked.inner_text()
    await console.shoot("playground")
    await page.keyboard.press("Escape")


async def test_a_thumb_and_a_correction_come_back_as_a_row_to_evaluate_with(
    console: Console,
) -> None:
    page = console.page
    await page.get_by_role("button", name="Bad answer").first.click()
    await page.get_by_label("Correct answer").fill("30 days after the parcel is back.")
    await page.get_by_label("Comment").fill("It leaves out from when.")
    await page.get_by_role("button", name="Send feedback").click()
    await page.get_by_text("exported as an evaluation row").wait_for()
    rows = (await console.served.get("/api/feedback/rows", headers=console.headers)).body
    thumb, words = [json.loads(line) for line in rows.splitlines()]
    assert (thumb["rating"], words["expected"]) == ("down", "30 days after the parcel is back.")
    assert words["question"] == "How long does a refund take?"
    assert (words["comment"], words["trace_id"]) == ("It leaves out from when.", thumb["trace_id"])


async def test_a_citation_of_a_deleted_document_says_so_and_keeps_the_quote(
    console: Console,
) -> None:
    page = console.page
    await console.post("/api/collections/policies/documents/refunds", None, "DELETE")
    await page.get_by_role("list", name="Sources").get_by_role("button").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("was deleted since").wait_for()
    assert "30 days" in await dialog.locator("blockquote").inner_text()
    await page.keyboard.press("Escape")
    document = {"id": "refunds", "title": f"Refunds {HOSTILE}", "text": TEXT}
    await console.post("/api/collections/policies/documents", document)


async def test_two_models_answer_side_by_side(console: Console) -> None:
    page = console.page
    await page.get_by_role("button", name="Compare").click()
    await page.get_by_label("Who answers, side 1").select_option("model:default")
    await page.get_by_label("Who answers, side 2").select_option("model:second")
    await ask(console, "What about refunds?")
    sides = page.locator("article").last.locator(".side")
    await expect(sides.nth(0)).to_contain_text("Refunds take 30 days")
    await expect(sides.nth(1)).to_contain_text("Ask somebody.")
    await console.shoot("compare")


async def test_a_trace_is_found_by_its_words_and_shows_hostile_text_as_text(
    console: Console,
) -> None:
    page = console.page
    await console.served.app.tracing.recorder.flush()
    await console.open("traces?text=refund&name=POST+/v1/chat/completions&assistant=support")
    await page.locator("a.line").first.click()
    await page.get_by_role("region", name="Of the step").wait_for()
    await page.get_by_role("button", name="retrieval").first.click()
    await page.locator(".detail summary").first.click()
    await page.locator(".detail details").get_by_text("onerror").last.wait_for()
    assert "\u202e" not in await page.locator("main").inner_text()
    assert await page.locator("main img, main script").count() == 0
    assert await page.title() == "Traces · Bedplate"
    await console.shoot("trace")


async def test_a_request_is_replayed_against_another_model(console: Console) -> None:
    page = console.page
    await page.get_by_role("button", name="Replay").click()
    replay = page.get_by_role("region", name="Replay")
    await replay.get_by_label("Model").select_option("second")
    await replay.get_by_role("button", name="Run", exact=True).click()
    await expect(replay).to_contain_text("Ask somebody.")
    await expect(replay).to_contain_text("Refunds take 30 days [1].")


async def test_a_huge_text_with_control_characters_is_shown_in_parts(console: Console) -> None:
    page = console.page
    huge = json.dumps([{"role": "user", "content": f"{HOSTILE} begins " + "x\u0000" * 1_000_000}])
    root = EndedSpan(
        "c" * 16, None, "POST /huge", "server", 1_780_000_000_000_000_000, 1_000_000,
        {"own": "y" * 300_000}, {"gen_ai.input.messages": huge, "other": "[" * 100_000},
    )  # fmt: skip
    await console.served.app.tracing.kept.write([EndedTrace("c" * 32, (root,))])
    await console.open(f"traces/{'c' * 32}")
    await page.get_by_text("characters left").first.wait_for()
    shown = await page.locator("main").inner_text()
    assert len(shown) < 20_000
    assert "x\u2400" in shown
    assert "\u0000" not in shown
    assert await page.locator("main img, main script").count() == 0


async def test_the_overview_tells_figures_with_their_interval_and_what_waits(
    console: Console,
) -> None:
    page = console.page
    subject = {"question": f"Refunds? {HOSTILE}", "answer": "14 days [1].", "score": 0.2}
    for _ in range(3):
        await console.post("/api/reviews", {"subject": subject})
    await console.open("overview")
    await page.get_by_role("link", name="3 reviews wait").wait_for()
    stat = page.locator(".stat", has_text="Hallucination rate")
    await expect(stat).to_contain_text("n = 1")
    threshold = console.served.app.safeguards.grounding.threshold
    await expect(page.locator("main")).to_contain_text(f"under {threshold:.2f}")
    row = page.get_by_role("region", name="Hallucination rate by").get_by_role("row").last
    await expect(row).to_contain_text("support")
    await expect(row).to_contain_text("0–79%")
    await console.shoot("overview")


async def test_reviews_are_decided_from_the_keyboard(console: Console) -> None:
    page = console.page
    await page.get_by_role("link", name="3 reviews wait").click()
    queue = page.get_by_role("list", name="Queue").get_by_role("listitem")
    await expect(queue).to_have_count(3)
    await page.get_by_role("button", name="Approve").wait_for()
    await console.shoot("reviews")
    await page.keyboard.press("e")
    await page.get_by_label("Edited").fill("30 days [1].")
    await page.keyboard.press("Control+Enter")
    await expect(queue).to_have_count(2)
    await page.get_by_role("button", name="Approve").wait_for()
    await page.keyboard.press("a")
    await expect(queue).to_have_count(1)
    await page.get_by_role("button", name="Reject").wait_for()
    await page.keyboard.press("r")
    await page.keyboard.type("It is wrong.")
    await page.keyboard.press("Enter")
    await page.get_by_text("Nothing waits for you").wait_for()
    found = (await console.get("/api/reviews?order=newest"))["reviews"]
    assert sorted(each["verdict"] for each in found) == ["approve", "edit", "reject"]


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
    await page.locator("input[type=file]").wait_for(state="attached")
    async with page.expect_request("**/documents?name=*"):
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


async def test_an_upload_shows_how_far_it_is_and_can_be_stopped(
    console: Console, tmp_path: Path
) -> None:
    page = console.page
    file = tmp_path / "stoves.md"
    file.write_text("# Stoves\n\nThe Ember stove burns gas.", encoding="utf-8")
    # Held until the page was looked at: a small file is sent faster than anybody sees.
    held = "**/documents?name=stoves.md*"
    await page.route(held, lambda _route: None)
    await console.open("collections/guides/documents")
    await page.locator("input[type=file]").set_input_files(file)
    await page.get_by_role("progressbar", name="Sent").wait_for(state="attached")
    await page.get_by_role("button", name="Stop").click()
    await page.get_by_text("Stopped.").wait_for()
    await page.unroute(held)
    await page.get_by_role("button", name="Retry").click()
    await page.get_by_text("1 added").wait_for()


async def test_a_source_is_synced_and_what_failed_is_retried(
    console: Console, tmp_path: Path
) -> None:
    page = console.page
    (tmp_path / "good.md").write_text("# Boots\n\nBoots are brown.", encoding="utf-8")
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 cut short")
    source = {"name": "shelf", "collection": "guides", "kind": "folder"}
    await console.post("/api/sources", {**source, "options": {"path": str(tmp_path)}})
    await console.open("collections/guides/sources")
    shelf = page.get_by_role("region", name="shelf")
    await shelf.get_by_text("never synced").wait_for()
    await shelf.get_by_role("button", name="Sync now").click()
    await shelf.get_by_text("1 failed", exact=True).wait_for()
    await expect(shelf).to_contain_text("is cut short")
    await console.shoot("sources")
    broken.unlink()
    await shelf.get_by_role("button", name="Retry failures").click()
    await expect(shelf.get_by_role("button", name="Retry failures")).to_have_count(0)
    await shelf.get_by_text("synced just now").wait_for()


async def test_a_run_is_started_followed_and_forked(console: Console) -> None:
    page = console.page
    await console.open("runs")
    await page.get_by_role("button", name="New run").click()
    await page.get_by_label("Assistant").select_option("clerk")
    await page.get_by_label("Goal").fill(f"What is 2+2? {HOSTILE}")
    await page.get_by_role("button", name="Start").click()
    log = page.get_by_role("region", name="Log")
    await log.get_by_text("succeeded: It is 4.").wait_for()
    await expect(log).to_contain_text("Calls calculator")
    await console.shoot("run")
    first = page.url
    console.answers["Its goal"] = "Once more: what is 2+2?"
    await log.get_by_role("button", name="Fork here").first.click()
    await page.wait_for_function("first => location.href !== first", arg=first)
    await page.get_by_role("heading", name="Once more").wait_for()
    await log.get_by_text("succeeded:").wait_for()


async def test_a_run_out_of_budget_is_resumed_and_another_is_cancelled(console: Console) -> None:
    page = console.page
    goal = {"assistant": "clerk", "goal": "What is 2+2?", "budget": {"steps": 1}}
    run = await console.post("/api/runs", goal)
    await console.open(f"runs/{run['id']}")
    await page.get_by_text("out of budget").first.wait_for()
    console.answers["How much may it use"] = "9"
    await page.get_by_role("button", name="Resume").click()
    await page.get_by_role("region", name="Log").get_by_text("succeeded: It is 4.").wait_for()
    await expect(page.get_by_role("region", name="Budget")).to_contain_text("of 9")

    run = await console.post("/api/runs", {"assistant": "slow_clerk", "goal": "endless"})
    await console.open(f"runs/{run['id']}")
    await page.get_by_role("button", name="Cancel").click()
    await page.locator("header .badge", has_text="cancelled").wait_for()
    assert "Stop this run for good" in console.said[-1]
    assert (await console.get(f"/api/runs/{run['id']}"))["status"] == "cancelled"


async def test_an_assistant_is_rolled_back_after_its_versions_were_compared(
    console: Console,
) -> None:
    page = console.page
    for instructions in ("Be brief.", f"Be long. {HOSTILE}"):
        settings = {"collections": ["policies"], "instructions": instructions}
        await console.post("/api/assistants", {"name": "helper", "settings": settings})
    await console.open("assistants/helper")
    differences = page.get_by_role("region", name="Differences")
    await expect(differences).to_contain_text("Be brief.")
    await expect(differences).to_contain_text("onerror")
    await console.shoot("assistant")
    await page.get_by_role("button", name="Roll back to this").click()
    await page.get_by_text("Version 1 is active").wait_for()
    entry = next(
        e for e in (await console.get("/api/assistants"))["assistants"] if e["name"] == "helper"
    )
    assert (entry["version"], entry["newest"]) == (1, 2)


async def test_a_budget_is_set_and_usage_goes_out_as_csv(console: Console) -> None:
    page = console.page
    await console.open("costs")
    await page.get_by_role("button", name="Set a budget").click()
    await page.get_by_label("Name (* for each)").fill("default")
    await page.get_by_label("To at most").fill("50")
    await page.get_by_role("button", name="Set", exact=True).click()
    row = page.get_by_role("row").filter(has_text="US dollars a month")
    await expect(row).to_contain_text("$50.00")
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="CSV", exact=True).click()
    path = await (await downloading.value).path()
    assert path.read_text(encoding="utf-8").startswith("group,requests,input_tokens")
    await console.shoot("costs")
    await row.get_by_role("button", name="Remove").click()
    await page.get_by_text("Nothing is limited").wait_for()


async def test_a_provider_s_bill_is_compared_with_the_ledger(
    console: Console, tmp_path: Path
) -> None:
    page = console.page
    days = (await console.get("/api/usage?by=day"))["usage"]
    bill = tmp_path / "bill.csv"
    bill.write_text(f"day,model,input_tokens\n{days[-1]['group']},scripted,1\n", encoding="utf-8")
    await page.get_by_label("The bill").set_input_files(bill)
    drift = page.get_by_role("region", name="Reconcile")
    await expect(drift).to_contain_text("differs")
    await expect(drift.get_by_role("row").last).to_contain_text("1 billed")
    bill.write_text("day,model\nnever,m\n", encoding="utf-8")
    await page.get_by_label("The bill").set_input_files(bill)
    await drift.get_by_role("alert").wait_for()


async def test_a_key_is_created_shown_once_and_revoked(console: Console) -> None:
    page = console.page
    await console.open("keys")
    await page.get_by_role("button", name="New key").click()
    await page.get_by_label("Name").fill("web-app")
    await page.get_by_role("button", name="Create key").click()
    secret = await page.get_by_role("region", name="The new key").locator("code").inner_text()
    assert secret.startswith("bp_")
    theirs = {"Authorization": f"Bearer {secret}"}
    assert (await console.served.get("/api/collections", headers=theirs)).status == 200
    await page.get_by_role("button", name="Done").click()
    row = page.get_by_role("row").filter(has_text="web-app")
    await console.shoot("keys")
    await row.get_by_role("button", name="Revoke").click()
    await expect(row).to_have_count(0)
    assert secret not in await page.content()
    assert (await console.served.get("/api/collections", headers=theirs)).status == 401


async def test_health_shows_what_the_doctor_finds_and_what_to_do(console: Console) -> None:
    page = console.page
    await console.open("health")
    await page.get_by_role("heading", name="Ready", exact=True).wait_for()
    doctor = page.get_by_role("region", name="Doctor")
    await expect(doctor).to_contain_text("http://127.0.0.1:9/v1 cannot be reached")
    await expect(doctor).to_contain_text("Start that server")
    assert "guard pii" not in await doctor.inner_text()
    await doctor.get_by_label("Show what works, too").check()
    await expect(doctor).to_contain_text("guard pii")
    await console.shoot("health")
    await console.check_accessible()


async def test_signing_out_leaves_nothing_to_see(console: Console) -> None:
    page = console.page
    await console.open("overview")
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_label("Access key").wait_for()
    await page.reload()
    await page.get_by_label("Access key").wait_for()
    assert await page.get_by_text("Collections").count() == 0
    assert console.troubles == []
