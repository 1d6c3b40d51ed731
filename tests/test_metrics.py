"""The common metrics against scikit-image, scikit-learn's definitions and exact arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from course import data, metrics


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_the_mean_over_uneven_batches_is_the_mean_over_samples(sizes: list[int], seed: int) -> None:
    parts = torch.rand(sum(sizes), generator=torch.Generator().manual_seed(seed)).split(sizes)
    mean = metrics.Mean()
    for part in parts:
        mean.add(part.mean(), len(part))
    assert mean.value() == pytest.approx(torch.cat(parts).double().mean().item(), rel=1e-6)


def test_a_mean_of_nothing_says_so() -> None:
    with pytest.raises(ValueError, match="add a batch first"):
        metrics.Mean().value()


@pytest.mark.parametrize("data_range", [1.0, 2.0])
def test_ssim_is_scikit_image_s(data_range: float) -> None:
    image = data.load().X_test[0]
    noisy = (image + 0.1 * torch.randn(784, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    expected = structural_similarity(
        image.reshape(28, 28).numpy().astype(np.float64),
        noisy.reshape(28, 28).numpy().astype(np.float64),
        data_range=data_range,
    )
    assert metrics.ssim(image, noisy, data_range) == pytest.approx(expected)
    assert 0 < expected < 1


def test_reconstruction_scores_of_a_perfect_and_of_a_black_image() -> None:
    X = data.load().X_test[:120]
    perfect = metrics.reconstruction_scores(X, X.clone())
    assert perfect == {
        "test_mse": 0, "test_mae": 0, "ssim": 1, "ssim_lecture": 1, "ssim_mean": 1,
    }  # fmt: skip
    black = metrics.reconstruction_scores(X, torch.zeros_like(X))
    assert black["test_mse"] == pytest.approx((X.double() ** 2).mean().item(), rel=1e-5)
    assert black["test_mae"] == pytest.approx(X.double().mean().item(), rel=1e-5)
    assert black["ssim_lecture"] > black["ssim"]


@given(
    logits=st.lists(st.lists(st.integers(-5, 5), min_size=3, max_size=3), min_size=1, max_size=9),
    seed=st.integers(0, 99),
)
def test_accuracy_is_the_trace_of_the_confusion_matrix(logits: list[list[int]], seed: int) -> None:
    z = torch.tensor(logits, dtype=torch.float32)
    y = torch.randint(3, (len(z),), generator=torch.Generator().manual_seed(seed))
    matrix = metrics.confusion_matrix(z, y)
    counted = np.zeros((3, 3), dtype=int)
    for row, label in zip(z.numpy(), y.tolist()):
        counted[label, row.argmax()] += 1
    assert np.array_equal(matrix.numpy(), counted)
    assert metrics.accuracy(z, y) == pytest.approx(np.trace(counted) / len(z))
