"""The data sets: MNIST whole from the package itself, others by name, all held in memory."""

from __future__ import annotations

import functools
import hashlib
import lzma
import os
import tempfile
import warnings
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

DATASETS = ("mnist", "fashion_mnist", "kmnist")
CLASS_NAMES = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}  # fmt: skip
PACKED = resources.files("course") / "mnist"


@dataclass(frozen=True)
class ImageData:
    """A data set in memory: images as float32 rows in [0, 1], labels as int64.

    `X_train` (N, 784), `y_train` (N,), `X_test` (M, 784), `y_test` (M,).
    """

    name: str
    X_train: Tensor
    y_train: Tensor
    X_test: Tensor
    y_test: Tensor

    def to(self, device: torch.device) -> ImageData:
        """Return the same data on a device."""
        if device == self.X_train.device:
            return self
        tensors = (self.X_train, self.y_train, self.X_test, self.y_test)
        return ImageData(self.name, *(tensor.to(device) for tensor in tensors))


def cache_folder() -> Path:
    """Return the folder that unpacked data sets live in; `COURSE_CACHE` overrides the user's."""
    return Path(os.environ.get("COURSE_CACHE") or platformdirs.user_cache_dir("course"))


def digests() -> dict[str, str]:
    """Return the SHA-256 digest of each unpacked MNIST file, by file name."""
    lines = (PACKED / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines if line)}


def _intact(path: Path, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == digest
    except OSError:
        return False


def _unpack(raw: Path) -> None:
    """Write every missing or damaged file of MNIST into `raw`, each by an atomic rename."""
    raw.mkdir(parents=True, exist_ok=True)
    for name, digest in digests().items():
        if _intact(raw / name, digest):
            continue
        content = lzma.decompress((PACKED / f"{name}.xz").read_bytes())
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(
                f"{name}.xz in the package is damaged: its digest differs from SHA256SUMS; "
                f"install the package again"
            )
        with tempfile.NamedTemporaryFile(dir=raw, prefix=name, delete=False) as file:
            part = Path(file.name)
        try:
            part.write_bytes(content)
            part.chmod(0o644)
            if (raw / name).is_dir():
                raise NotADirectoryError(f"{raw / name} is a folder where a data file belongs")
            part.replace(raw / name)
        finally:
            part.unlink(missing_ok=True)


@functools.cache
def _temporary_root() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="course-mnist-")


def mnist_root() -> Path:
    """Return a folder that `torchvision.datasets.MNIST(root)` reads, unpacked and checked.

    The files go once into `cache_folder()`; a damaged one is written again. Where that folder
    can't be written, a temporary folder serves this process, and a warning says so.

    >>> (mnist_root() / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").stat().st_size
    10008
    """
    root = cache_folder()
    try:
        _unpack(root / "MNIST" / "raw")
    except OSError as error:
        warnings.warn(
            f"can't write the data cache {root} ({error.strerror or error}); using a temporary "
            f"folder. Set COURSE_CACHE to a folder you can write to keep the unpacked data.",
            stacklevel=2,
        )
        root = Path(_temporary_root().name)
        _unpack(root / "MNIST" / "raw")
    return root


def _torchvision_split(name: str, train: bool) -> tuple[Tensor, Tensor]:
    from torchvision import datasets

    if name == "mnist":
        split = datasets.MNIST(mnist_root(), train=train)
    else:
        loader = {"fashion_mnist": datasets.FashionMNIST, "kmnist": datasets.KMNIST}[name]
        try:
            split = loader(cache_folder(), train=train, download=True)
        except (OSError, RuntimeError) as error:
            raise ConnectionError(
                f"{name} is not in {cache_folder()} and can't be downloaded ({error}). Connect to "
                f"the internet once, or choose 'mnist', which is part of this package."
            ) from error
    images = split.data.reshape(len(split.data), -1).float().div_(255)
    return images, split.targets.long()


@functools.cache
def load(name: str = "mnist") -> ImageData:
    """Return a whole data set in memory, as float32 rows in [0, 1] and integer labels.

    Raises `ValueError` for an unknown name and `ConnectionError` where a download fails.

    >>> data = load("mnist")
    >>> data.X_train.shape, data.y_test.shape
    (torch.Size([60000, 784]), torch.Size([10000]))

    Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits (1998).
    """
    if name not in DATASETS:
        from course.registry import unknown

        raise ValueError(unknown("data set", name, list(DATASETS)))
    return ImageData(name, *_torchvision_split(name, True), *_torchvision_split(name, False))
