"""The bundle that is in the wheel was built from the source that is here."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE, BUNDLE = ROOT / "console", ROOT / "src/bedplate/console"
OTHERS = ("index.html", "package-lock.json", "svelte.config.js", "vite.config.ts")
"""As in console/bundle.mjs."""


def sources() -> dict[str, Path]:
    found = [path for path in (SOURCE / "src").rglob("*") if path.is_file()]
    found += [SOURCE / name for name in OTHERS]
    return {
        path.relative_to(SOURCE).as_posix(): path
        for path in found
        if not path.name.endswith(".test.ts")
    }


def test_the_bundle_is_of_this_source() -> None:
    whole = hashlib.sha256()
    for name, path in sorted(sources().items()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{name} {digest}\n".encode())
    noted = (BUNDLE / "source.sha256").read_text().strip()
    assert whole.hexdigest() == noted, "run `make console` and commit src/bedplate/console"


def test_no_page_puts_data_into_markup() -> None:
    markup = ("{@html", "innerHTML", "insertAdjacentHTML", "document.write")
    for name, path in sources().items():
        if path.suffix in {".ts", ".svelte"}:
            assert not [each for each in markup if each in path.read_text()], name


def test_the_lock_names_no_registry() -> None:
    lock = (SOURCE / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
