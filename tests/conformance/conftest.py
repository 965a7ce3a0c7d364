"""One server for all clients: a script, a model that quotes, and the sample collection."""

import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from openai import AsyncOpenAI, OpenAI
from tests.fixtures.process import ServerProcess, start_process

TOML = """
[embedder]
use = "hashing"
[models.default]
use = "scripted"
chunk_characters = 5
usage = { input_tokens = 5, output_tokens = 3 }
replies = ["Hello there, friend."]
rules = [
  { match = "search for refunds", result = "source", reply = "Refunds take 30 days [1]." },
  { match = "search for refunds", tool_calls = [
    { name = "file_search", arguments = { queries = ["refunds"] } } ] },
  { match = "weather", result = "rain", reply = "Take an umbrella." },
  { match = "weather", tool_calls = [ { name = "weather", arguments = { city = "Oslo" } } ] },
  { match = "as json", reply = { city = "Oslo", degrees = 7 } },
  { match = "refuse", reply = "I cannot help with that.", refuses = true },
  { match = "think", reasoning = "Let me see.", reply = "Done." },
]
[models.slow]
use = "scripted"
delay_seconds = 0.05
chunk_characters = 5
replies = ["This goes on and on and on and on and on and on and on and on and on and on and on."]
[models.broken]
use = "scripted"
chunk_characters = 5
fail_after = 2
replies = ["This breaks off."]
[assistants.shop]
model = "quote"
collections = ["policies"]
[server]
max_body_bytes = 1000000
[reranker]
use = "terms"
"""


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("conformance")
    server = start_process(folder, TOML, folder / "server.log")
    try:
        server.wait_until_ready()
        document = {"id": "refunds.md", "title": "Refunds", "text": "Refunds take 30 days."}
        request = Request(
            f"{server.url}/api/collections/policies/documents",
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request) as response:
            assert json.load(response)["documents"]["added"] == 1
        yield server
        assert "Traceback" not in server.log.read_text()
    finally:
        server.kill()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.v1, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def aclient(server: ServerProcess) -> AsyncGenerator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.v1, api_key="none", max_retries=0) as client:
        yield client
