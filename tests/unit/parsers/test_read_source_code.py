import pytest

from bedplate.domain.documents import Blob
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.source_code import read_source_code


def parts(text: str, name: str) -> list[tuple[str | None, str]]:
    (document,) = read_source_code(Blob(text.encode(), name), ParseLimits()).documents
    assert document.title == name
    return [(b.heading, b.text) for b in document.blocks if b.kind == "code"]


def test_python_is_cut_at_definitions_with_what_leads_them() -> None:
    text = "import os\n\n# Adds.\n@cache\nasync def add(a):\n    def inner(): ...\n\n    return a\n\n\nclass Shop:\n    x = 1\n"
    assert parts(text, "a.py") == [
        (None, "import os"),
        ("add", "# Adds.\n@cache\nasync def add(a):\n    def inner(): ...\n\n    return a"),
        ("Shop", "class Shop:\n    x = 1"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("a.ts", "export default class A {\n}\nconst f = (x) => {\n}\nfunction* g() {}\n", ["A", "f", "g"]),
        ("a.java", "package x.y;\n\npublic final class A {\n  void m() {}\n}\n", ["x.y", "A"]),
        ("a.go", "func (s *Server) Run() error {\n}\ntype T struct {\n}\n", ["Run", "T"]),
        ("a.rs", "pub(crate) async fn run() {\n}\nimpl Shop {\n}\n", ["run", "Shop"]),
        ("a.c", "static int add(int a,\n  int b)\n{\n  if (a) { }\n}\nint x;\nvoid f(void) {\n}\n", ["add", "f"]),
        ("a.sql", "CREATE TABLE IF NOT EXISTS shop (\n id int);\ncreate view v as select 1;\n", ["shop", "v"]),
        ("a.yaml", "name: x\njobs:\n  test:\n    a: 1\n", ["name", "jobs"]),
        ("a.toml", "[a.b]\nc = 1\n[[d]]\n", ["a.b", "d"]),
        ("a.rb", "module Shop\n  class A\n  end\nend\n", ["Shop"]),
    ],
)  # fmt: skip
def test_definitions_of_many_languages_are_found(name: str, text: str, names: list[str]) -> None:
    assert [heading for heading, _ in parts(text, name) if heading] == names


def test_nothing_of_a_file_is_lost() -> None:
    text = "a = 1\n\n\ndef f():\n    pass\n\nb = 2\n"
    joined = "".join(text for _, text in parts(text, "a.py"))
    assert "".join(joined.split()) == "".join(text.split())


def test_a_very_long_definition_is_several_blocks() -> None:
    text = "def f():\n" + "    x = 'some words in a line'\n" * 2000
    found = parts(text, "a.py")
    assert len(found) > 1
    assert {heading for heading, _ in found} == {"f"}


def test_the_language_is_metadata() -> None:
    (document,) = read_source_code(Blob(b"x", "a.rs"), ParseLimits()).documents
    assert document.metadata == {"programming_language": "Rust"}
