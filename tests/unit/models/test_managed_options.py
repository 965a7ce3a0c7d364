"""What a managed model is refused for at start-up, and the command line that each server gets."""

import itertools
import json
import struct
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.fixtures.managed_server import GGUF, write_model

from bedplate.embedders.hashing import open_hashing_embedder
from bedplate.errors import ConfigError
from bedplate.lineup import open_lineup
from bedplate.models.managed_files import gguf_bytes, located
from bedplate.models.managed_gguf import vocabulary
from bedplate.models.managed_log import LONGEST_LINE, ServerLog
from bedplate.models.managed_memory import MEBIBYTE, free_gpu, free_ram
from bedplate.models.managed_options import ManagedOptions
from bedplate.models.managed_servers import ManagedServers
from bedplate.models.managed_templates import Place, command_line
from bedplate.sections import ManagedConfig, ModelSlot

PLACE = Place(4711, "k-1")
COMMAND = ["serve", "{port}", "{model}"]


async def opened(tmp_path: Path, limit: int | None = None, **options: Any) -> int:
    """The bytes that a model with these options is taken to need."""
    given = {"model": str(write_model(tmp_path)), "program": sys.executable, **options}
    servers = ManagedServers(ManagedConfig(memory_bytes=limit, gpu_memory_bytes=limit))
    slot = ModelSlot.model_validate({"use": "managed", **given})
    async with AsyncExitStack() as stack:
        embedder = await stack.enter_async_context(open_hashing_embedder({}))
        await stack.enter_async_context(
            open_lineup({"m": slot}, embedder=embedder, servers=servers)
        )
        return servers.status(0)[0].memory_bytes


async def test_a_models_need_is_estimated_from_its_files_or_told(tmp_path: Path):
    assert await opened(tmp_path) == len(GGUF) * 5 // 4 + 512 * MEBIBYTE
    assert await opened(tmp_path, memory_bytes=7) == 7


