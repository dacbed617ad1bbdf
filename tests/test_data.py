"""Data: the embedded digits, other sources, and every way in which one can fail.

Downloads go to a server in this process; nothing here reaches the network.
"""

import gzip
import hashlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from minitorch.data import DataError, Dataset, load, sources
from minitorch.data.sources import ARRAYS, CIFAR_FILE, IDX_FILES, SOURCES


def md5(blob):
    return hashlib.md5(blob).hexdigest()


# The embedded digits ---------------------------------------------------------


def test_the_embedded_digits_are_the_first_10000_of_mnist():
    data = load("mnist")
    x = np.concatenate([data.train_x, data.test_x])
    raw = np.rint(255 * x).astype(np.uint8)
    published = "2f7182bf021ffc5c1f62db987487f14d899b5c639f421a80f3095affc09a7db2"
    assert hashlib.sha256(raw.tobytes()).hexdigest() == published
    assert data.train_y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    # published means of the first 8,000
    assert data.train_x.mean() == pytest.approx(0.1308, abs=5e-5)
    assert data.train_x.std() == pytest.approx(0.3082, abs=5e-5)
    assert (data.train_x.dtype, data.train_y.dtype) == (np.float32, np.int64)
    assert data.train_x.shape == (8000, 1, 28, 28) and data.test_y.shape == (2000,)
    assert (data.name, data.source) == ("mnist", "embedded")
    assert data.describe() == "MNIST, embedded 8,000/2,000"


def test_the_labels_belong_to_the_images():
    # Three nearest neighbours, by scikit-learn, get 93.5 % of the held-out 2,000.
    neighbors = pytest.importorskip("sklearn.neighbors")
    data = load("mnist").flat()
    model = neighbors.KNeighborsClassifier(3).fit(data.train_x, data.train_y)
    assert model.score(data.test_x, data.test_y) == pytest.approx(0.935, abs=0.001)


def test_the_embedded_file_is_small():
    path = Path(sources.__file__).parent / "files" / "mnist10k.npz"
    assert path.stat().st_size < 1_700_000
    assert (path.parent / "NOTICE").exists()


def test_embedded_digits_ignore_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MINITORCH_DATA", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes(b"anything")
    assert load("mnist").source == "embedded"


def test_a_damaged_installation_is_told(monkeypatch):
    monkeypatch.setitem(sources.EMBEDDED_SUMS, "x", "0" * 64)
    with pytest.raises(DataError, match="embedded digits are damaged.*anew"):
        load("mnist")


