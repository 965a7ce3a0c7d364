"""Resolve pyproject.toml, and what the kits need, into lock files: pins and hashes, no addresses."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYPROJECT = ROOT / "pyproject.toml"
LEFT_OUT = {"local", "presidio", "sentence-transformers"}
"""What must be compiled, or brings a hundred packages or gigabytes: tests of these extras run where somebody
has installed them."""


def extras() -> list[str]:
    named = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    return [f"--extra={name}" for name in sorted(named) if name not in LEFT_OUT]


def main() -> None:
    build, dev = f"--group={PYPROJECT}:build", f"--group={PYPROJECT}:dev"
    locks = {"requirements.lock": [build], "requirements-dev.lock": [*extras(), build, dev]}
    for name, groups in locks.items():
        compile_lock(ROOT / name, str(PYPROJECT), *groups)
    kits = ROOT / "examples"
    compile_lock(kits / "requirements.lock", str(kits / "requirements.in"))


def compile_lock(lock: Path, *wanted: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    command = [
        str(uv), "pip", "compile", "--quiet", "--universal", "--generate-hashes",
        "--no-emit-index-url", "--no-header", "--no-annotate", "--python-version", "3.11",
        *wanted, "--output-file", str(lock), *sys.argv[1:],
    ]  # fmt: skip
    subprocess.run(command, check=True)  # noqa: S603


if __name__ == "__main__":
    main()
