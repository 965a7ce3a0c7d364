import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.fixtures.command_line import Call

from bedplate.config import Setting
from bedplate.doctor.findings import MASK, redact
from bedplate.doctor.probes import probe_model


@asynccontextmanager
async def model_server(status: int, body: bytes) -> AsyncGenerator[tuple[str, list[str]]]:
    """An OpenAI-wire server's list of models, and the keys it was shown."""
    keys: list[str] = []

    async def models(request: web.Request) -> web.Response:
        keys.append(request.headers.get("Authorization", ""))
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_get("/v1/models", models)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/v1", keys
    finally:
        await runner.cleanup()


def listed(*names: str) -> bytes:
    return json.dumps({"data": [{"id": name} for name in names]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "expected", "word"),
    [
        (200, listed("llama3.2", "x"), "ok", "lists 'llama3.2'"),
        (200, listed("llama3.2:latest"), "ok", "lists 'llama3.2'"),
        (200, listed("other"), "warn", "it lists other"),
        (200, b"<html>", "warn", "lists no models"),
        (404, b"", "warn", "lists no models"),
        (401, b"", "fail", "refuses the key"),
    ],
)
async def test_a_model_server_is_asked_for_its_list(
    status: int, body: bytes, expected: str, word: str
) -> None:
    async with model_server(status, body) as (url, keys):
        options = {"base_url": url, "model": "llama3.2", "api_key": "k-1"}
        finding = await probe_model("local", "openai", options)
    assert (finding.check, finding.status) == ("model local", expected)
    assert word in finding.detail
    assert (finding.remedy == "") == (expected == "ok")
    assert keys == ["Bearer k-1"]
    assert "k-1" not in finding.detail + finding.remedy


async def test_a_server_that_is_not_there_fails_with_what_to_do() -> None:
    options = {"base_url": "http://127.0.0.1:9/v1", "model": "m"}
    finding = await probe_model("local", "openai", options)
    assert finding.status == "fail"
    assert finding.detail == (
        "http://127.0.0.1:9/v1 cannot be reached: nothing listens there (connection refused)"
    )
    assert "models.local.base_url" in finding.remedy
    nowhere = {"base_url": "http://nowhere.invalid/v1", "model": "m"}
    finding = await probe_model("local", "openai", nowhere)
    assert finding.detail.endswith("cannot be reached: there is no host 'nowhere.invalid'")


async def test_wrong_options_are_a_finding_too() -> None:
    finding = await probe_model("local", "openai", {"modl": "m"})
    assert finding.status == "fail"
    assert "modl" in finding.detail
    finding = await probe_model("local", "openai", {"model": "m", "preset": "grok"})
    assert "wrong: there is no preset 'grok'. Did you mean 'groq'?" in finding.detail


@pytest.mark.parametrize(
    "key",
    [
        "models.a.api_key",
        "models.a.headers.X-Anything",
        "store.password",
        "models.a.token",
        "sinks.b.client_secret",
    ],
)
def test_a_secret_in_plain_is_masked(key: str) -> None:
    assert redact(Setting(key, "hunter2", "f")).value == MASK


@pytest.mark.parametrize("key", ["ask.max_output_tokens", "search.keyword_weight", "server.port"])
def test_what_is_no_secret_is_shown(key: str) -> None:
    assert redact(Setting(key, "12", "f")).value == "12"


def test_secrets_inside_a_url_are_masked() -> None:
    url = "https://ann:pw@host/v1?api-version=2&key=abc"
    shown = redact(Setting("models.a.base_url", url, "f")).value
    assert shown == f"https://{MASK}@host/v1?api-version={MASK}&key={MASK}"


def findings(ran: Any) -> dict[str, dict[str, str]]:
    return {finding["check"]: finding for finding in ran.json["findings"]}


def test_a_sound_set_up_has_no_failure_and_is_left_untouched(call: Call, tmp_path: Path) -> None:
    ran = call("doctor", "--json")
    assert ran.code == 0
    assert list(ran.json) == ["findings", "settings"]
    found = findings(ran)
    assert {"configuration", "data", "catalog", "embedder", "model quote", "exposure"} <= set(found)
    assert {finding["status"] for finding in found.values()} <= {"ok", "warn"}
    assert all(set(f) == {"check", "status", "detail", "remedy"} for f in found.values())
    assert all(f["remedy"] for f in found.values() if f["status"] != "ok")
    assert list(tmp_path.iterdir()) == []


def test_every_setting_comes_with_its_source(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text("[ask]\npassages = 3\n", encoding="utf-8")
    ran = call("doctor", "--json", "--data", "elsewhere")
    sources = {setting["key"]: setting for setting in ran.json["settings"]}
    assert sources["ask.passages"] == {
        "key": "ask.passages",
        "value": "3",
        "source": "bedplate.toml",
    }
    assert sources["embedder.use"]["source"] == "$BEDPLATE_EMBEDDER__USE"
    assert sources["data.dir"] == {"key": "data.dir", "value": "elsewhere", "source": "argument"}
    assert sources["server.port"]["source"] == "default"
    assert sources["search.self_query"]["value"] == "true"
    assert sources["reranker"]["value"] == ""
    assert not {"None", "{}", "()", "True"} & {setting["value"] for setting in sources.values()}
    shown = [line.split() for line in call("doctor").out.splitlines()]
    assert ["reranker", "not", "set", "default"] in shown


def test_a_key_in_plain_is_warned_of_and_shown_nowhere(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text(
        "[models.a]\nuse = 'openai'\nmodel = 'm'\nbase_url = 'http://127.0.0.1:9/v1'\n"
        "api_key = 'sk-very-secret'\n",
        encoding="utf-8",
    )
    for arguments in (("doctor",), ("doctor", "--json")):
        ran = call(*arguments)
        assert ran.code == 2
        assert "sk-very-secret" not in ran.out + ran.err
        assert "models.a.api_key is written in plain" in ran.out


def test_a_configuration_that_does_not_load_is_a_finding(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text("[server]\nprot = 1\n", encoding="utf-8")
    ran = call("doctor", "--json")
    assert ran.code == 2
    (finding,) = ran.json["findings"]
    assert finding["status"] == "fail"
    assert "Did you mean 'server.port'?" in finding["detail"]


def test_an_address_that_others_can_reach_fails(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bedplate.toml").write_text("[server]\nhost = '0.0.0.0'\n", encoding="utf-8")
    ran = call("doctor", "--json")
    assert ran.code == 2
    assert findings(ran)["exposure"]["status"] == "fail"
    assert "keys create" in findings(ran)["exposure"]["remedy"]
    assert call("keys", "create", "app").code == 0
    exposure = findings(call("doctor", "--json"))["exposure"]
    assert (exposure["status"], "access key" in exposure["detail"]) == ("ok", True)


def test_a_damaged_catalog_fails_with_what_to_do(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "bedplate-data"
    folder.mkdir()
    (folder / "catalog.db").write_bytes(b"this is no database" * 400)
    ran = call("doctor", "--json")
    assert ran.code == 2
    found = findings(ran)
    assert found["catalog"]["status"] == "fail"
    assert "backup" in found["catalog"]["remedy"]
    assert "model quote" not in found


def test_damaged_jobs_fail_with_what_to_do(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "bedplate-data"
    folder.mkdir()
    assert findings(call("doctor", "--json"))["jobs"]["status"] == "ok"
    (folder / "durable.db").write_bytes(b"this is no database" * 400)
    ran = call("doctor", "--json")
    assert (ran.code, findings(ran)["jobs"]["status"]) == (2, "fail")
