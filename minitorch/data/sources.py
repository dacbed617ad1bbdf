"""Where data come from: files on this machine, or a download that is checked.

Everything official is compared with a sum kept here, so it is the same data
whoever packed it and however it came. That is also why a plain http mirror will
do. What a learner packed alone (an npz of x and y) is checked for its shape.
"""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


class DataError(RuntimeError):
    """A data set that could not be found, read, fetched or trusted."""


class Parts(NamedTuple):
    """Images (N, C, H, W) and labels (N,) as read, and what they are."""

    train_x: Bytes
    train_y: Bytes
    test_x: Bytes
    test_y: Bytes
    part: str
    split: str


@dataclass(frozen=True)
class Source:
    """What a data set looks like, where it is, and how it is known to be right."""

    title: str
    shape: tuple[int, int, int]  # C, H, W
    mirrors: tuple[str, ...]  # tried in this order
    files: dict[str, tuple[int, str]]  # on a mirror: bytes, md5
    sums: dict[str, str]  # sha256 of arrays; for CIFAR-10 the md5 of its batches
    debian: Path | None = None


ARRAYS = ("train_x", "train_y", "test_x", "test_y")
IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
CIFAR_FILE = "cifar-10-python.tar.gz"

# sha256 of the arrays' bytes, which no packing changes.
EMBEDDED_SUMS = {
    "x": "2f7182bf021ffc5c1f62db987487f14d899b5c639f421a80f3095affc09a7db2",
    "y": "2f345bad07338ec537641465e169cc4b7288a44244f251211c7f842641e7d927",
}
MNIST_SUMS = {
    "train_x": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "train_y": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "test_x": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "test_y": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
FASHION_SUMS = {
    "train_x": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
    "train_y": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
    "test_x": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
    "test_y": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
}

SOURCES = {
    "mnist": Source(
        title="MNIST",
        shape=(1, 28, 28),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        files={
            IDX_FILES[0] + ".gz": (9912422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            IDX_FILES[1] + ".gz": (28881, "d53e105ee54ea40749a09fcbcd1e9432"),
            IDX_FILES[2] + ".gz": (1648877, "9fb629c4189551a2d022fa330f9573f3"),
            IDX_FILES[3] + ".gz": (4542, "ec29112dd5afa0611ce80d1b7f02629c"),
        },
        sums=MNIST_SUMS,
    ),
    "fashion": Source(
        title="Fashion-MNIST",
        shape=(1, 28, 28),
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        files={
            IDX_FILES[0] + ".gz": (26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
            IDX_FILES[1] + ".gz": (29515, "25c81989df183df01b3e8a0aad5dffbe"),
            IDX_FILES[2] + ".gz": (4422102, "bef4ecab320f06d8554ea6380940ec79"),
            IDX_FILES[3] + ".gz": (5148, "bb300cfdad3c16e7a12a480ee83cd310"),
        },
        sums=FASHION_SUMS,
        debian=Path("/usr/share/datasets/fashion-mnist"),
    ),
    "cifar10": Source(
        title="CIFAR-10",
        shape=(3, 32, 32),
        mirrors=("https://www.cs.toronto.edu/~kriz/",),
        files={CIFAR_FILE: (170498071, "c58f30108f718f92721af3b95e74349a")},
        sums={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
        },
    ),
}


# What reading a damaged or foreign file can raise.
FAULTS = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    pickle.UnpicklingError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


# Reading ---------------------------------------------------------------------


def read(name: str, path: Path) -> Parts:
    """Read a data set from an npz file, a folder or CIFAR-10's archive.

    Raises:
        DataError: when the path cannot be read or holds something else.
    """
    source = SOURCES[name]
    try:
        if not path.exists():
            raise DataError(f"{path}: there is no such file or folder")
        if path.suffix == ".npz":
            return _read_npz(source, path)
        if name == "cifar10":
            return _read_cifar(source, path)
        if path.is_dir():
            return _read_idx(source, path)
    except FAULTS as error:
        raise DataError(
            f"{path} cannot be read as {source.title}: {error}. It may be cut off or "
            f"damaged: delete it and call load({name!r}, full=True), which fetches a "
            "sound copy, or give another path."
        ) from error
    raise DataError(
        f"{path} is neither an npz file nor a folder that holds {', '.join(IDX_FILES)} "
        "(with or without .gz)"
    )


def read_embedded() -> Parts:
    """Read the 10,000 digits that come with the package.

    Raises:
        DataError: when the file is damaged.
    """
    path = Path(__file__).parent / "files" / "mnist10k.npz"
    try:
        arrays = _arrays(path)
        _check(EMBEDDED_SUMS, arrays)
        split = "first 8,000 / last 2,000 of MNIST train[0:10000]"
        return _held_out(arrays["x"][:, None], arrays["y"], "embedded", split)
    except FAULTS as error:
        raise DataError(
            f"the embedded digits are damaged ({error}). Install weird-ways anew."
        ) from error


def _arrays(path: Path) -> dict[str, Any]:
    # np.load would leave a damaged file open.
    with path.open("rb") as file, np.lib.npyio.NpzFile(file) as archive:
        return {name: archive[name] for name in archive}


def _held_out(x: Bytes, y: Bytes, part: str, split: str) -> Parts:
    """Keep the last fifth for testing."""
    n = len(x) - len(x) // 5
    return Parts(x[:n], y[:n], x[n:], y[n:], part, split)


def _check(sums: dict[str, str], arrays: dict[str, Any]) -> None:
    for name, array in arrays.items():
        raw = np.asarray(array, np.uint8).tobytes()
        _compare(sums, name, hashlib.sha256(raw).hexdigest())


def _compare(sums: dict[str, str], name: str, got: str) -> None:
    if got != sums[name]:
        raise ValueError(
            f"the checksum of {name} is {got[:12]}…, not {sums[name][:12]}…"
        )


def _official(source: Source, arrays: dict[str, Bytes]) -> Parts:
    """Four arrays that must be the official ones."""
    _check(source.sums, arrays)
    train_x, test_x = (arrays[n].reshape(-1, *source.shape) for n in ARRAYS[::2])
    train_y, test_y = (arrays[n] for n in ARRAYS[1::2])
    split = f"the official {len(train_x):,} / {len(test_x):,}"
    return Parts(train_x, train_y, test_x, test_y, "full", split)


def _read_npz(source: Source, path: Path) -> Parts:
    arrays = _arrays(path)
    if set(ARRAYS) <= set(arrays) and set(ARRAYS) <= set(source.sums):
        return _official(source, {name: arrays[name] for name in ARRAYS})
    if not {"x", "y"} <= set(arrays):
        raise ValueError(f"it holds {sorted(arrays)}, wanted {ARRAYS} or ('x', 'y')")
    x, y = arrays["x"], arrays["y"]
    channels, height, width = source.shape
    wanted = (height, width) if channels == 1 else (height, width, channels)
    if x.shape[1:] != wanted or x.dtype != np.uint8 or len(x) < 5:
        raise ValueError(
            f"x is {x.dtype} {x.shape}, wanted uint8 of shape (N, *{wanted}), N >= 5"
        )
    if y.shape != x.shape[:1] or y.dtype.kind not in "iu" or y.min() < 0 or y.max() > 9:
        raise ValueError(
            f"y is {y.dtype} {y.shape}, wanted {len(x)} whole numbers from 0 to 9"
        )
    x = x.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
    n = len(x) // 5
    split = f"first {len(x) - n:,} / last {n:,} in {path.name} (no checksum to compare)"
    return _held_out(x, y, "file", split)


def _read_idx(source: Source, folder: Path) -> Parts:
    arrays = {}
    for name, file in zip(ARRAYS, IDX_FILES, strict=True):
        path = folder / file
        packed = folder / f"{file}.gz"
        whole = path.exists()
        blob = path.read_bytes() if whole else gzip.decompress(packed.read_bytes())
        arrays[name] = _parse_idx(file, blob)
    return _official(source, arrays)


def _parse_idx(file: str, blob: bytes) -> Bytes:
    """Decode an idx file: magic (0, 0, 8 for uint8, dimensions), sizes, bytes."""
    if blob[:3] != b"\0\0\x08":
        raise ValueError(f"{file} starts with {blob[:4]!r}, which is no idx file")
    ndim = int.from_bytes(blob[3:4])
    shape = np.frombuffer(blob, ">u4", ndim, offset=4)
    return np.frombuffer(blob, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def _read_cifar(source: Source, path: Path) -> Parts:
    images, labels = [], []
    batches = dict(_cifar_batches(source, path))
    for name in source.sums:  # the training batches in order, then the test batch
        if name not in batches:
            raise ValueError(f"it holds no {name}; wanted {CIFAR_FILE}, packed or not")
        _compare(source.sums, name, hashlib.md5(batches[name]).hexdigest())
        batch = _Unpickler(batches[name]).load()
        images.append(batch[b"data"].reshape(-1, *source.shape))  # (n, 3, 32, 32)
        labels.append(np.array(batch[b"labels"], np.uint8))
    train_x, test_x = np.concatenate(images[:-1]), images[-1]
    train_y, test_y = np.concatenate(labels[:-1]), labels[-1]
    split = f"the official {len(train_x):,} / {len(test_x):,}"
    return Parts(train_x, train_y, test_x, test_y, "full", split)


def _cifar_batches(source: Source, path: Path) -> Iterator[tuple[str, bytes]]:
    if (path / CIFAR_FILE).exists():
        path = path / CIFAR_FILE
    if path.is_dir():
        for name in source.sums:
            yield name, (path / name).read_bytes()
        return
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file and Path(member.name).name in source.sums:
                yield Path(member.name).name, file.read()


class _Unpickler(pickle.Unpickler):
    """Read a Python 2 pickle of arrays and lists, and refuse any other content."""

    def __init__(self, blob: bytes) -> None:
        super().__init__(io.BytesIO(blob), encoding="bytes")

    def find_class(self, module: str, name: str) -> Any:
        reconstruct: Callable[..., Any] = np.empty(0).__reduce__()[0]  # type: ignore
        allowed = {
            ("numpy.core.multiarray", "_reconstruct"): reconstruct,
            ("numpy._core.multiarray", "_reconstruct"): reconstruct,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}")
        return allowed[module, name]


# Finding and fetching --------------------------------------------------------


def data_folder() -> Path:
    """The folder that MINITORCH_DATA names, otherwise the user's cache."""
    if chosen := os.environ.get("MINITORCH_DATA"):
        return Path(chosen).expanduser()
    import pooch

    return Path(pooch.os_cache("weird-ways"))


def locate(name: str, *, download: bool) -> Path:
    """Find a data set on this machine, and fetch it where that is allowed.

    Looks for NAME.npz and for the folder NAME with the published files in the
    data folder, then for Debian's folder.

    Raises:
        DataError: when it is not here and cannot or must not be fetched.
    """
    source, home = SOURCES[name], data_folder()
    npz, folder = home / f"{name}.npz", home / name
    try:
        if npz.exists():
            return npz
        cached = all((folder / file).exists() for file in source.files)
        if not cached and source.debian and source.debian.is_dir():
            return source.debian
    except OSError as error:
        raise DataError(f"the data folder {home} cannot be read: {error}") from error
    if download:
        fetch(name, folder)
    elif not cached:
        size = sum(size for size, _ in source.files.values())
        raise DataError(
            f"{source.title} is not on this machine (looked in {home}). "
            f"load({name!r}, full=True) downloads it ({size:,} bytes), "
            f"load({name!r}, path=...) reads your own copy."
        )
    return folder


def fetch(name: str, folder: Path) -> None:
    """Download what is missing or damaged in the folder, and say so in one line.

    A file is fetched under another name, checked, and only then put in its place.

    Raises:
        DataError: when no mirror gave the right file, or it could not be written.
    """
    import requests

    source = SOURCES[name]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = [file for file in source.files if not _sound(source, folder / file)]
        reasons = []
        for mirror in source.mirrors:
            size = sum(source.files[file][0] for file in missing)
            if missing:
                print(
                    f"minitorch: fetching {source.title} ({size:,} bytes) "
                    f"from {mirror} into {folder}"
                )
            try:
                while missing:
                    _download(source, mirror, folder / missing[0])
                    del missing[0]
            except (requests.RequestException, ValueError) as error:
                reasons.append(f"{mirror}{missing[0]}: {_reason(error)}")
    except OSError as error:
        raise DataError(
            f"{source.title} cannot be kept in {folder}: {error}. Nothing half-written "
            "was left. Make room, or set MINITORCH_DATA to a folder with room."
        ) from error
    if missing:
        raise DataError(
            "\n".join([f"{source.title} could not be fetched:", *reasons])
            + f"\nTry again later, or put {' and '.join(missing)} into {folder}."
            + (" load('mnist') needs no network." if name == "mnist" else "")
        )


def _sound(source: Source, path: Path) -> bool:
    md5 = source.files[path.name][1]
    return path.exists() and hashlib.md5(path.read_bytes()).hexdigest() == md5


def _download(source: Source, mirror: str, target: Path) -> None:
    import pooch

    size, md5 = source.files[target.name]
    downloader = pooch.HTTPDownloader(
        progressbar=size > 5_000_000,
        chunk_size=1 << 16,
        # Some servers would otherwise have the .gz unpacked on the way.
        headers={"Accept-Encoding": "identity"},
    )
    with tempfile.TemporaryDirectory(dir=target.parent) as beside:
        part = Path(beside) / target.name
        downloader(mirror + target.name, str(part), None)
        got = pooch.file_hash(str(part), alg="md5")
        if got != md5:
            raise ValueError(
                f"the checksum of the {part.stat().st_size:,} bytes that came is "
                f"{got}, not {md5}"
            )
        os.replace(part, target)


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the download was cut off"
    if isinstance(error, requests.ConnectionError):
        return "no connection (is there a network?)"
    return str(error)
