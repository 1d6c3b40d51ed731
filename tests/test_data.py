"""MNIST from the package: the canonical files, and every fault of the cache."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torchvision import datasets

from course import data

CANONICAL_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "cache"
    monkeypatch.setenv("COURSE_CACHE", str(folder))
    yield folder


def md5(raw: Path) -> dict[str, str]:
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in raw.iterdir()}


def test_the_unpacked_files_are_the_canonical_ones(cache: Path) -> None:
    assert data.mnist_root() == cache
    assert md5(cache / "MNIST" / "raw") == CANONICAL_MD5


def test_torchvision_reads_them_and_gives_the_same_images() -> None:
    split = datasets.MNIST(data.mnist_root(), train=False)
    loaded = data.load("mnist")
    assert torch.equal(loaded.X_test, split.data.reshape(10_000, 784).float() / 255)
    assert torch.equal(loaded.y_test, split.targets)
    assert loaded.X_train.shape == (60_000, 784) and loaded.X_train.dtype == torch.float32
    assert loaded.y_train.bincount().tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["truncated", "overwritten", "deleted"])
def test_a_damaged_cache_is_repaired(cache: Path, fault: str) -> None:
    victim = data.mnist_root() / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    if fault == "truncated":
        os.truncate(victim, 1000)
    elif fault == "overwritten":
        victim.write_bytes(b"\0" * victim.stat().st_size)
    else:
        victim.unlink()
    data.mnist_root()
    assert md5(cache / "MNIST" / "raw") == CANONICAL_MD5


@pytest.mark.parametrize("obstacle", ["file", "folder in the file's place"])
def test_a_cache_that_cannot_be_written_falls_back_to_a_temporary_folder(
    cache: Path, obstacle: str
) -> None:
    if obstacle == "file":
        cache.write_text("a file where the folder should be")
    else:
        (cache / "MNIST" / "raw" / "train-labels-idx1-ubyte").mkdir(parents=True)
    with pytest.warns(UserWarning, match="COURSE_CACHE"):
        root = data.mnist_root()
    assert not root.is_relative_to(cache)
    assert md5(root / "MNIST" / "raw") == CANONICAL_MD5


def test_a_read_only_cache_falls_back_to_a_temporary_folder(cache: Path) -> None:
    """A real read-only mount, made in a namespace of bubblewrap's, since root ignores modes."""
    cache.mkdir()
    code = "from course import data; print(data.mnist_root())"
    result = subprocess.run(
        ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(cache), str(cache),
         sys.executable, "-c", code],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "course-mnist-" in result.stdout
    assert "Read-only file system" in result.stderr and "COURSE_CACHE" in result.stderr


def test_two_processes_unpack_at_once(cache: Path) -> None:
    code = "from course import data; data.mnist_root()"
    both = [subprocess.Popen([sys.executable, "-W", "error", "-c", code]) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert md5(cache / "MNIST" / "raw") == CANONICAL_MD5


def test_an_intact_cache_is_left_as_it_is(cache: Path) -> None:
    data.mnist_root()
    before = {p.name: p.stat().st_mtime_ns for p in (cache / "MNIST" / "raw").iterdir()}
    data.mnist_root()
    assert {p.name: p.stat().st_mtime_ns for p in (cache / "MNIST" / "raw").iterdir()} == before


def test_a_data_set_without_a_network_says_what_to_do(cache: Path) -> None:
    """Without a network of its own the process can't reach any server."""
    code = (
        "from course import data\n"
        "try: data.load('kmnist')\n"
        "except ConnectionError as error: print('said:', error)"
    )
    result = subprocess.run(
        ["bwrap", "--dev-bind", "/", "/", "--unshare-net", sys.executable, "-c", code],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "said: kmnist is not in" in result.stdout and "choose 'mnist'" in result.stdout


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown data set 'minst'; nearest: mnist"):
        data.load("minst")
