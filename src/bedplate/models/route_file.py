"""A head as a file: NumPy's `.npz`, read without pickle and checked before it is used."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bedplate.errors import ConfigError
from bedplate.models.route_features import NAMES
from bedplate.models.route_head import Directions, Profile, RouteHead
from bedplate.models.route_heads import OUTCOMES, Outcomes, Ridge
from bedplate.models.route_known import Known
from bedplate.models.route_trees import Trees

WEIGHTS = "route_weights.npz"
SHA256 = "0e522cad7612603c1d2f0a6c8925511b677e00746b6246626f80f4ad91b44f36"
"""Of the shipped file; training/route writes both and its card."""
MOST_BYTES = 16 * 1024 * 1024
FORMAT = 1

Array = NDArray[Any]


class BadHead(Exception):
    """The bytes are no head that can be used; the message says why."""


def shipped_head() -> RouteHead:
    """The one in the package; its card is training/route/README.md."""
    content = files("bedplate.models").joinpath(WEIGHTS).read_bytes()
    return _checked(WEIGHTS, content, SHA256, "reinstall bedplate")


def read_head(path: Path, sha256: str | None = None) -> RouteHead:
    """A head of one's own, as `bedplate calibrate route` writes it; ConfigError says what is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"The head {str(path)!r} cannot be read: {error.strerror}.") from error
    return _checked(
        str(path), content, sha256, "fit it again, or set the sum of the file you trust"
    )


def _checked(name: str, content: bytes, sha256: str | None, remedy: str) -> RouteHead:
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise ConfigError(f"{name} has SHA-256 {found}, not the expected {sha256}: {remedy}.")
    try:
        return unpack(content)
    except BadHead as error:
        raise ConfigError(
            f"{name} is no head of a router: {error}. Write one with `bedplate calibrate route`."
        ) from error


def pack(head: RouteHead) -> bytes:
    """The same head always gives the same bytes."""
    arrays = {name: np.asarray(value) for name, value in _flat(head)}
    about = {
        "format": FORMAT,
        "features": list(NAMES),
        "fingerprint": head.fingerprint,
        "prompts": head.prompts,
    }
    text = json.dumps(about, sort_keys=True).encode()
    arrays["about"] = np.frombuffer(text, np.uint8)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, arrays[name], allow_pickle=False)
            # A fixed time, as the archive's bytes are to be the same.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue())
    return made.getvalue()


