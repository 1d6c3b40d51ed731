"""Depth, dead units and outliers against autograd and closed forms; figures and live parts."""

from __future__ import annotations

import itertools
import re

import pytest
import torch
from torch import nn

from course.activations import ACTIVATIONS, activation_layer
from course.demos import activations, losses, perceptron, points_lab
from course.demos.tables import formula
from course.depth import dead_per_layer, dead_units, gradient_sizes
from course.initializers import INITIALIZERS
from course.losses import LOSSES
from course.outliers import best_constant, loss_shares, pull_shares
from course.perceptron import XOR_X, XOR_Y, fit_hidden_layer, train, two_clouds, with_bias
from course.plots import png

REGRESSION = [name for name, entry in LOSSES.items() if entry.family == "regression"]
SMOOTH = [name for name in activations.HIDDEN if name not in ("unit_step", "sign")]


@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_sizes_are_those_of_autograd(name: str) -> None:
    generator = torch.Generator().manual_seed(3)
    fill = INITIALIZERS["he_normal"].function
    weights = [fill(torch.empty(64, 64), generator=generator) for _ in range(4)]
    a = torch.randn(256, 64, generator=generator)
    gradient = torch.randn(256, 64, generator=generator)
    layer, zs = activation_layer(name), []
    for weight in weights:
        zs.append(nn.functional.linear(a.requires_grad_(), weight))
        a = layer(zs[-1])
    deltas = torch.autograd.grad((a * gradient).sum(), zs)
    expected = [delta.square().mean().sqrt().item() for delta in deltas]
    found = gradient_sizes(name, depth=4, initializer="he_normal", seed=3)
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_sigmoid_vanishes_by_at_least_a_quarter_a_layer() -> None:
    first, *_, last = gradient_sizes("sigmoid", depth=20)
    assert first / last < 0.25**19 * 100
    assert gradient_sizes("sign", depth=3) == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="softmax belongs at the output"):
        gradient_sizes("softmax")


def test_dead_units_are_those_that_are_zero_on_every_sample() -> None:
    A = torch.relu(torch.randn(50, 7, generator=torch.Generator().manual_seed(0)))
    A[:, [1, 4]] = 0.0
    assert dead_units(A).nonzero().flatten().tolist() == [1, 4]
    net = nn.Sequential(nn.Linear(3, 5), activation_layer("relu"), nn.Linear(5, 2))
    with torch.no_grad():
        net[0].bias.copy_(torch.tensor([-100.0, 0.0, -100.0, 5.0, 5.0]))
    X = torch.rand(20, 3)
    assert dead_per_layer(net, X) == [int((net[1](net[0](X)).sum(0) == 0).sum())]
    assert dead_per_layer(net, X)[0] >= 2


@pytest.mark.parametrize("outlier", [1.0, 37.0, 1000.0])
def test_best_constants_are_mean_median_and_their_relatives(outlier: float) -> None:
    values = losses.survey_values(outlier).double()
    assert best_constant("mse", values) == pytest.approx(values.mean().item(), abs=1e-4)
    assert best_constant("rmse", values) == pytest.approx(values.mean().item(), abs=1e-4)
    assert best_constant("l1", values) == pytest.approx(values.median().item(), abs=1e-6)
    geometric = values.log1p().mean().expm1().item()
    assert best_constant("msle", values) == pytest.approx(geometric, abs=1e-4)
    midrange = (values.min() + values.max()).item() / 2
    assert best_constant("lp:p=80", values) == pytest.approx(midrange, rel=0.05)


@pytest.mark.parametrize("name", REGRESSION)
def test_no_constant_nearby_is_better(name: str) -> None:
    values = losses.survey_values().double()
    _, function = LOSSES.resolve(name)
    best = best_constant(name, values)
    at = [function(torch.full_like(values, c), values).item() for c in (best, best - 1, best + 1)]
    assert at[0] <= min(at[1:]) + 1e-12


