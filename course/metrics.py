"""The metrics every run is scored by, whatever its loss, and exact means over batches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class Mean:
    """An exact mean over samples from batch means: keeps (sum, count), divides once at the end.

    The sum stays on the tensor's device in float64 (float32 on MPS), so adding never waits.

    >>> mean = Mean()
    >>> mean.add(torch.tensor(1.0), count=100); mean.add(torch.tensor(4.0), count=50)
    >>> mean.value()
    2.0
    """

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self.count = 0

    def add(self, batch_mean: Tensor, count: int) -> None:
        value = batch_mean.detach()
        if value.device.type != "mps":
            value = value.double()
        self._sum = value * count if self._sum is None else self._sum.add_(value, alpha=count)
        self.count += count

    def value(self) -> float:
        if self._sum is None:
            raise ValueError("a mean of nothing: add a batch first")
        return self._sum.item() / self.count


def ssim(image: Tensor, reconstruction: Tensor, data_range: float = 1.0) -> float:
    """Return the structural similarity of two (784,) or (28, 28) images; 1 for equal images.

    `data_range` is the width of the range of pixel values, 1 for images in [0, 1]. The old
    `compare_ssim` took 2 for float images unless told otherwise.

    >>> ssim(torch.eye(28), torch.eye(28))
    1.0

    Source: Wang et al., IEEE Trans. Image Process. 13, 600 (2004), doi:10.1109/TIP.2003.819861.
    """
    a, b = (t.detach().reshape(28, 28).double().cpu().numpy() for t in (image, reconstruction))
    from skimage.metrics import structural_similarity  # half a second that few imports need

    return float(structural_similarity(a, b, data_range=data_range))


def mean_ssim(images: Tensor, reconstructions: Tensor) -> float:
    """Return the mean over (N, 784) images of `ssim` with data_range 1."""
    return sum(map(ssim, images, reconstructions)) / len(images)


def accuracy(logits: Tensor, labels: Tensor) -> float:
    """Return the share of rows of (N, C) logits whose largest entry is at the label.

    >>> accuracy(torch.tensor([[2.0, 1.0], [2.0, 1.0]]), torch.tensor([0, 1]))
    0.5
    """
    return (logits.argmax(1) == labels).double().mean().item()


def confusion_matrix(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the (C, C) counts: row = true class, column = predicted class.

    >>> confusion_matrix(torch.tensor([[2.0, 1.0], [2.0, 1.0]]), torch.tensor([0, 1])).tolist()
    [[1, 0], [1, 0]]
    """
    classes = logits.shape[1]
    cells = labels * classes + logits.argmax(1)
    return torch.bincount(cells, minlength=classes**2).reshape(classes, classes)


def reconstruction_scores(images: Tensor, reconstructions: Tensor) -> dict[str, float]:
    """Return the common scores of an autoencoder on (N, 784) test images.

    `test_mse` and `test_mae` over all of them, `ssim` of the first (data_range 1),
    `ssim_lecture` of the first (data_range 2, the lecture's unintended convention) and
    `ssim_mean` over the first 100.
    """
    return {
        "test_mse": F.mse_loss(reconstructions, images).item(),
        "test_mae": F.l1_loss(reconstructions, images).item(),
        "ssim": ssim(images[0], reconstructions[0]),
        "ssim_lecture": ssim(images[0], reconstructions[0], data_range=2.0),
        "ssim_mean": mean_ssim(images[:100], reconstructions[:100]),
    }


def classification_scores(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Return the common scores of a classifier on (N, C) test logits: accuracy, cross-entropy."""
    return {
        "accuracy": accuracy(logits, labels),
        "test_cross_entropy": F.cross_entropy(logits, labels).item(),
    }
