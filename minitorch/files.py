"""Weights on disk: one npz file of plain arrays, no pickle, whole or not at all."""

from __future__ import annotations

import io
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np

from minitorch.backends import backend
from minitorch.nn import Network
from minitorch.ops import tensor
from minitorch.tensor import Array, Tensor

State = dict[str, tuple[Array, Array]] | None


def save_weights(
    path: str | os.PathLike, net: Network, theta: Tensor | Array, state: State = None
) -> None:
    """Keep a network's weights, and its running statistics where it has any.

    Args:
        path: of the npz file; its folder is made where it is missing.
        net: the network, whose name and layer names are kept too.
        theta: all weights, (D,).
        state: mean and variance of each batch norm.

    Raises:
        ValueError: when theta is not a vector of the network's size.
        OSError: when the disk is full or forbids it; then nothing is left behind.

    >>> from tempfile import mkdtemp
    >>> from minitorch.models import mlp
    >>> net, path = mlp(4, 3), Path(mkdtemp()) / "weights.npz"
    >>> save_weights(path, net, net.init(0))
    >>> sorted(np.load(path).files)
    ['name', 'theta/dense1.bias', 'theta/dense1.weight']
    """
    pieces = net.layout.views(tensor(theta).numpy())
    parts = {f"theta/{name}": piece for name, piece in pieces.items()}
    save_arrays(path, {"name": np.array(net.name), **parts, **pack_state(state)})


def load_weights(path: str | os.PathLike, net: Network) -> tuple[np.ndarray, State]:
    """Read what `save_weights` kept.

    Returns:
        theta, (D,), and the running statistics (None where there are none).

    Raises:
        ValueError: when the file is no such file, was cut off or changed, or is
            another network's.
        OSError: when there is no file.

    >>> from tempfile import mkdtemp
    >>> from minitorch.models import mlp
    >>> net, path = mlp(4, 3), Path(mkdtemp()) / "weights.npz"
    >>> save_weights(path, net, net.init(0))
    >>> theta, state = load_weights(path, net)
    >>> bool((theta == net.init(0)).all()), state
    (True, None)
    """
    parts = load_arrays(path)
    name = str(parts.get("name", "no network"))
    if name != net.name:
        raise ValueError(f"{path} holds the weights of {name}, not of {net.name}")
    theta = np.empty(net.layout.size, np.float32)
    for key, piece in net.layout.views(theta).items():
        kept = parts.get(f"theta/{key}")
        got = "nothing" if kept is None else f"{kept.dtype} of shape {kept.shape}"
        if kept is None or kept.shape != piece.shape or kept.dtype.kind != "f":
            raise ValueError(
                f"{path} holds {got} for {key}, wanted {piece.shape} floats; save it "
                "again from this network"
            )
        piece[...] = kept
    return theta, unpack_state(parts, path)


def save_arrays(path: str | os.PathLike, parts: dict[str, Any]) -> None:
    """Write arrays to one npz file, whole or not at all.

    Raises:
        ValueError: for an array of Python objects, which only pickle could keep.
        OSError: when the disk is full or forbids it; then nothing is left behind.

    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "new" / "arrays.npz"
    >>> save_arrays(path, {"x": np.ones(2)})
    >>> load_arrays(path)
    {'x': array([1., 1.])}
    """
    for name, array in parts.items():
        if np.asarray(array).dtype.hasobject:
            raise ValueError(f"{name} holds Python objects; make it plain numbers")
    whole = io.BytesIO()
    np.savez(whole, **parts)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb") as file:  # a full disk may show only when it is closed
            file.write(whole.getbuffer())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def load_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read all arrays of an npz file.

    Raises:
        ValueError: when it is no whole npz file of plain arrays.
        OSError: when there is no file.

    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "arrays.npz"
    >>> save_arrays(path, {"x": np.ones(2)})
    >>> load_arrays(path)["x"]
    array([1., 1.])
    """
    whole = io.BytesIO(Path(path).read_bytes())
    try:
        with np.load(whole, allow_pickle=False) as parts:
            return {name: parts[name] for name in parts.files}
    except Exception as error:  # a changed byte raises almost anything in zipfile
        raise ValueError(
            f"{path} is not a whole npz file of plain arrays ({error}); save it again"
        ) from error


def pack_state(state: State) -> dict[str, np.ndarray]:
    """Name the arrays of running statistics.

    >>> sorted(pack_state({"norm": (np.zeros(2), np.ones(2))}))
    ['state/norm.mean', 'state/norm.var']
    """
    parts = {}
    for name, (mean, var) in (state or {}).items():
        parts[f"state/{name}.mean"] = backend().to_numpy(mean)
        parts[f"state/{name}.var"] = backend().to_numpy(var)
    return parts


def unpack_state(parts: dict[str, Any], path: str | os.PathLike) -> State:
    """Read running statistics back from named arrays; None where there are none.

    Args:
        parts: the arrays by name.
        path: of the file that they come from, for the error.

    Raises:
        ValueError: when a mean comes without its variance, or the other way round.

    >>> parts = pack_state({"norm": (np.zeros(2), np.ones(2))})
    >>> list(unpack_state(parts, "x.npz")), unpack_state({}, "x.npz")
    (['norm'], None)
    """
    state = {}
    for key in parts:
        if key.startswith("state/"):
            name = key.removeprefix("state/").rpartition(".")[0]
            pair = [f"state/{name}.{part}" for part in ("mean", "var")]
            for half in pair:
                if half not in parts:
                    raise ValueError(f"{path} holds {key} but no {half}; save it again")
            mean, var = (backend().asarray(parts[half]) for half in pair)
            state[name] = mean, var
    return state or None
