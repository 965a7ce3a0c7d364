"""Writes docs/reference/openai.md."""

import asyncio
from pathlib import Path

from scripts.openai_coverage.measure import measure
from scripts.openai_coverage.table import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "openai.md"

if __name__ == "__main__":
    PAGE.write_text(page(asyncio.run(measure())), encoding="utf-8")
