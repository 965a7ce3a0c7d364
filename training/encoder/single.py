"""A fitted model as it is run: one text at a time, without padding, in fewer and larger operations."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from training.encoder.bert import HEADS, WIDTH, Guarding, Layer, Trunk

EACH = WIDTH // HEADS


class SingleLayer(nn.Module):
    """A layer whose queries, keys and values are one product; that of queries is scaled beforehand."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        scale = 1 / math.sqrt(EACH)
        parts = (layer.query, layer.key, layer.value)
        self.three = nn.Linear(WIDTH, 3 * WIDTH)
        with torch.no_grad():
            self.three.weight.copy_(torch.cat([p.weight for p in parts]))
            self.three.bias.copy_(torch.cat([p.bias for p in parts]))
            self.three.weight[:WIDTH] *= scale
            self.three.bias[:WIDTH] *= scale
        self.mixed, self.wide, self.narrow = layer.mixed, layer.wide, layer.narrow
        self.after_attention, self.after = layer.after_attention, layer.after

    def forward(self, hidden: Tensor) -> Tensor:
        three = self.three(hidden).reshape(1, -1, 3 * HEADS, EACH).transpose(1, 2)
        query, key, value = three.split(HEADS, 1)
        seen = (query @ key.transpose(-1, -2)).softmax(-1) @ value
        hidden = self.after_attention(
            hidden + self.mixed(seen.transpose(1, 2).reshape(1, -1, WIDTH))
        )
        return self.after(hidden + self.narrow(functional.gelu(self.wide(hidden))))


class SingleTrunk(nn.Module):
    """Ids and types of one text, (1, tokens), to its hidden states, (1, tokens, 384)."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.layers = nn.ModuleList(SingleLayer(layer) for layer in trunk.layers)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        hidden = self.trunk.embedded(ids, types)
        for layer in self.layers:
            hidden = layer(hidden)
        return hidden


class SingleGuarding(nn.Module):
    """`Guarding` of one text: (1, tokens, tags) and (1, heads)."""

    def __init__(self, model: Guarding) -> None:
        super().__init__()
        self.trunk, self.tags = SingleTrunk(model.trunk), model.tags
        self.weigh, self.head = model.weigh, model.head

    def forward(self, ids: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.trunk(ids, types)
        weights = self.weigh(hidden).softmax(1)
        slots = (weights.transpose(1, 2) @ hidden).reshape(1, Guarding.SLOTS * WIDTH)
        return self.tags(hidden), self.head(slots)
