"""A fitted model as int8 ONNX, checked against what was fitted."""

import hashlib
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from training.encoder.batches import Batch

OPSET = 17
Given = Mapping[str, Tensor]
"""Inputs by name."""
Axes = Mapping[int, str]
"""Which axes of an input or output are of any length, and what they count."""


def padded(batch: Batch) -> Given:
    return {
        "input_ids": batch.ids, "attention_mask": batch.mask, "token_type_ids": batch.types,
    }  # fmt: skip


def export(
    model: nn.Module,
    out: Path,
    samples: Sequence[Given],
    axes: Axes,
    outputs: Mapping[str, Axes],
    whole: Sequence[str] = (),
) -> str:
    """Write `out`, int8 per channel with the reduced range that CPUs without VNNI need, and return
    its SHA-256. Prints how far what it says of `samples` is from the fitted model's.

    `axes` are those of every input, `outputs` the names of what the model gives, in order. Parts of
    the model that `whole` names stay in full precision.
    """
    model.eval()
    given = samples[0]
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "model.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model, tuple(given.values()), str(full), input_names=list(given),
                output_names=list(outputs), opset_version=OPSET, dynamo=False,
                dynamic_axes={**dict.fromkeys(given, axes), **outputs},
            )  # fmt: skip
        graph = onnx.load(str(full))
        onnx.checker.check_model(graph)
        named = [(node.name, node.name.split("/")[1:2]) for node in graph.graph.node]
        kept = [name for name, part in named if part and part[0] in whole]
        quantize_dynamic(
            full, out, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8,
            nodes_to_exclude=kept,
        )  # fmt: skip
    opened = session(out)
    apart: dict[str, list[np.ndarray]] = {name: [] for name in outputs}
    for each in samples:
        with torch.no_grad():
            said = model(*each.values())
        wanted = said if isinstance(said, tuple) else (said,)
        found = opened.run(None, {name: value.numpy() for name, value in each.items()})
        mask = each.get("attention_mask")
        for (name, free), one, other in zip(outputs.items(), wanted, found, strict=True):
            real = mask.numpy().astype(bool) if mask is not None and 1 in free else slice(None)
            apart[name].append(np.abs(np.asarray(other) - one.numpy())[real].ravel())
    for name, differences in apart.items():
        all_of = np.concatenate(differences)
        print(
            f"{name}: int8 against float: mean difference {all_of.mean():.4f}, most {all_of.max():.4f}"
        )
    return hashlib.sha256(out.read_bytes()).hexdigest()


def session(path: Path) -> Any:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
