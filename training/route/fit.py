"""Fits the shipped head of the router. Run: python training/route/fit.py [FOLDER]

Needs EVAL_DATA (routing_routellm); FOLDER keeps the prompts' vectors for the next run. About ten minutes on one core, most of it the encoder. Writes
src/bedplate/models/route_weights.npz and prints its SHA-256, which stands in route_file.py and on
the card. Plain NumPy, fixed seeds. The figures are measured by tests/bench/bench_route.py.
"""

import asyncio
import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "bench"))

from route_cases import RECIPE, labelled, read_tables  # noqa: E402

from bedplate.embedders.onnx import open_onnx_embedder  # noqa: E402
from bedplate.models.route_file import WEIGHTS, pack  # noqa: E402
from bedplate.models.route_fit import fit_head  # noqa: E402

TARGET = ROOT / "src" / "bedplate" / "models" / WEIGHTS


async def main() -> None:
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    async with open_onnx_embedder({}) as embedder:
        tables = await read_tables(embedder, kept)
        head, _ = fit_head(labelled(tables), embedder.fingerprint, RECIPE)
    content = pack(head)
    TARGET.write_bytes(content)
    print(f"{len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    asyncio.run(main())
