"""The head of the span reader, and its loss."""

import torch
from torch import Tensor, nn
from training.encoder.batches import IGNORED, Batch
from training.encoder.bert import WIDTH, Trunk
from training.reader.data import END, START


class Spanned(nn.Module):
    """Start and end a token, (texts, tokens, 2): how much more speaks for it than for no answer,
    which is what the first marker stands for. The best span's sum is the margin over refusing.
    """

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk, self.head = trunk, nn.Linear(WIDTH, 2)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        logits = self.head(self.trunk(ids, mask, types))
        return logits - logits[:, :1]


def span_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Minus the log of the probability that all gold starts, and all gold ends, have together."""
    possible = batch.target != IGNORED
    bits = batch.target.clamp(min=0).long()
    total = torch.zeros(len(bits))
    for column, bit in enumerate((START, END)):
        scores = logits[:, :, column].masked_fill(~possible, -1e4)
        gold = scores.masked_fill((bits & bit) == 0, -1e4)
        total = total + scores.logsumexp(1) - gold.logsumexp(1)
    return (total * batch.weight).sum() / batch.weight.sum() / 2
