import pytest

from bedplate.errors import MissingExtra, UnknownAdapter
from bedplate.registry import Registry


def test_a_name_loads_its_factory_and_nothing_before() -> None:
    registry = Registry[type]("things", {"path": "pathlib:Path", "broken": "no.such:thing"})
    assert registry.load("path").__name__ == "Path"
    assert registry.names() == ("path", "broken")


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownAdapter, match="no things adapter 'pth'. Did you mean 'path'"):
        Registry[type]("things", {"path": "pathlib:Path"}).load("pth")


def test_a_missing_extra_says_what_to_install() -> None:
    registry = Registry[type]("things", {"x": "no_such_package:y"}, {"x": "extra"})
    with pytest.raises(MissingExtra, match=r"pip install 'bedplate\[extra\]'"):
        registry.load("x")
