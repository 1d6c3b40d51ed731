"""Surfaces against autograd and their known minima; trajectories of every optimizer."""

import pytest
import torch

from course.optimizers import OPTIMIZERS
from course.surfaces import SURFACES, best_lr, escaped, trajectory


@pytest.fixture(params=SURFACES)
def surface(request):
    return SURFACES[request.param]


def points_in(surface):
    low, high = torch.tensor(surface.domain, dtype=torch.float64).T
    share = torch.rand(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return low + share * (high - low)


def test_gradient_is_autograds(surface):
    w = points_in(surface).requires_grad_()
    surface.function(w).sum().backward()
    torch.testing.assert_close(surface.gradient(w.detach()), w.grad)


def test_minima_are_flat_lowest_and_inside(surface):
    for minimum in surface.minima:
        w = torch.tensor(minimum, dtype=torch.float64)
        assert surface.gradient(w).abs().max() < 1e-12
        assert (surface.function(points_in(surface)) >= surface.function(w)).all()
    for x, y in (surface.start, *surface.minima):
        (left, right), (bottom, top) = surface.domain
        assert left <= x <= right and bottom <= y <= top


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_gets_lower_on_every_surface(surface, optimizer):
    path = trajectory(surface.name, optimizer, lr=best_lr(surface.name, optimizer, 50), steps=50)
    assert path.shape == (51, 2)
    assert surface.function(path[-1]) < surface.function(path[0])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_trajectory_is_what_torch_does_with_autograd(optimizer):
    w = torch.tensor((-1.5, 2.0), dtype=torch.float64, requires_grad=True)
    stepper = OPTIMIZERS[optimizer].function([w], lr=1e-3)
    for _ in range(10):
        stepper.zero_grad()
        SURFACES["rosenbrock"].function(w).backward()
        stepper.step()
    path = trajectory("rosenbrock", optimizer, lr=1e-3, steps=10, start=(-1.5, 2.0))
    torch.testing.assert_close(path[-1], w.detach())


def test_gradient_descent_on_the_ravine_is_its_closed_form():
    path = trajectory("ravine", "gradient_descent", lr=0.05, steps=30, start=(1.0, 1.0))
    steps = torch.arange(31, dtype=torch.float64)
    torch.testing.assert_close(path[:, 0], 0.95**steps)
    torch.testing.assert_close(path[1:, 1], torch.zeros(30, dtype=torch.float64))


def test_a_diverging_path_ends_early_and_is_finite():
    path = trajectory("rosenbrock", "gradient_descent", lr=1.0, steps=100)
    assert escaped(path, 100)
    assert path.isfinite().all()


def test_the_best_rate_does_not_climb_on_its_way():
    for optimizer in OPTIMIZERS:
        path = trajectory("ravine", optimizer, best_lr("ravine", optimizer), steps=100)
        heights = SURFACES["ravine"].function(path)
        assert (heights <= heights[0]).all()


def test_unknown_names_list_what_there_is():
    with pytest.raises(KeyError, match="rosenbrock"):
        trajectory("rosenbrok", "adam", lr=0.1)
