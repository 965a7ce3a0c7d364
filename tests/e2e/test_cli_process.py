"""The command line as a process: what leaves it, and how it ends."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fixtures.command_line import HASHING, bedplate

DOCUMENT = "# Refunds\n\nRefunds for 日本語 – naïve – are paid within 60 days of delivery.\n"
HEAVY = ("numpy", "onnxruntime", "faiss", "apsw", "fastapi")


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ingested")
    (folder / "refunds.md").write_text(DOCUMENT, encoding="utf-8")
    ran = bedplate("ingest", "refunds.md", "-c", "shop", cwd=folder)
    assert ran.code == 0, ran.err
    return folder


@pytest.fixture
def shop(ingested: Path, tmp_path: Path) -> Path:
    """A folder of the test's own, with one collection in it."""
    return shutil.copytree(ingested, tmp_path, dirs_exist_ok=True)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["init"], ["search", "--help"]])
def test_what_needs_no_data_loads_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom bedplate.cli.main import run\n"
        f"code = run({arguments!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_version_says_which(tmp_path: Path) -> None:
    ran = bedplate("--version", cwd=tmp_path)
    assert (ran.code, ran.out.split()[0]) == (0, "bedplate")


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "-c", "shop", "refunds"],
        ["ask", "-c", "shop", "When are refunds paid?"],
        ["ingest", "refunds.md", "-c", "shop"],
        ["parse", "refunds.md"],
        ["doctor"],
    ],
)
def test_json_is_all_there_is_on_stdout(shop: Path, arguments: list[str]) -> None:
    ran = bedplate(*arguments, "--json", "--log-level", "debug", cwd=shop)
    assert ran.code == 0, ran.err
    assert isinstance(ran.json, dict)
    assert ran.out.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["search", "-c", "shop", "refunds"], ["ask", "-c", "shop", "Refunds?"], ["doctor"], ["-h"]],
)
def test_piped_output_has_no_terminal_codes(shop: Path, arguments: list[str]) -> None:
    ran = bedplate(*arguments, cwd=shop)
    assert ran.code == 0, ran.err
    assert "\x1b" not in ran.out + ran.err


def test_output_is_utf8_in_any_locale(shop: Path) -> None:
    shown = bedplate("search", "-c", "shop", "refunds", cwd=shop, env={**HASHING, "LC_ALL": "C"})
    assert "日本語 – naïve" in shown.out
    env = {**HASHING, "PYTHONIOENCODING": "latin-1"}
    ran = bedplate("search", "-c", "shop", "refunds", "--json", cwd=shop, env=env)
    assert "日本語 – naïve" in ran.json["hits"][0]["text"]


