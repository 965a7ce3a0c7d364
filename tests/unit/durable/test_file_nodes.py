import subprocess
import sys
from pathlib import Path

from bedplate.durable.sqlite import FileNodes

HOLD = """
import asyncio, sys
from pathlib import Path
from bedplate.durable.sqlite import FileNodes
nodes = FileNodes(Path(sys.argv[1]), sys.argv[2])
asyncio.run(nodes.join())
print("joined", flush=True)
sys.stdin.read()
"""


def join_in_another_process(folder: Path, node: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), node],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "joined\n"
    return process


async def test_a_process_is_dead_as_soon_as_it_was_killed_and_not_before(tmp_path: Path) -> None:
    here = FileNodes(tmp_path, "here")
    await here.join()
    with join_in_another_process(tmp_path, "there") as other:
        assert await here.dead() == []
        other.kill()
        other.wait()
        assert await here.dead() == ["there"]
    await here.bury("there")
    assert await here.dead() == []
    await here.leave()


async def test_a_process_that_left_is_dead_until_it_is_buried(tmp_path: Path) -> None:
    here, there = FileNodes(tmp_path, "here"), FileNodes(tmp_path, "there")
    await here.join()
    await there.join()
    await there.leave()
    assert await here.dead() == ["there"]
    await here.leave()


async def test_an_owner_of_work_without_a_file_is_dead(tmp_path: Path) -> None:
    here = FileNodes(tmp_path, "here")
    await here.join()
    assert await here.dead({"gone", "here"}) == ["gone"]
    await here.bury("gone")
    await here.leave()