def test_importing_data_is_cheap():
    heavy = "pooch requests sklearn scipy torch matplotlib numba"
    code = (
        "import sys, minitorch.data; minitorch.data.load('mnist');"
        f"print([m for m in '{heavy}'.split() if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


# What a Dataset can do -------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return load("mnist").take(300, 100)


def test_take_gives_the_first_images():
    whole = load("mnist")
    some = whole.take(7, 3)
    np.testing.assert_array_equal(some.train_x, whole.train_x[:7])
    np.testing.assert_array_equal(some.test_y, whole.test_y[:3])
    assert len(whole.take(7).test_x) == 2000
    assert some.split.startswith("first 7 / first 3 of: first 8,000")


@pytest.mark.parametrize("train, test", [(0, 1), (301, 1), (1, 0), (1, 101), (-1, 1)])
def test_take_refuses_more_than_there_is(digits, train, test):
    with pytest.raises(DataError, match="1 to 300 training and 1 to 100 test"):
        digits.take(train, test)


def test_shuffled_pixels_is_one_permutation_for_all_images(digits):
    shuffled = digits.shuffled_pixels(3)
    before, after = digits.flat(), shuffled.flat()
    for x, y in [(before.train_x, after.train_x), (before.test_x, after.test_x)]:
        np.testing.assert_array_equal(np.sort(x, axis=1), np.sort(y, axis=1))
    # A permutation keeps every inner product, between train and test images too.
    np.testing.assert_allclose(
        before.train_x @ before.test_x.T, after.train_x @ after.test_x.T, rtol=1e-5
    )
    assert not np.array_equal(before.train_x, after.train_x)
    assert shuffled.train_x.shape == digits.train_x.shape
    np.testing.assert_array_equal(shuffled.train_y, digits.train_y)
    np.testing.assert_array_equal(
        digits.flat().shuffled_pixels(3).train_x, after.train_x
    )


def test_shuffled_pixels_keeps_channels_together():
    x = np.zeros((2, 3, 4, 4), np.float32)
    x[:, 1] = np.arange(16).reshape(4, 4)
    x[:, 2] = 10 * x[:, 1]
    y = np.zeros(2, np.int64)
    out = Dataset(x, y, x, y, "toy", "", "here").shuffled_pixels(0).train_x
    np.testing.assert_array_equal(out[:, 2], 10 * out[:, 1])
    assert not out[:, 0].any() and not np.array_equal(out, x)


def test_random_labels_are_uniform_and_unrelated():
    data = load("mnist")
    drawn = data.random_labels(5)
    for old, new in [(data.train_y, drawn.train_y), (data.test_y, drawn.test_y)]:
        assert new.shape == old.shape and new.dtype == np.int64
        expected = len(new) / 10
        assert max(np.abs(np.bincount(new) - expected)) < 5 * expected**0.5
        assert np.mean(old == new) == pytest.approx(0.1, abs=0.03)
    np.testing.assert_array_equal(drawn.train_x, data.train_x)
    assert "train and test labels random (seed 5)" in drawn.describe()


def test_controls_are_the_same_for_ever(digits):
    # Golden sums: stored results were computed with these very pixels and labels.
    pixels = np.rint(255 * digits.shuffled_pixels(0).train_x).astype(np.uint8)
    labels = digits.random_labels(0)
    y = np.concatenate([labels.train_y, labels.test_y]).astype(np.uint8)
    assert md5(pixels.tobytes()) == "48bcdbd242924c47e87fca1520b0a768"
    assert md5(y.tobytes()) == "996c91c5175c79890f2ae5a71090e527"


# Files -----------------------------------------------------------------------


def tiny(n_train=20, n_test=10, seed=0):
    """Four uint8 arrays shaped like MNIST's."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n_train + n_test, 28, 28), np.uint8)
    y = rng.integers(0, 10, n_train + n_test, np.uint8)
    parts = x[:n_train], y[:n_train], x[n_train:], y[n_train:]
    return dict(zip(ARRAYS, parts, strict=True))


def idx(array):
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def idx_gz(arrays):
    return {
        f"{file}.gz": gzip.compress(idx(array), mtime=0)
        for file, array in zip(IDX_FILES, arrays.values(), strict=True)
    }


@pytest.fixture
def small(monkeypatch, tmp_path):
    """MNIST and Fashion-MNIST shrunk to thirty images; an empty data folder."""
    arrays = tiny()
    files = idx_gz(arrays)
    for name in ("mnist", "fashion"):
        source = replace(
            SOURCES[name],
            files={f: (len(blob), md5(blob)) for f, blob in files.items()},
            sums={
                k: hashlib.sha256(a.tobytes()).hexdigest() for k, a in arrays.items()
            },
            mirrors=(),
            debian=None,
        )
        monkeypatch.setitem(SOURCES, name, source)
    monkeypatch.setenv("MINITORCH_DATA", str(tmp_path / "data"))
    return arrays


def same(data, arrays):
    for name, want in arrays.items():
        got = getattr(data, name)
        if name.endswith("x"):
            assert got.shape == (len(want), 1, 28, 28)
            got = np.rint(255 * got).reshape(want.shape)
        np.testing.assert_array_equal(got, want)
    return True


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, blob in files.items():
        (folder / name).write_bytes(blob)
    return folder


def test_npz_by_path_and_in_the_data_folder(small, tmp_path):
    (tmp_path / "data").mkdir()
    np.savez_compressed(tmp_path / "data" / "mnist.npz", **small)
    here = load("mnist", full=True)
    assert same(here, small) and same(load("mnist", path=here.source), small)
    assert here.describe() == "MNIST, full 20/10"
    assert here.split == "the official 20 / 10"
    assert here.source == str(tmp_path / "data" / "mnist.npz")


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_of_idx_files(small, tmp_path, packed):
    files = idx_gz(small)
    if not packed:
        files = {f.removesuffix(".gz"): gzip.decompress(b) for f, b in files.items()}
    assert same(load("mnist", path=write(tmp_path / "raw", files)), small)


def test_fashion_from_a_recompressed_system_folder(small, tmp_path, monkeypatch):
    # Debian's gz files are packed otherwise; the images in them are the same.
    files = {
        f: gzip.compress(gzip.decompress(b), 1, mtime=1)
        for f, b in idx_gz(small).items()
    }
    folder = write(tmp_path / "system", files)
    monkeypatch.setitem(SOURCES, "fashion", replace(SOURCES["fashion"], debian=folder))
    data = load("fashion")
    assert same(data, small) and data.source == str(folder)
    assert load("fashion", full=True).source == str(folder)


def test_a_part_of_mnist_keeps_its_last_fifth(tmp_path):
    arrays = tiny()
    np.savez(tmp_path / "part.npz", x=arrays["train_x"], y=arrays["train_y"])
    data = load("mnist", path=tmp_path / "part.npz")
    want = {
        "train_x": arrays["train_x"][:16],
        "train_y": arrays["train_y"][:16],
        "test_x": arrays["train_x"][16:],
        "test_y": arrays["train_y"][16:],
    }
    assert same(data, want)
    assert data.describe() == "MNIST, file 16/4" and "no checksum" in data.split


def test_digits_come_from_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    data = load("digits")
    np.testing.assert_array_equal(data.train_x.reshape(-1, 64) * 16, x[:1437])
    np.testing.assert_array_equal(data.test_y, y[1437:])
    assert data.train_x.shape == (1437, 1, 8, 8) and data.test_x.shape[0] == 360
    assert data.train_x.max() == 1 and data.train_x.dtype == np.float32


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match="pip install scikit-learn"):
        load("digits")


full_mnist = Path(os.environ.get("MINITORCH_DATA", "")) / "mnist.npz"


@pytest.mark.skipif(not full_mnist.is_file(), reason="no mnist.npz in MINITORCH_DATA")
def test_the_embedded_digits_start_the_full_training_set():
    full, part = load("mnist", full=True), load("mnist")
    np.testing.assert_array_equal(full.train_x[:8000], part.train_x)
    np.testing.assert_array_equal(full.train_x[8000:10000], part.test_x)
    np.testing.assert_array_equal(full.train_y[8000:10000], part.test_y)
    assert full.describe() == "MNIST, full 60,000/10,000"


# CIFAR-10 --------------------------------------------------------------------


def cifar_batch(seed, n=4):
    """A batch pickled the way numpy 1 under Python 2 named its parts."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n, 3072), np.uint8)
    y = rng.integers(0, 10, n).tolist()
    blob = pickle.dumps({b"data": x, b"labels": y}, protocol=3)
    return x, y, blob.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


@pytest.fixture
def cifar(monkeypatch, tmp_path):
    """Six tiny batches in an archive, and their sums in place of the real ones."""
    batches = {name: cifar_batch(i) for i, name in enumerate(SOURCES["cifar10"].sums)}
    archive = write_tar(
        tmp_path / CIFAR_FILE, {k: blob for k, (_, _, blob) in batches.items()}
    )
    blob = archive.read_bytes()
    source = replace(
        SOURCES["cifar10"],
        files={CIFAR_FILE: (len(blob), md5(blob))},
        sums={name: md5(blob) for name, (_, _, blob) in batches.items()},
        mirrors=(),
    )
    monkeypatch.setitem(SOURCES, "cifar10", source)
    monkeypatch.setenv("MINITORCH_DATA", str(tmp_path / "data"))
    return archive, batches


def write_tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, blob in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(blob)
            archive.addfile(member, io.BytesIO(blob))
    return path


def test_cifar_from_the_archive_and_from_a_folder(cifar, tmp_path):
    archive, batches = cifar
    folder = write(tmp_path / "py", {k: blob for k, (_, _, blob) in batches.items()})
    for path in (archive, folder):
        data = load("cifar10", path=path)
        assert data.describe() == "CIFAR-10, full 20/4"
        assert data.train_x.shape == (20, 3, 32, 32)
        x, y, _ = batches["data_batch_2"]
        np.testing.assert_array_equal(data.train_y[4:8], y)
        # A row holds 1,024 reds, then greens, then blues, each row by row.
        assert data.train_x[5, 2, 1, 3] == np.float32(x[1, 2 * 1024 + 32 + 3]) / 255
        np.testing.assert_array_equal(data.test_y, batches["test_batch"][1])


def test_cifar_part_as_npz(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (10, 32, 32, 3), np.uint8), np.arange(10)
    np.savez(tmp_path / "c.npz", x=x, y=y, index=np.arange(10))
    data = load("cifar10", path=tmp_path / "c.npz")
    assert data.train_x.shape == (8, 3, 32, 32) and data.train_x.flags.c_contiguous
    assert data.train_x[3, 2, 5, 7] == np.float32(x[3, 5, 7, 2]) / 255
    assert data.test_y.tolist() == [8, 9]


def test_a_pickle_with_other_content_is_not_run(cifar, tmp_path, monkeypatch):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    _, batches = cifar
    blobs = {k: blob for k, (_, _, blob) in batches.items()}
    blobs["data_batch_3"] = pickle.dumps(Evil())
    bad = write_tar(tmp_path / "bad.tar.gz", blobs)
    with pytest.raises(DataError, match="checksum of data_batch_3"):
        load("cifar10", path=bad)
    sums = SOURCES["cifar10"].sums | {"data_batch_3": md5(blobs["data_batch_3"])}
    monkeypatch.setitem(SOURCES, "cifar10", replace(SOURCES["cifar10"], sums=sums))
    with pytest.raises(DataError, match="asks for posix.mkdir|asks for nt.mkdir"):
        load("cifar10", path=bad)
    assert not (tmp_path / "pwned").exists()


def test_an_archive_without_a_batch(cifar, tmp_path):
    _, batches = cifar
    blobs = {k: blob for k, (_, _, blob) in batches.items() if k != "test_batch"}
    with pytest.raises(DataError, match="holds no test_batch"):
        load("cifar10", path=write_tar(tmp_path / "short.tar.gz", blobs))


# Bad input -------------------------------------------------------------------


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DataError, match="'mnits'.*mnist, fashion, cifar10, digits"):
        load("mnits")


