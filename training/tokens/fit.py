"""Fit the projection of the bundled encoder's token vectors; see README.md beside this file.

Writes src/bedplate/embedders/onnx_tokens.npz: `mean` (384,) and `directions` (384, 128), the
principal components of the token vectors of SQuAD 2.0's paragraphs, as float16.
"""

import asyncio
import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from bedplate.embedders import EMBEDDERS
from bedplate.embedders.protocol import TokenEmbedder
from bedplate.terms import analyse

WIDTH = 128
OUT = Path(__file__).parents[2] / "src/bedplate/embedders/onnx_tokens.npz"


def paragraphs() -> list[str]:
    path = Path(sys.argv[1]) / "qa_squad2" / "paragraphs.jsonl"
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


async def token_vectors(texts: list[str]) -> np.ndarray:
    kept: list[np.ndarray] = []
    async with EMBEDDERS.load("onnx")({}) as embedder:
        assert isinstance(embedder, TokenEmbedder)
        for start in range(0, len(texts), 32):
            part = texts[start : start + 32]
            for text, found in zip(part, await embedder.embed_tokens(part), strict=True):
                words = [bool(analyse(text[a:b])) for a, b in found.spans.tolist()]
                kept.append(found.vectors[words])
    return np.concatenate(kept)


def main() -> None:
    vectors = asyncio.run(token_vectors(paragraphs()))
    mean = vectors.mean(axis=0)
    centred = (vectors - mean).astype(np.float64)
    values, directions = np.linalg.eigh(centred.T @ centred)
    best = directions[:, ::-1][:, :WIDTH]
    # The sign of a component is arbitrary; fixed, so that the file is the same every time.
    best = best * np.sign(best[np.abs(best).argmax(axis=0), np.arange(WIDTH)])
    np.savez(OUT, mean=mean.astype(np.float16), directions=best.astype(np.float16))
    share = values[::-1][:WIDTH].sum() / values.sum()
    print(f"{len(vectors):,} tokens; {share:.3f} of the variance in {WIDTH} of {len(values)}")
    print(hashlib.sha256(OUT.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
