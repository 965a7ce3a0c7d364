"""The loop that every small model is fitted with, and the losses of its heads."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from training.encoder.batches import IGNORED, Batch, Example, batches

Loss = Callable[[Any, Batch], Tensor]
Epoch = Callable[[int, random.Random], Sequence[Example]]
"""What is learnt from in an epoch, which may be drawn anew each time."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """`rate` is the trunk's learning rate, `head_rate` that of what starts from nothing. `half` computes in
    bfloat16, twice as fast where the processor knows it.
    """

    epochs: int
    rate: float = 5e-5
    head_rate: float = 1e-3
    batch_tokens: int = 2_048
    warm_up: float = 0.1
    decay: float = 0.01
    clip: float = 1.0
    seed: int = 1
    half: bool = False


def start(seed: int) -> None:
    """One thread and one seed: the same weights every time on the same machine."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(mode=True)


def fit(model: nn.Module, epoch: Epoch, loss: Loss, recipe: Recipe) -> None:
    """AdamW with a linear warm-up and decay; prints the mean loss every twenty steps."""
    draws = [epoch(n, random.Random(recipe.seed * 1_000 + n)) for n in range(recipe.epochs)]
    steps = [list(batches(d, recipe.batch_tokens, recipe.seed + n)) for n, d in enumerate(draws)]
    total = sum(map(len, steps))
    fresh = {id(p) for name, p in model.named_parameters() if not name.startswith("trunk.")}
    learnt = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learnt if id(p) not in fresh], "lr": recipe.rate},
        {"params": [p for p in learnt if id(p) in fresh], "lr": recipe.head_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.decay)
    first = max(1, int(recipe.warm_up * total))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda n: min((n + 1) / first, (total - n) / max(1, total - first))
    )
    model.train()
    began, done, tokens, summed = time.monotonic(), 0, 0, 0.0
    for number, epoch_batches in enumerate(steps):
        for batch in epoch_batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.half):
                said = model(batch.ids, batch.mask, batch.types)
            found = loss(_whole(said), batch)
            optimiser.zero_grad()
            found.backward()
            nn.utils.clip_grad_norm_(learnt, recipe.clip)
            optimiser.step()
            schedule.step()
            done, tokens = done + 1, tokens + int(batch.mask.sum())
            summed += float(found.detach())
            if done % 20 == 0 or done == total:
                took = time.monotonic() - began
                mean = summed / ((done - 1) % 20 + 1)
                print(f"epoch {number + 1} step {done}/{total} loss {mean:.4f} {tokens / took:.0f} tok/s",
                      flush=True)  # fmt: skip
                summed = 0.0
    model.eval()


def _whole(said: Any) -> Any:
    """In full precision, in which losses are computed."""
    return tuple(each.float() for each in said) if isinstance(said, tuple) else said.float()


def masked_bce(smoothing: float = 0.02) -> Loss:
    """Of heads that each learn from some examples only; targets 0, 1 or `IGNORED`."""

    def loss(logits: Tensor, batch: Batch) -> Tensor:
        counts = (batch.target != IGNORED).float() * batch.weight[:, None]
        wanted = batch.target.clamp(0, 1) * (1 - smoothing) + smoothing / 2
        each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        return (each * counts).sum() / counts.sum().clamp(min=1e-6)

    return loss


def guarding(early: float, smoothing: float = 0.02) -> Loss:
    """Of tags and heads at once, each counting by its share of the batch; `early` of the heads' loss
    is taken of what the lower layers say as well.
    """

    def loss(logits: tuple[Tensor, Tensor, Tensor], batch: Batch) -> Tensor:
        tags, late, first = logits
        known = batch.tags != IGNORED
        each = functional.cross_entropy(
            tags.flatten(0, 1), batch.tags.flatten(), ignore_index=IGNORED,
            label_smoothing=smoothing, reduction="sum",
        )  # fmt: skip
        counts = (batch.target != IGNORED).float() * batch.weight[:, None]
        wanted = batch.target.clamp(0, 1) * (1 - smoothing) + smoothing / 2
        bce = functional.binary_cross_entropy_with_logits
        heads = bce(late, wanted, counts, reduction="sum")
        heads = heads + early * bce(first, wanted, counts, reduction="sum")
        return each / max(1, int(batch.mask.sum())) + heads / len(known)

    return loss