def test_full_and_path_contradict_each_other(tmp_path):
    with pytest.raises(DataError, match="give one"):
        load("mnist", full=True, path=tmp_path)


def test_digits_take_no_path(tmp_path):
    with pytest.raises(DataError, match="no path"):
        load("digits", path=tmp_path)


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


PART = {"x": np.zeros((9, 28, 28), np.uint8), "y": np.zeros(9, np.uint8)}
WHOLE = npz(**PART)
IMAGES = {
    "not a zip": (b"hello", "cannot be read as MNIST"),
    "an npy file": (npy(np.zeros(3)), "not a zip file"),
    "empty": (b"", "cannot be read as MNIST"),
    "cut off": (WHOLE[: len(WHOLE) // 2], "cut off or damaged"),
    "a bit flipped": (WHOLE.replace(b"\0" * 90, b"\0" * 89 + b"\1", 1), "CRC"),
    "other arrays": (npz(a=np.zeros(3)), r"holds \['a'\], wanted"),
    "objects": (npz(x=np.array([{}]), y=np.zeros(1)), "cannot be read"),
    "other shape": (npz(**PART | {"x": np.zeros((9, 8, 8), np.uint8)}), "28, 28"),
    "floats": (npz(**PART | {"x": np.zeros((9, 28, 28))}), "wanted uint8"),
    "too few": (npz(x=PART["x"][:4], y=PART["y"][:4]), "N >= 5"),
    "labels missing": (npz(**PART | {"y": np.zeros(8, np.uint8)}), "9 whole numbers"),
    "label 10": (npz(**PART | {"y": np.full(9, 10)}), "from 0 to 9"),
    "label -1": (npz(**PART | {"y": np.full(9, -1)}), "from 0 to 9"),
    "half labels": (npz(**PART | {"y": np.full(9, 0.5)}), "whole numbers"),
    "other digits": (npz(**tiny()), "checksum of train_x is"),
}


@pytest.mark.parametrize("blob, message", IMAGES.values(), ids=IMAGES)
def test_a_wrong_npz_is_refused(tmp_path, blob, message):
    path = tmp_path / "my.npz"
    path.write_bytes(blob)
    with pytest.raises(DataError, match=message) as error:
        load("mnist", path=path)
    assert str(path) in str(error.value)


def test_a_path_that_is_not_there_or_not_readable(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load("mnist", path=tmp_path / "nothing")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(DataError, match=r"folder\.npz cannot be read"):
        load("mnist", path=tmp_path / "folder.npz")
    (tmp_path / "notes.txt").write_text("digits")
    with pytest.raises(DataError, match="neither an npz file nor a folder"):
        load("mnist", path=tmp_path / "notes.txt")
    with pytest.raises(DataError, match="cannot be read as CIFAR-10"):
        load("cifar10", path=tmp_path / "notes.txt")
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        load("mnist", path=tmp_path)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything"
)
def test_a_file_without_permission(tmp_path):
    np.savez(tmp_path / "secret.npz", **PART)
    (tmp_path / "secret.npz").chmod(0)
    with pytest.raises(DataError, match="Permission denied"):
        load("mnist", path=tmp_path / "secret.npz")


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x0d\x01\0\0\0\0",
        b"\0\0\x08\x03\0\0",
        idx(np.zeros((3, 28, 28), np.uint8))[:-1],
        b"<html>403 Forbidden</html>",
    ],
)
def test_a_wrong_idx_file_is_refused(small, tmp_path, blob):
    folder = write(tmp_path / "raw", idx_gz(small))
    (folder / IDX_FILES[0]).write_bytes(blob)
    with pytest.raises(DataError, match="cannot be read as MNIST"):
        load("mnist", path=folder)