def test_shares_by_hand() -> None:
    values = losses.survey_values()
    errors = (values - 1).abs()
    assert loss_shares("l1", 1.0, values)[-1] == pytest.approx((errors[-1] / errors.sum()).item())
    assert loss_shares("mse", 1.0, values)[-1] == pytest.approx(
        (errors[-1] ** 2 / errors.square().sum()).item()
    )
    assert pull_shares("l1", 2.0, values) == pytest.approx([1 / 9] * 9)
    pulls = (values - 2).abs()
    assert pull_shares("mse", 2.0, values) == pytest.approx((pulls / pulls.sum()).tolist())


def test_classifiers_a_and_b() -> None:
    labels = torch.tensor([2, 1, 0])
    A = torch.tensor([[0.3, 0.3, 0.4], [0.3, 0.4, 0.3], [0.1, 0.2, 0.7]])
    B = torch.tensor([[0.1, 0.2, 0.7], [0.1, 0.7, 0.2], [0.3, 0.4, 0.3]])
    for prob, expected in ((A, (1 / 3, 1.378, 0.807)), (B, (1 / 3, 0.639, 0.340))):
        one_hot = nn.functional.one_hot(labels, 3)
        found = (
            (prob.argmax(1) != labels).double().mean(),
            LOSSES["nll"].function(prob.log(), labels),
            (prob - one_hot).square().sum(1).mean(),
        )
        assert [value.item() for value in found] == pytest.approx(expected, abs=5e-4)


def figures():
    X, y = two_clouds()
    steps = list(train(with_bias(X), y))
    yield perceptron.neuron()
    yield perceptron.points_figure(X, y, steps[-1], numbered=True)
    yield perceptron.steps_figure(X, y, steps[:3])
    yield perceptron.costs_figure(X, y, torch.tensor([0.0, 1.0, 1.0]), -7, 1)
    line = torch.tensor([-0.5, 1.0, -2.0])
    yield perceptron.hidden_figure(torch.ones(2, 2), torch.tensor([-0.5, -1.5]), torch.relu, line)
    yield perceptron.regions_figure(*fit_hidden_layer(XOR_X, XOR_Y, epochs=3))
    yield activations.gallery()
    yield activations.depth_figure("sign")
    yield activations.depth_figure("relu", "sigmoid", initializer="uniform01")
    yield losses.outlier_figure()
    yield losses.binary_figure()
    yield losses.behind_sigmoid_figure()
    yield losses.multi_class_figure()
    yield losses.kl_figure()


def test_every_figure_has_named_axes_and_a_sentence() -> None:
    for figure in figures():
        assert figure.alt.endswith(".") and len(figure.alt) > 60
        assert "nan" not in figure.alt and "inf" not in re.sub("infinit", "", figure.alt)
        assert all(axes.get_xlabel() for axes in figure.axes if axes.axison)
        assert png(figure).startswith(b"\x89PNG")


def test_binary_curves_are_those_of_the_registry() -> None:
    figure = losses.binary_figure()
    drawn = {line.get_label(): line.get_data() for line in figure.axes[0].lines}
    slopes = {line.get_label(): line.get_data() for line in figure.axes[1].lines}
    for label, name in (
        ("hinge", "hinge"),
        ("squared hinge", "squared_hinge"),
        ("BCE with logits", "bce_logits"),
    ):
        for i in (0, 150, 399):
            s = torch.tensor([float(drawn[label][0][i])], requires_grad=True)
            loss = LOSSES[name].function(s, torch.ones(1))
            loss.backward()
            assert float(drawn[label][1][i]) == pytest.approx(loss.item(), abs=1e-5)
            assert float(slopes[label][1][i]) == pytest.approx(s.grad.item(), abs=1e-5)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_activation_explorer_marks_value_and_slope(name: str) -> None:
    figure = activations.explore(name, 0.5, -1.0)
    points = [float(axes.lines[-1].get_ydata()[0]) for axes in figure.axes]
    curve, slope = (axes.lines[0] for axes in figure.axes)
    near = abs(torch.as_tensor(curve.get_xdata()) + 1.0).argmin()
    assert points[0] == pytest.approx(float(curve.get_ydata()[near]), abs=1e-6)
    assert points[1] == pytest.approx(float(slope.get_ydata()[near]), abs=1e-6)
    assert activations.table().data.count(f"| {name} |") == 1


