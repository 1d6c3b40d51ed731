"""How often the statistical tests of the assignment `initializers` fail a right answer.

A case of random weights has five bounds: mean, mean square, inner share, least and greatest value
(shape, dtype and the role of the generator are no matter of luck). Each fails a right answer with
a probability of at most `FAILURE_RATE`, which exact distributions and simulation confirm here.
"""

import math

import pytest
import torch
from scipy import stats

from course import views
from course.hidden import load
from tests.test_exercises import FILES

BOUNDS = 5
MOMENTS = ("mean", "mean square", "inner", "min", "max")


def test_the_whole_assignment_fails_by_chance_less_than_once_in_a_million():
    (file,) = (file for file in FILES if file.stem == "initializers")
    random = [exercise for exercise in load(file) if exercise.view == "moments"]
    cases = sum(len(e.visible) + len(e.hidden_cases(seed=0)) for e in random)
    assert len(random) == 8
    assert cases * BOUNDS * views.FAILURE_RATE < 1e-6


@pytest.mark.parametrize("n", [100, 10_000])
def test_normal_bounds_by_the_exact_distributions(n):
    low, high = views.normal_moments(0.3, (n, 1))
    mean = stats.norm(0, 0.3 / math.sqrt(n))
    square = stats.chi2(n, scale=0.3**2 / n)
    assert mean.sf(high["mean"]) + mean.cdf(low["mean"]) <= views.FAILURE_RATE
    assert square.sf(high["mean square"]) + square.cdf(low["mean square"]) <= views.FAILURE_RATE
    assert 2 * n * stats.norm(0, 0.3).sf(high["max"]) <= 2 * views.FAILURE_RATE


@pytest.mark.parametrize("n", [100, 10_000])
def test_uniform_extremes_by_the_exact_distribution(n):
    low, high = views.uniform_moments(-0.2, 0.2, (n, 1))
    assert stats.uniform(-0.2, 0.4).cdf(high["max"]) == 1
    chance = stats.uniform(-0.2, 0.4).cdf(low["max"]) ** n
    assert chance == pytest.approx(views.FAILURE_RATE)


DRAWS = {
    "U[0, 1]": (
        lambda: views.uniform_moments(0, 1, (400,)),
        lambda g: torch.rand(400, generator=g),
    ),
    "U[−1, 1]": (
        lambda: views.uniform_moments(-1, 1, (400,)),
        lambda g: 2 * torch.rand(400, generator=g) - 1,
    ),
    "N(0, 1)": (lambda: views.normal_moments(1, (400,)), lambda g: torch.randn(400, generator=g)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_bounds_hold_as_often_as_they_say(name, monkeypatch):
    """At a rate that can be counted: one in fifty a bound instead of one in a thousand million."""
    monkeypatch.setattr(views, "FAILURE_RATE", 0.02)
    bounds, draw = DRAWS[name]
    low, high = bounds()
    generator = torch.Generator().manual_seed(0)
    failed = dict.fromkeys(MOMENTS, 0)
    for _ in range(1000):
        numbers = draw(generator)
        seen = views.moments({"draw": numbers, "again": numbers, "other": numbers})
        for key in MOMENTS:
            failed[key] += not low[key] <= seen[key] <= high[key]
    assert all(count <= 40 for count in failed.values()), failed
