"""`fastembed`: images and texts in one space, by two towers in ONNX (CLIP, SigLIP).

`model` says how the files are read. They come from the hub, or from `folder`: the model's own
files, in `vision` and `text` below it where the hub has the towers in two repositories.
"""

import asyncio
import hashlib
import io
import struct
from collections.abc import AsyncGenerator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from fastembed import ImageEmbedding, TextEmbedding
from PIL import Image, ImageOps
from pydantic import BaseModel, ConfigDict, Field

from bedplate.embedders.checks import encodable
from bedplate.embedders.fastembed_files import (
    CPU,
    TOKENIZER_FILES,
    ModelFiles,
    check_listed,
    in_list,
    opened,
    running,
    stacked,
)
from bedplate.embedders.protocol import ImageEmbedder, Matrix
from bedplate.errors import ConfigError, TooLarge, Unreadable

TOWERS: Mapping[str, tuple[str, str]] = {
    "clip-ViT-B-32": ("Qdrant/clip-ViT-B-32-vision", "Qdrant/clip-ViT-B-32-text"),
    "jina-clip-v1": ("jinaai/jina-clip-v1", "jinaai/jina-clip-v1"),
    "siglip2-base-patch16-224": (
        "google/siglip2-base-patch16-224",
        "google/siglip2-base-patch16-224",
    ),
}
"""The library's names of the towers for images and for texts."""

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
# What decoders raise for damaged files; Pillow has no base for them.
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error)


class FastembedImagesOptions(BaseModel):
    """`threads` is how many cores one batch may use."""

    model_config = ConfigDict(extra="forbid")
    model: Literal["clip-ViT-B-32", "jina-clip-v1", "siglip2-base-patch16-224"] = "clip-ViT-B-32"
    cache: Path = Path("bedplate-data/models")
    offline: bool = False
    folder: Path | None = None
    least: float = Field(default=0.2, ge=-1, le=1)
    max_pixels: int = Field(default=50_000_000, gt=0)
    batch: int = Field(default=8, ge=1, le=256)
    threads: int = Field(default=1, ge=1, le=64)
    workers: int = Field(default=1, ge=1, le=64)


class FastembedImages:
    def __init__(
        self, vision: ModelFiles, text: ModelFiles, options: FastembedImagesOptions
    ) -> None:
        self._name = options.model
        self._options = options
        self._vision = opened(
            vision, lambda: ImageEmbedding(vision.name, **_settings(vision, options))
        )
        self._text = opened(text, lambda: TextEmbedding(text.name, **_settings(text, options)))
        blank = Image.new("RGB", (8, 8))
        seen = opened(vision, lambda: list(self._vision.embed([blank])))
        read = opened(text, lambda: list(self._text.embed(["ready"])))
        self.dimensions = int(seen[0].shape[-1])
        for files in (vision, text):
            check_listed(self._name, self.dimensions, files.dimensions)
        if read[0].shape[-1] != self.dimensions:
            raise ConfigError(
                f"The towers of {self._name!r} are not of one model: the one for images gives "
                f"{self.dimensions} numbers, the one for texts {read[0].shape[-1]}."
            )
        self.least = options.least
        facts = (vision.digest("preprocessor_config.json"), text.digest(*TOKENIZER_FILES))
        digest = hashlib.sha256(repr(facts).encode()).hexdigest()[:12]
        self.fingerprint = f"fastembed-{options.model}-{digest}"
        self._pool = ThreadPoolExecutor(options.workers, thread_name_prefix="images")

    async def embed_images(self, images: Sequence[bytes]) -> Matrix:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._images, images)

    async def embed_texts(self, texts: Sequence[str]) -> Matrix:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._texts, texts)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _images(self, images: Sequence[bytes]) -> Matrix:
        rows: list[Any] = []
        for start in range(0, len(images), self._options.batch):
            part = images[start : start + self._options.batch]
            # Decoded first: what is wrong with a file is not the model's failure.
            pictures = [_decoded(content, self._options.max_pixels) for content in part]
            with running(self._name):
                rows.extend(self._vision.embed(pictures, batch_size=self._options.batch))
        return stacked(self._name, rows, len(images), self.dimensions)

    def _texts(self, texts: Sequence[str]) -> Matrix:
        with running(self._name):
            rows = self._text.embed(encodable(texts), batch_size=self._options.batch)
            return stacked(self._name, rows, len(texts), self.dimensions)


def _settings(files: ModelFiles, options: FastembedImagesOptions) -> dict[str, Any]:
    return {
        "cache_dir": str(files.folder),
        "specific_model_path": str(files.folder),
        "threads": options.threads,
        "providers": CPU,
    }


def _decoded(content: bytes, most: int) -> Image.Image:
    """The first picture of a file, upright, in RGB."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > most:
                raise TooLarge(
                    f"The image has {width} x {height} pixels; the limit is {most:,} (max_pixels)."
                )
            return ImageOps.exif_transpose(picture).convert("RGB")
    except Image.DecompressionBombError as error:
        raise TooLarge(f"The image is too large: {error}.") from error
    except DAMAGED as error:
        raise Unreadable(f"The image cannot be decoded: {error}.", reason="malformed") from error


def _load(options: FastembedImagesOptions) -> FastembedImages:
    vision, text = TOWERS[options.model]
    return FastembedImages(
        _files(ImageEmbedding, vision, "vision", options),
        _files(TextEmbedding, text, "text", options),
        options,
    )


def _files(library: Any, name: str, tower: str, options: FastembedImagesOptions) -> ModelFiles:
    if options.folder is None:
        return in_list(library, name, options.cache, offline=options.offline)
    below = options.folder / tower
    known = {str(entry["model"]): entry for entry in library.list_supported_models()}
    network = str(known[name]["model_file"])
    found = ModelFiles(name, below if below.is_dir() else options.folder, network)
    if not (found.folder / network).is_file():
        raise ConfigError(f"The image embedder's folder {str(found.folder)!r} holds no {network}.")
    return found


@asynccontextmanager
async def open_fastembed_images(options: Mapping[str, Any]) -> AsyncGenerator[ImageEmbedder]:
    """See FastembedImagesOptions.

    Raises:
        ConfigError: files that do not fit or are not of one model, or a model to be fetched while
            `offline`.
        UpstreamError: a model that could not be fetched.
    """
    chosen = FastembedImagesOptions.model_validate(dict(options))
    embedder = await asyncio.to_thread(_load, chosen)
    try:
        yield embedder
    finally:
        embedder.close()