def test_the_tiny_files_are_not_taken_for_mnist(tmp_path):
    with pytest.raises(DataError, match="checksum of train_x is .*not 741c988805d0"):
        load("mnist", path=write(tmp_path / "raw", idx_gz(tiny())))


# Downloads -------------------------------------------------------------------


class Mirror(BaseHTTPRequestHandler):
    """Serves /good, /forbidden, /missing, /wrong, /cut and /html folders."""

    def do_GET(self):
        _, kind, file = self.path.split("/")
        self.server.asked[self.path] += 1
        blob = self.server.files[file]
        if kind in ("forbidden", "missing"):
            self.send_error({"forbidden": 403, "missing": 404}[kind])
            return
        if kind == "wrong":
            blob = blob[:-1] + bytes([blob[-1] ^ 1])
        if kind == "html":
            blob = b"<html>Please log in to this network</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(blob)))
        if self.headers["Accept-Encoding"] != "identity":
            self.send_header("Content-Encoding", "gzip")  # as some servers do
        self.end_headers()
        self.wfile.write(blob[: len(blob) // 2] if kind == "cut" else blob)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.asked, server.files = Counter(), {}
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}
    )
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def mirrors(monkeypatch, server, small):
    """Call it with kinds of mirrors: they become those of every data set."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server.files = idx_gz(small)
    server.asked.clear()

    def use(*kinds, name="mnist"):
        urls = tuple(f"{server.url}/{kind}/" for kind in kinds)
        monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], mirrors=urls))
        return server.asked

    return use


def left(tmp_path):
    """Every file under the data folder."""
    return sorted(p.name for p in (tmp_path / "data").rglob("*"))


@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_a_download_is_said_checked_and_kept(mirrors, small, tmp_path, capsys, name):
    asked = mirrors("good", name=name)
    data = load(name, full=True)
    said = capsys.readouterr().out
    size = sum(n for n, _ in SOURCES[name].files.values())
    assert said.count("\n") == 1
    assert SOURCES[name].title in said and f"{size:,} bytes" in said
    assert SOURCES[name].mirrors[0] in said
    assert same(data, small) and data.source == str(tmp_path / "data" / name)
    assert left(tmp_path) == sorted([name, *SOURCES[name].files])
    # The second time nothing is fetched and nothing said.
    assert same(load(name, full=True), small)
    assert sum(asked.values()) == 4 and capsys.readouterr().out == ""


def test_fashion_needs_no_full_once_it_is_here(mirrors, small):
    mirrors("good", name="fashion")
    with pytest.raises(DataError, match=r"load\('fashion', full=True\) downloads"):
        load("fashion")
    load("fashion", full=True)
    assert same(load("fashion"), small)


def test_nothing_is_fetched_unasked(mirrors, tmp_path):
    asked = mirrors("good")
    mirrors("good", name="fashion")
    load("mnist")
    for name in ("fashion", "cifar10"):
        with pytest.raises(DataError, match="not on this machine"):
            load(name)
    assert not asked and not (tmp_path / "data").exists()


def test_cifar_is_downloaded_as_one_archive(mirrors, cifar, server):
    archive, batches = cifar
    mirrors("good", name="cifar10")
    server.files = {CIFAR_FILE: archive.read_bytes()}
    data = load("cifar10", full=True)
    assert data.train_y[:4].tolist() == batches["data_batch_1"][1]
    assert load("cifar10").describe() == "CIFAR-10, full 20/4"


@pytest.mark.parametrize("bad", ["forbidden", "missing", "wrong", "cut", "html"])
def test_the_next_mirror_helps(mirrors, small, tmp_path, bad):
    mirrors(bad, "good")
    assert same(load("mnist", full=True), small)
    assert left(tmp_path) == sorted(["mnist", *SOURCES["mnist"].files])


@pytest.mark.parametrize(
    "bad, reason",
    [
        ("forbidden", "answered 403"),
        ("missing", "answered 404"),
        ("wrong", "checksum of the [0-9,]+ bytes that came is"),
        ("cut", "cut off"),
        ("html", "checksum of the 42 bytes"),
    ],
)
def test_all_mirrors_fail(mirrors, tmp_path, bad, reason):
    asked = mirrors(bad, bad)
    with pytest.raises(DataError, match=reason) as error:
        load("mnist", full=True)
    text = str(error.value)
    assert text.count(f"/{bad}/train-images-idx3-ubyte.gz: ") == 2
    assert "put train-images-idx3-ubyte.gz and" in text and "needs no network" in text
    assert left(tmp_path) == ["mnist"] and sum(asked.values()) == 2


def test_no_network(mirrors, monkeypatch, tmp_path):
    mirrors()
    closed = replace(SOURCES["mnist"], mirrors=("http://127.0.0.1:9/",))
    monkeypatch.setitem(SOURCES, "mnist", closed)
    with pytest.raises(DataError, match="127.0.0.1:9/.*no connection"):
        load("mnist", full=True)
    assert left(tmp_path) == ["mnist"]


def test_a_download_goes_on_where_it_stopped(mirrors, small, tmp_path, server):
    last = f"{IDX_FILES[3]}.gz"
    sound = server.files[last]
    server.files[last] = b"not yet"
    asked = mirrors("good")
    with pytest.raises(DataError, match=f"put {last} into"):
        load("mnist", full=True)
    assert set(left(tmp_path)) == {"mnist", *SOURCES["mnist"].files} - {last}
    server.files[last] = sound
    assert same(load("mnist", full=True), small)
    assert asked[f"/good/{IDX_FILES[0]}.gz"] == 1 and asked[f"/good/{last}"] == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped"])
def test_a_corrupt_cache_is_fetched_anew(mirrors, small, tmp_path, capsys, damage):
    asked = mirrors("good", name="fashion")
    load("fashion", full=True)
    path = tmp_path / "data" / "fashion" / f"{IDX_FILES[0]}.gz"
    blob = path.read_bytes()
    flipped = blob[:500] + bytes([blob[500] ^ 255]) + blob[501:]
    path.write_bytes({"cut": blob[:99], "empty": b"", "flipped": flipped}[damage])
    with pytest.raises(DataError, match=r"load\('fashion', full=True\), which fetches"):
        load("fashion")
    capsys.readouterr()
    assert same(load("fashion", full=True), small)
    assert f"{len(blob):,} bytes" in capsys.readouterr().out  # only the damaged one
    assert sum(asked.values()) == 5


def test_a_corrupt_cache_without_network_is_told(mirrors, tmp_path):
    mirrors("good")
    load("mnist", full=True)
    path = tmp_path / "data" / "mnist" / f"{IDX_FILES[1]}.gz"
    path.write_bytes(b"rubbish")
    mirrors("forbidden")
    with pytest.raises(DataError, match="403.*\n.*put train-labels"):
        load("mnist", full=True)


def test_a_full_disk(mirrors, small, tmp_path):
    # In another process: a limit on file sizes is the disk that is full here.
    pytest.importorskip("resource")
    mirrors("good")
    code = f"""
