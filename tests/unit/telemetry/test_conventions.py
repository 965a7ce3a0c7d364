"""The attributes of spans: each is documented, and each that is documented is there."""

import re
from pathlib import Path

from bedplate.telemetry import conventions

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guide" / "observability.md"
ATTRIBUTES = {
    name: value
    for name, value in vars(conventions).items()
    if name.isupper() and isinstance(value, str)
}
SOURCE = Path(conventions.__file__).parents[1]


def test_attributes_are_those_that_the_guide_documents():
    section = GUIDE.read_text(encoding="utf-8").split("## Attributes")[1].split("\n## ")[0]
    documented = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    assert documented == set(ATTRIBUTES.values())


def test_every_attribute_is_used_somewhere():
    code = "\n".join(
        file.read_text(encoding="utf-8")
        for file in SOURCE.rglob("*.py")
        if file.name != "conventions.py"
    )
    assert [name for name in ATTRIBUTES if not re.search(rf"\b{name}\b", code)] == []
