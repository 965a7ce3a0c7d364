from pathlib import Path

import pytest

from bedplate.errors import InvalidInput
from bedplate.ingest.own_files import without_own


@pytest.mark.parametrize("name", ["data", "data[1]", "a/b"])
def test_what_is_our_own_is_excluded_by_name(tmp_path: Path, name: str) -> None:
    found = without_own({"path": str(tmp_path), "exclude": ["x"]}, [tmp_path / name])
    assert found == {"path": str(tmp_path), "exclude": ["x", name.replace("[", "[[]")]}


def test_a_link_to_the_folder_is_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real" / "data").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    found = without_own({"path": str(link)}, [tmp_path / "real" / "data"])
    assert found == {"path": str(link), "exclude": ["data"]}


def test_another_folder_is_left_alone(tmp_path: Path) -> None:
    options = {"path": str(tmp_path / "files"), "hidden": True}
    assert without_own(options, [tmp_path / "data"]) == options


@pytest.mark.parametrize("below", ["", "inner"])
def test_our_own_folder_is_no_source(tmp_path: Path, below: str) -> None:
    with pytest.raises(InvalidInput, match="own data"):
        without_own({"path": str(tmp_path / below)}, [tmp_path])


@pytest.mark.parametrize(
    "options", [{}, {"path": 1}, {"path": "/x", "exclude": 3}, {"path": "a\0"}]
)
def test_options_that_cannot_be_are_left_to_be_refused(options, tmp_path: Path) -> None:
    assert without_own(options, [tmp_path]) == options