import resource, signal
from dataclasses import replace
from minitorch.data import DataError, load
from minitorch.data.sources import SOURCES
import requests, pooch, http.cookies, encodings.idna
SOURCES["mnist"] = replace(
    SOURCES["mnist"], files={SOURCES["mnist"].files!r},
    mirrors={SOURCES["mnist"].mirrors!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    load("mnist", full=True)
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "MNIST cannot be kept in" in done.stdout, done.stderr
    assert "Make room, or set MINITORCH_DATA" in done.stdout
    assert left(tmp_path) == ["mnist"]


def test_a_data_folder_that_cannot_be_made(mirrors, monkeypatch, tmp_path):
    mirrors("good")
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MINITORCH_DATA", str(tmp_path / "file"))
    with pytest.raises(DataError, match="set MINITORCH_DATA to a folder"):
        load("mnist", full=True)


def test_a_failure_in_the_last_step_leaves_nothing(mirrors, monkeypatch, tmp_path):
    mirrors("good")

    def no_space(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sources.os, "replace", no_space)
    with pytest.raises(DataError, match="No space left on device"):
        load("mnist", full=True)
    assert left(tmp_path) == ["mnist"]


def test_the_published_addresses_and_sums():
    # Written down twice on purpose: a slip here would be noticed by learners only.
    assert [s.mirrors[0] for s in SOURCES.values()] == [
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://www.cs.toronto.edu/~kriz/",
    ]
    totals = [sum(n for n, _ in s.files.values()) for s in SOURCES.values()]
    assert totals == [11_594_722, 30_878_645, 170_498_071]
    for source in SOURCES.values():
        assert all(len(md5) == 32 for _, md5 in source.files.values())
        assert all(len(s) in (32, 64) for s in source.sums.values())