def unpack(content: bytes) -> RouteHead:
    """BadHead for anything whose arrays do not fit together, or hold numbers that are not finite."""
    arrays = _arrays(content)
    try:
        about = cast(dict[str, Any], json.loads(arrays.pop("about").astype(np.uint8).tobytes()))
        fingerprint, prompts = str(about["fingerprint"]), int(about["prompts"])
        fits = about["format"] == FORMAT and about["features"] == list(NAMES)
    except (KeyError, ValueError, TypeError) as error:
        raise BadHead("it does not say what it is for") from error
    if not fits:
        raise BadHead("it is for another version of Bedplate, with other features")
    try:
        head = RouteHead(
            fingerprint=fingerprint,
            full=_profile(arrays, "full") if fingerprint else None,
            light=_profile(arrays, "light"),
            known=_known(arrays),
            lengths=_of(arrays, "lengths", None),
            trust=float(_of(arrays, "trust")),
            recovered=_of(arrays, "recovered", None),
            prompts=prompts,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadHead(f"an array is missing or of another shape ({error})") from error
    _check_width(head)
    return head


def _check_width(head: RouteHead) -> None:
    """All that meets a vector is as wide."""
    full = head.full
    if full is None:
        return
    widths = {head.known.centres.shape[1]} if len(head.known.centres) else set[int]()
    widths |= {len(full.outcomes.weights) - 1} if full.outcomes is not None else set()
    widths |= {len(full.directions.mean)} if full.directions is not None else set()
    if len(widths) != 1:
        raise BadHead(f"its arrays are for vectors of different lengths ({sorted(widths)})")


def _flat(head: RouteHead) -> Iterator[tuple[str, Any]]:
    if head.full is not None:
        yield from _of_profile("full", head.full)
    yield from _of_profile("light", head.light)
    for key in ("mean", "scale", "centre", "inverse"):
        yield f"known.{key}", getattr(head.known, key).astype(np.float32)
    for key in ("surface", "centres", "cosine"):
        yield f"known.{key}", getattr(head.known, key)
    for key in ("lengths", "trust", "recovered"):
        yield key, getattr(head, key)


def _of_profile(name: str, profile: Profile) -> Iterator[tuple[str, Any]]:
    for key in ("mean", "scale", "weights", "intercept"):
        yield f"{name}.ridge.{key}", np.asarray(getattr(profile.ridge, key), np.float32)
    if profile.trees is not None:
        for key in ("column", "threshold", "left", "right", "value"):
            yield f"{name}.trees.{key}", getattr(profile.trees, key)
    if profile.outcomes is not None:
        yield f"{name}.outcomes", profile.outcomes.weights.astype(np.float32)
    if profile.directions is not None:
        yield f"{name}.directions.mean", profile.directions.mean.astype(np.float32)
        yield f"{name}.directions.axes", profile.directions.axes.astype(np.float32)
    for key in ("spreads", "length", "grid", "line"):
        yield f"{name}.{key}", getattr(profile, key)


def _arrays(content: bytes) -> dict[str, Array]:
    if len(content) > MOST_BYTES:
        raise BadHead(f"it has more than {MOST_BYTES:,} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(info.file_size for info in archive.infolist()) > MOST_BYTES:
                raise BadHead(f"unpacked it has more than {MOST_BYTES:,} bytes")
        with np.load(io.BytesIO(content), allow_pickle=False) as opened:
            return {name: opened[name] for name in opened.files}
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise BadHead("it is no .npz file of plain arrays") from error


def _of(arrays: Mapping[str, Array], name: str, *shape: int | None) -> Array:
    """The array as float64, of that shape; None stands for any length but 0."""
    found = arrays[name]
    fits = found.ndim == len(shape) and all(
        have == want if want is not None else have > 0
        for have, want in zip(found.shape, shape, strict=False)
    )
    if not fits or found.dtype.kind not in "fiu" or not np.isfinite(found).all():
        raise ValueError(f"{name}: {found.dtype} {found.shape}")
    return found.astype(np.float64)


def _profile(arrays: Mapping[str, Array], name: str) -> Profile:
    count = len(NAMES)
    ridge = Ridge(
        _of(arrays, f"{name}.ridge.mean", count),
        _positive(_of(arrays, f"{name}.ridge.scale", count)),
        _of(arrays, f"{name}.ridge.weights", count),
        float(_of(arrays, f"{name}.ridge.intercept")),
    )
    directions, outcomes, columns = None, None, count
    if f"{name}.outcomes" in arrays:
        outcomes = Outcomes(_of(arrays, f"{name}.outcomes", None, OUTCOMES))
    if f"{name}.directions.axes" in arrays:
        mean = _of(arrays, f"{name}.directions.mean", None)
        axes = _of(arrays, f"{name}.directions.axes", len(mean), None)
        directions, columns = Directions(mean, axes), count + axes.shape[1]
    has_trees = f"{name}.trees.column" in arrays
    return Profile(
        ridge=ridge,
        trees=_trees(arrays, f"{name}.trees", columns) if has_trees else None,
        outcomes=outcomes,
        directions=directions,
        spreads=_positive(_of(arrays, f"{name}.spreads", 3)),
        length=float(_of(arrays, f"{name}.length")),
        grid=_of(arrays, f"{name}.grid", None),
        line=_of(arrays, f"{name}.line", 2),
    )


def _trees(arrays: Mapping[str, Array], name: str, columns: int) -> Trees:
    column = _of(arrays, f"{name}.column", None, None)
    shape = column.shape
    left, right = (_of(arrays, f"{name}.{side}", *shape) for side in ("left", "right"))
    # A branch leads to a later node only: no walk can run in a circle, or out of the tree.
    place = cast(Array, np.arange(shape[1])[None, :])
    for side in (left, right):
        lost = (side <= place) | (side >= shape[1])
        if column.max() >= columns or lost[column >= 0].any():
            raise ValueError(f"{name}: branches that lead nowhere")
    return Trees(
        column.astype(np.int16),
        _of(arrays, f"{name}.threshold", *shape).astype(np.float32),
        left.astype(np.int16),
        right.astype(np.int16),
        _of(arrays, f"{name}.value", *shape).astype(np.float32),
    )


def _known(arrays: Mapping[str, Array]) -> Known:
    count = len(NAMES)
    centres = arrays["known.centres"]
    if centres.ndim != 2 or centres.dtype != np.int8:
        raise ValueError(f"known.centres: {centres.dtype} {centres.shape}")
    near_far = [_of(arrays, f"known.{key}", 2).tolist() for key in ("surface", "cosine")]
    return Known(
        _of(arrays, "known.mean", count),
        _positive(_of(arrays, "known.scale", count)),
        _of(arrays, "known.centre", count),
        _of(arrays, "known.inverse", count, count),
        (near_far[0][0], near_far[0][1]),
        centres,
        (near_far[1][0], near_far[1][1]),
    )


def _positive(found: Array) -> Array:
    if (found <= 0).any():
        raise ValueError("a scale that is not above 0")
    return found
