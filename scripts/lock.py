"""Resolve pyproject.toml into the two lock files: pins and hashes, no addresses."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYPROJECT = ROOT / "pyproject.toml"
LOCKS = {
    "requirements.lock": ["--group", f"{PYPROJECT}:build"],
    "requirements-dev.lock": [
        "--all-extras",
        "--group",
        f"{PYPROJECT}:build",
        "--group",
        f"{PYPROJECT}:dev",
    ],
}


def main() -> None:
    uv = Path(sys.executable).with_name("uv")
    for name, groups in LOCKS.items():
        command = [
            str(uv), "pip", "compile", "--quiet", "--universal", "--generate-hashes",
            "--no-emit-index-url", "--no-header", "--no-annotate", "--python-version", "3.11",
            str(PYPROJECT), *groups, "--output-file", str(ROOT / name), *sys.argv[1:],
        ]  # fmt: skip
        subprocess.run(command, check=True)  # noqa: S603


if __name__ == "__main__":
    main()
