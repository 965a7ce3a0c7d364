"""A fitted model as int8 ONNX, checked against what was fitted."""

import hashlib
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn
from training.encoder.batches import Batch

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OUTPUT = "logits"
OPSET = 17


def export(model: nn.Module, out: Path, sample: Batch, tagged: bool) -> str:  # noqa: FBT001
    """Write `out`, int8 per channel with the reduced range that CPUs without VNNI need, and return
    its SHA-256. Prints how far the logits of `sample` are from the fitted model's.
    """
    model.eval()
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "model.onnx"
        shape = {0: "texts", 1: "tokens"}
        axes = {**dict.fromkeys(INPUTS, shape), OUTPUT: shape if tagged else {0: "texts"}}
        given = (sample.ids, sample.mask, sample.types)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model, given, str(whole), input_names=list(INPUTS), output_names=[OUTPUT],
                dynamic_axes=axes, opset_version=OPSET, dynamo=False,
            )  # fmt: skip
        onnx.checker.check_model(str(whole))
        quantize_dynamic(
            whole, out, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8
        )
    with torch.no_grad():
        wanted = model(*given).numpy()
    found = np.asarray(
        session(out).run(None, dict(zip(INPUTS, [g.numpy() for g in given], strict=True)))[0]
    )
    real = sample.mask.numpy().astype(bool) if tagged else slice(None)
    print(f"int8 against float: mean difference {np.abs(found - wanted)[real].mean():.4f} logits, "
          f"most {np.abs(found - wanted)[real].max():.4f}")  # fmt: skip
    return hashlib.sha256(out.read_bytes()).hexdigest()


def session(path: Path) -> Any:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