def test_the_depth_explorer_takes_every_pair_of_settings() -> None:
    for name, initializer in itertools.product(activations.HIDDEN, INITIALIZERS):
        figure = activations.depth_figure(name, depth=40, initializer=initializer)
        assert re.search(rf"{name} \S+ → |reaches the first layer with|beyond float32", figure.alt)


def test_formulas_survive_in_tables() -> None:
    assert "|" not in formula(LOSSES["l1"].formula)
    for family in ("regression", "binary", "multi-class"):
        header, rule, *rows = losses.table(family).data.splitlines()
        assert {row.count("|") for row in (header, rule, *rows)} == {6}


def test_live_curves_refuse_what_does_not_share_an_axis() -> None:
    cell = losses.live_curves()
    status = cell.box.children[2]
    cell.controls["beside"].value = "hinge"
    assert "must expect the same" in status.value
    cell.controls["loss"].value = "squared_hinge"
    assert status.value == ""


class Points:
    """The live perceptron, driven as a learner does: by its controls' names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(points_lab, "SECONDS_PER_UPDATE", 0.0)
        self.lab = points_lab.PointsLab()
        self.controls = self.lab.cell().controls

    def press(self, name: str) -> str:
        self.controls[name].click()
        self.lab.worker.join(60)
        return self.lab.status.value


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Points:
    return Points(monkeypatch)


def test_points_are_added_changed_and_removed(points: Points) -> None:
    points.controls["x1"].value, points.controls["x2"].value = -1.0, 4.0
    points.controls["class"].value = -1.0
    assert "Point 13 added" in points.press("Add point")
    assert points.lab.X[-1].tolist() == [-1.0, 4.0] and points.lab.y[-1] == -1
    points.controls["x1"].value = 2.5
    assert "Point 13 changed" in points.press("Change point")
    assert points.lab.X[-1].tolist() == [2.5, 4.0] and len(points.lab.y) == 13
    assert points.controls["point"].label == "13: (2.5, 4), class -1"
    assert "Point 13 removed" in points.press("Remove point")
    assert torch.equal(points.lab.X, two_clouds()[0])
    assert points.controls["point"].value == 11


def test_training_goes_on_until_separated_or_at_its_limit(
    points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points_lab, "MAX_UPDATES", 8)
    assert "Update 1: 6 of 12" in points.press("Step")
    assert "Separated after 6 updates" in points.press("Train")
    assert "Separated after 6 updates" in points.press("Step")
    points.controls["start from"].value = "XOR"
    assert "8 updates: 4" in points.press("Train") and points.lab.step.wrong.sum() == 4
    points.controls["update by"].value = False
    assert "8 updates: 4" in points.press("Train")


def test_no_points_are_no_error(points: Points) -> None:
    points.controls["start from"].value = "XOR"
    for _ in range(4):
        points.press("Remove point")
    for name in ("Remove point", "Change point"):
        assert "add one first" in points.press(name)
    points.press("Train")
    assert "Point 1 added" in points.press("Add point")


def test_stop_ends_training_and_step_waits_for_it(
    points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points_lab, "SECONDS_PER_UPDATE", 30.0)
    points.controls["start from"].value = "XOR"
    points.controls["Train"].click()
    points.controls["Step"].click()
    assert "press Stop first" in points.lab.status.value
    points.press("Stop")
    assert not points.lab.worker.running
    assert points.lab.step.update < points_lab.MAX_UPDATES