def gguf_with_tokens(path: Path, *tokens: str) -> Path:
    """A file with a number, a text, a list of numbers and its tokens before anything else."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = [
        text("general.alignment") + struct.pack("<II", 4, 32),
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("tokenizer.ggml.scores") + struct.pack("<IIQ2f", 9, 6, 2, 0.5, 1.0),
        text("tokenizer.ggml.merges") + struct.pack("<IIQ", 9, 8, 1) + text("a b"),
        text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(tokens)),
    ]
    start = struct.pack("<4sIQQ", b"GGUF", 3, 0, len(pairs))
    path.write_bytes(start + b"".join(pairs) + b"".join(map(text, tokens)))
    return path


async def test_guessing_by_lookup_counts_the_logits_of_the_whole_context(tmp_path: Path):
    path = gguf_with_tokens(tmp_path / "words.gguf", "a", "b", "c")
    assert vocabulary(path) == 3
    options = {"model": str(path), "server": "llama-cpp-python", "context_size": 1000}
    plain = await opened(tmp_path, **options)
    for speculation in ("ngram", "auto"):
        assert await opened(tmp_path, **options, speculation=speculation) - plain == 4 * 3 * 1000
    assert await opened(tmp_path, model=str(path), speculation="ngram") == plain


@given(st.binary(max_size=200))
def test_a_file_of_which_the_vocabulary_cannot_be_read_has_none(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
):
    path = tmp_path_factory.getbasetemp() / "broken.gguf"
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 4) + content)
    assert vocabulary(path) is None
    path.write_bytes(content)
    assert vocabulary(path) is None


async def test_the_one_model_file_of_a_package_is_found_and_the_package_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    package = tmp_path / "holds_a_model"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="'holds_a_model' holds 0 GGUF files"):
        located("models.m.model", "package:holds_a_model")
    for part in (1, 2):
        (package / "data" / f"m-0000{part}-of-00002.gguf").write_bytes(GGUF)

    found = located("models.m.model", "package:holds_a_model")

    assert Path(found) == package / "data" / "m-00001-of-00002.gguf"
    assert await opened(tmp_path, model="package:holds_a_model") > 2 * len(GGUF)
    for name in ("not_there", "../up", "os.path"):
        with pytest.raises(ConfigError, match="there is no Python package"):
            located("models.m.model", f"package:{name}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html>", r"models\.m\.model: .*no GGUF file: it starts with b'<!do'"),
        (b"", "no GGUF file"),
        (None, r"models\.m\.model: there is no file .*broken\.gguf"),
    ],
)
async def test_a_file_that_is_no_model_is_refused(
    tmp_path: Path, content: bytes | None, message: str
):
    path = tmp_path / "broken.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        await opened(tmp_path, model=str(path))


async def test_a_folder_is_no_gguf_file(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read"):
        await opened(tmp_path, model=str(tmp_path))


async def test_all_parts_of_a_split_model_are_needed_and_counted(tmp_path: Path):
    parts = [tmp_path / f"big-0000{number}-of-00002.gguf" for number in (1, 2)]
    parts[0].write_bytes(GGUF)
    with pytest.raises(ConfigError, match="big-00002-of-00002"):
        await opened(tmp_path, model=str(parts[0]))
    parts[1].write_bytes(GGUF + b"more")

    assert gguf_bytes("key", parts[0]) == 2 * len(GGUF) + 4


async def test_vllm_takes_a_folder_with_weights_or_a_name_of_known_size(tmp_path: Path):
    folder = tmp_path / "qwen"
    folder.mkdir()
    with pytest.raises(ConfigError, match=r"no config\.json"):
        await opened(tmp_path, server="vllm", model=str(folder))
    (folder / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="no weights"):
        await opened(tmp_path, server="vllm", model=str(folder))
    (folder / "a.safetensors").write_bytes(b"12345678")
    assert await opened(tmp_path, server="vllm", model=str(folder)) == 10 + 512 * MEBIBYTE
    with pytest.raises(ConfigError, match="set memory_bytes"):
        await opened(tmp_path, server="vllm", model="Qwen/Qwen3-8B")
    assert await opened(tmp_path, server="vllm", model="Qwen/Qwen3-8B", memory_bytes=9) == 9
    with pytest.raises(ConfigError, match="there is no folder"):
        await opened(tmp_path, server="vllm", model="./no/such/place", memory_bytes=9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"program": "no-such-server"}, r"no program 'no-such-server'.*models\.m\.program"),
        ({"memory_bytes": 101}, r"may take 100.*Raise managed\.memory_bytes"),
        ({"memory_bytes": 101, "gpu": True}, r"Raise managed\.gpu_memory_bytes"),
        ({"speculation": {"draft": "/no/draft.gguf"}}, r"speculation\.draft: there is no file"),
        ({"speculation": "always"}, r"models\.m\.speculation"),
        ({"idle_seconds": 0}, r"models\.m\.idle_seconds"),
        ({"memory_bytes": -1}, r"models\.m\.memory_bytes"),
        ({"port": 80}, r"models\.m\.port"),
        ({"openai": {"base_url": "http://x/v1"}}, r"openai\.base_url is set by Bedplate"),
        ({"openai": {"nonsense": 1}}, r"openai\.nonsense"),
    ],
)
async def test_options_that_cannot_work_are_refused_at_start_up(
    tmp_path: Path, options: dict[str, Any], message: str
):
    with pytest.raises(ConfigError, match=message):
        await opened(tmp_path, limit=100, **{"memory_bytes": 1, **options})


async def test_llama_cpp_python_refuses_a_draft_model(tmp_path: Path):
    draft = write_model(tmp_path, "draft")
    with pytest.raises(ConfigError, match="has no draft models"):
        await opened(tmp_path, server="llama-cpp-python", speculation={"draft": str(draft)})


@pytest.mark.parametrize(
    "options",
    [
        {"command": COMMAND, "server": "vllm", "memory_bytes": 1, "gpu": False},
        {"command": COMMAND, "gpu": False},
        {"command": COMMAND, "memory_bytes": 1},
        {"command": ["serve", "{model}"], "memory_bytes": 1, "gpu": False},
        {"command": ["serve", "{port}"], "memory_bytes": 1, "gpu": False},
        {"command": COMMAND, "memory_bytes": 1, "gpu": False, "speculation": "ngram"},
    ],
)
def test_an_own_command_says_what_bedplate_cannot_know(options: dict[str, Any]):
    with pytest.raises(ValidationError):
        ManagedOptions.model_validate({"model": "m", **options})


def line(**options: Any) -> list[str]:
    chosen = ManagedOptions.model_validate({"model": "m.gguf", **options})
    return command_line(chosen, "name", PLACE)


@pytest.mark.parametrize("server", ["llama-server", "llama-cpp-python", "vllm", "sglang"])
def test_every_server_listens_on_loopback_alone_and_gets_further_arguments_last(server: str):
    command = line(server=server, args=["--threads", "2"])

    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "4711"
    assert command[-2:] == ["--threads", "2"]
    assert "name" in command


def test_llama_cpp_python_computes_a_batch_as_it_computes_one_token():
    """Or what is guessed ahead would change answers: see the test with the real model."""
    assert pairs(line(server="llama-cpp-python"))["--flash_attn"] == "true"


def test_a_key_is_on_the_command_line_of_sglang_alone():
    servers = ["llama-server", "llama-cpp-python", "vllm", "sglang"]
    assert [server for server in servers if "k-1" in line(server=server)] == ["sglang"]


def pairs(command: list[str]) -> dict[str, str]:
    return dict(itertools.pairwise(command))


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            "llama-server",
            {"--spec-type": "ngram-simple", "--spec-ngram-simple-size-m": "5"},
        ),
        ("llama-cpp-python", {"--draft_model": "prompt-lookup-decoding"}),
        ("sglang", {"--speculative-algorithm": "NGRAM"}),
    ],
)
def test_lookup_in_the_text_is_turned_on_in_each_servers_way(server: str, expected: dict[str, str]):
    assert expected.items() <= pairs(line(server=server, speculation="ngram")).items()
    assert not expected.keys() & pairs(line(server=server)).keys()


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            "llama-server",
            {"--spec-type": "draft-simple", "--model-draft": "d.gguf", "--spec-draft-n-max": "5"},
        ),
        ("sglang", {"--speculative-draft-model-path": "d.gguf"}),
    ],
)
def test_a_draft_model_is_named_to_the_server(server: str, expected: dict[str, str]):
    command = line(server=server, speculation={"draft": "d.gguf"})
    assert expected.items() <= pairs(command).items()


@pytest.mark.parametrize(
    ("speculation", "method"), [("ngram", "ngram"), ({"draft": "d"}, "draft_model")]
)
def test_vllm_takes_speculation_as_json(speculation: Any, method: str):
    command = line(server="vllm", speculation=speculation)
    settings = json.loads(pairs(command)["--speculative-config"])
    assert settings["method"] == method
    assert "--enable-prefix-caching" in command


def test_an_own_command_is_filled_and_keeps_its_other_braces():
    own = ["run", "--at={host}:{port}", "{model}", "{api_key}", '{"a": {}}']
    command = line(command=own, memory_bytes=1, gpu=False)
    assert command == ["run", "--at=127.0.0.1:4711", "m.gguf", "k-1", '{"a": {}}']


def test_free_ram_ends_at_the_containers_limit(tmp_path: Path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 800\ninactive_file 50\n")
    assert free_ram(tmp_path) == 150
    (tmp_path / "memory.max").write_text("max\n")
    assert free_ram(tmp_path) > 1000


async def test_free_gpu_memory_is_what_the_drivers_tool_says(tmp_path: Path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '1000\\n24\\n'\n")
    tool.chmod(0o755)
    assert await free_gpu(str(tool)) == 1024 * MEBIBYTE
    assert await free_gpu(str(tmp_path / "none")) is None


def test_a_line_without_end_does_not_grow_and_progress_bars_are_lines():
    log = ServerLog(100)
    log.hide = ("s3cret",)
    log.feed(b"10 %\r20 %\r\nkey s3c")
    log.feed(b"ret\n")
    assert log.tail(3) == ["10 %", "20 %", "key ***"]
    log.feed(b"x" * 1_000_000)
    assert all(len(kept) <= LONGEST_LINE for kept in log.tail(100))
    assert len(log.tail(200)) == 100
