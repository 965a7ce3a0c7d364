"""A folder as a source: what is listed of it, and what is read."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from bedplate.errors import NotFound, TooLarge, Unavailable, Unreadable
from bedplate.sources.folder import open_folder
from bedplate.sources.protocol import Gap, Item

LIMIT = 1_000_000


async def listed(path: Path, **options: Any) -> list[Item | Gap]:
    async with open_folder({"path": str(path), **options}, name="s") as source:
        return [each async for each in source.list(None)]


async def keys(path: Path, **options: Any) -> list[str]:
    return sorted(each.key for each in await listed(path, **options) if isinstance(each, Item))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    for name in ("a.md", "b.txt", "sub/c.md", "sub/deep/d.md", ".hidden/e.md", "sub/.f.md"):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Text of {name}.")
    return top


async def test_hidden_files_are_left_out_unless_wanted(tree: Path) -> None:
    assert await keys(tree) == ["a.md", "b.txt", "sub/c.md", "sub/deep/d.md"]
    assert ".hidden/e.md" in await keys(tree, hidden=True)
    assert "sub/.f.md" in await keys(tree, hidden=True)


async def test_patterns_choose_and_leave_out(tree: Path) -> None:
    assert await keys(tree, include=["*.md"]) == ["a.md", "sub/c.md", "sub/deep/d.md"]
    assert await keys(tree, exclude=["sub/deep", "*.txt"]) == ["a.md", "sub/c.md"]
    assert await keys(tree, include=["sub/*"], exclude=["*/d.md"]) == ["sub/c.md"]


async def test_links_lead_only_to_files_inside(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("Secret.")
    (tree / "out.md").symlink_to(tmp_path / "secret.md")
    (tree / "in.md").symlink_to(tree / "a.md")
    (tree / "none.md").symlink_to(tree / "nothing.md")
    (tree / "self.md").symlink_to(tree / "self.md")
    (tree / "loop").symlink_to(tree)
    assert await keys(tree) == ["a.md", "b.txt", "in.md", "sub/c.md", "sub/deep/d.md"]


async def test_a_file_that_became_a_link_to_the_outside_is_not_read(
    tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.md").write_text("Secret.")
    async with open_folder({"path": str(tree)}, name="s") as source:
        (tree / "a.md").unlink()
        (tree / "a.md").symlink_to(tmp_path / "secret.md")
        with pytest.raises(NotFound, match="leads out"):
            await source.read(Item("a.md"), known=None, max_bytes=LIMIT)
        for outside in ("../secret.md", str(tmp_path / "secret.md")):
            with pytest.raises(NotFound, match="leads out"):
                await source.read(Item(outside), known=None, max_bytes=LIMIT)


async def test_what_is_no_regular_file_is_neither_listed_nor_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "pipe.md")
    assert "pipe.md" not in await keys(tree)
    async with open_folder({"path": str(tree)}, name="s") as source:
        with pytest.raises(NotFound, match="no longer a regular file"):
            await source.read(Item("pipe.md"), known=None, max_bytes=LIMIT)
        with pytest.raises((NotFound, Unreadable)):
            await source.read(Item("sub"), known=None, max_bytes=LIMIT)


async def test_folders_that_are_too_deep_are_gaps(tree: Path) -> None:
    found = await listed(tree, max_depth=1)
    assert [each.prefix for each in found if isinstance(each, Gap)] == ["sub/deep/"]
    assert [each.code for each in found if isinstance(each, Gap)] == ["too_deep"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
async def test_a_folder_without_permission_is_a_gap(tree: Path) -> None:
    (tree / "sub").chmod(0)
    try:
        found = await listed(tree)
    finally:
        (tree / "sub").chmod(0o755)
    assert [each.prefix for each in found if isinstance(each, Gap)] == ["sub/"]
    assert [each.key for each in found if isinstance(each, Item)] == ["a.md", "b.txt"]


async def test_a_file_of_two_gigabytes_is_refused_unread(tree: Path) -> None:
    with (tree / "big.md").open("wb") as file:
        file.truncate(2 * 1024**3)
    (item,) = [e for e in await listed(tree, include=["big.md"]) if isinstance(e, Item)]
    assert item.size == 2 * 1024**3
    async with open_folder({"path": str(tree)}, name="s") as source:
        with pytest.raises(TooLarge, match="ingest.max_file_bytes"):
            await source.read(item, known=None, max_bytes=LIMIT)


@pytest.fixture
def odd(tree: Path) -> list[bytes]:
    names = [b"\xff\xfe.md", b"line\nend.md", b"esc\x1b[31m.md", b"100%41.md"]
    for name in names:
        Path(os.fsdecode(os.fsencode(tree) + b"/" + name)).write_bytes(name)
    return names


async def test_names_that_are_no_text_are_read_by_their_keys(tree: Path, odd: list[bytes]) -> None:
    found = [k for k in await keys(tree, include=["*.md"]) if "/" not in k and k != "a.md"]
    assert found == sorted(["%FF%FE.md", "line%0Aend.md", "esc%1B[31m.md", "100%2541.md"])
    async with open_folder({"path": str(tree)}, name="s") as source:
        read = [await source.read(Item(key), known=None, max_bytes=LIMIT) for key in found]
    assert {each.blob.content for each in read if each} == set(odd)


async def test_a_folder_that_is_a_file_or_gone_is_unavailable(tree: Path) -> None:
    for path in (tree / "a.md", tree / "none"):
        with pytest.raises(Unavailable, match="cannot be listed"):
            await listed(path)


async def test_a_folder_that_was_taken_away_since_it_was_listed_is_unavailable(tree: Path) -> None:
    async with open_folder({"path": str(tree)}, name="s") as source:
        (tree / "b.txt").unlink()
        with pytest.raises(NotFound):
            await source.read(Item("b.txt"), known=None, max_bytes=LIMIT)
        shutil.rmtree(tree)
        with pytest.raises(Unavailable, match="mounted"):
            await source.read(Item("a.md"), known=None, max_bytes=LIMIT)


async def test_a_folder_that_was_emptied_since_it_was_listed_is_unavailable(tree: Path) -> None:
    async with open_folder({"path": str(tree / "sub" / "deep")}, name="s") as source:
        (tree / "sub" / "deep" / "d.md").unlink()
        with pytest.raises(Unavailable, match="mounted"):
            await source.read(Item("d.md"), known=None, max_bytes=LIMIT)