def test_a_name_that_is_not_unicode_is_reported_and_breaks_nothing(shop: Path) -> None:
    folder = shop / "names"
    folder.mkdir()
    (folder / "fine.txt").write_text("Fine.", encoding="utf-8")
    try:
        os.close(os.open(os.fsencode(folder) + b"/bad-\xff.txt", os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system holds only names in Unicode")
    ran = bedplate("ingest", "names", "-c", "names", "--json", cwd=shop)
    assert ran.code == 4
    assert (ran.json["documents"]["added"], ran.json["documents"]["failed"]) == (1, 1)
    assert bedplate("ingest", "names", "-c", "names", cwd=shop).code == 4


def test_the_answer_carries_exactly_what_programs_rely_on(shop: Path) -> None:
    question = "When are refunds paid?"
    ran = bedplate("ask", "-c", "shop", question, "--json", cwd=shop)
    answer = ran.json
    assert list(answer)[:8] == [
        "answer",
        "citations",
        "grounded",
        "refused",
        "model",
        "usage",
        "ttft_ms",
        "trace_id",
    ]
    assert "60 days" in answer["answer"]
    assert answer["refused"] is False
    citation = answer["citations"][0]
    assert list(citation)[:6] == [
        "marker",
        "document_id",
        "chunk_id",
        "source",
        "page",
        "quote",
    ]
    assert citation["marker"] in answer["answer"]
    assert citation["source"] == "refunds.md"
    assert citation["quote"] in DOCUMENT
    assert list(answer["grounded"]) == ["score", "verdict", "claims"]
    assert answer["usage"].keys() == {"input_tokens", "output_tokens", "cost_usd"}
    assert answer["usage"]["cost_usd"] == 0.0
    assert len(answer["trace_id"]) == 32


def test_people_get_the_answer_its_sources_and_its_check(shop: Path) -> None:
    ran = bedplate("ask", "-c", "shop", "When are refunds paid?", cwd=shop)
    assert ran.code == 0, ran.err
    first, *rest = ran.out.splitlines()
    assert "60 days of delivery. [1]" in first
    assert any("refunds.md" in line and "[1]" in line for line in rest)
    assert "quote" in rest[-1]


def test_batches_answer_line_by_line(shop: Path) -> None:
    lines = (
        b'{"id": "a", "text": "refunds"}\n{oops\n{"id": "c", "text": "refunds", "filter": "no = 1"}'
    )
    ran = bedplate("search", "-c", "shop", "--queries", "-", cwd=shop, stdin=lines)
    assert ran.code == 4
    first, second, third = ran.lines
    assert (first["id"], first["hits"][0]["document_id"]) == ("a", "refunds.md")
    assert (second["line"], second["error"]["code"]) == (2, "invalid_input")
    assert (third["id"], third["line"], third["error"]["code"]) == ("c", 3, "bad_filter")
    (shop / "q.jsonl").write_text('{"id": 1, "text": "When are refunds paid?"}\n', encoding="utf-8")
    (answer,) = bedplate("ask", "-c", "shop", "--questions", "q.jsonl", cwd=shop).lines
    assert list(answer)[:2] == ["id", "answer"]


def test_a_program_can_talk_line_by_line(shop: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bedplate", "search", "-c", "shop", "--queries", "-"],
        cwd=shop,
        env={"PATH": "/usr/bin:/bin", **HASHING},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(3):
            process.stdin.write(b'{"id": %d, "text": "refunds"}\n' % number)
            process.stdin.flush()
            # The next line is written only once this one is answered.
            assert process.stdout.readline().startswith(b'{"id": %d,' % number)
        process.stdin.close()
        assert process.wait(30) == 0


def test_an_interrupt_ends_a_waiting_batch_at_once(shop: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bedplate", "search", "-c", "shop", "--queries", "-"],
        cwd=shop,
        env={"PATH": "/usr/bin:/bin", **HASHING},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b'{"text": "refunds"}\n')
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == b""


def test_a_reader_that_goes_away_is_no_error(shop: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "bedplate", "parse", "refunds.md"],
        cwd=shop,
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_model_server_that_is_down_is_exit_code_5(shop: Path) -> None:
    (shop / "bedplate.toml").write_text(
        "[models.far]\nuse = 'openai'\nmodel = 'm'\nbase_url = 'http://127.0.0.1:9/v1'\n",
        encoding="utf-8",
    )
    ran = bedplate("ask", "-c", "shop", "When?", "-m", "far", "--json", cwd=shop)
    assert ran.code == 5
    assert ran.json["error"]["code"] == "upstream_error"


def test_a_priced_model_has_no_known_cost_yet_and_a_scripted_one_is_free(shop: Path) -> None:
    (shop / "bedplate.toml").write_text(
        "[models.fake]\nuse = 'scripted'\nreplies = ['Within 60 days. [1] And so on. [9]']\n",
        encoding="utf-8",
    )
    ran = bedplate("ask", "-c", "shop", "When?", "-m", "fake", "--json", cwd=shop)
    assert ran.json["usage"]["cost_usd"] == 0.0
    assert ran.json["answer"] == "Within 60 days. [1] And so on."
