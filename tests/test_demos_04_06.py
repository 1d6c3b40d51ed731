"""The figures and live parts of lectures 04 to 06, and the numbers their texts name."""

import pytest
import torch

from course import network231 as net
from course.demos import backprop_steps, backpropagation, descent, initialization, optimizers
from course.descent import descend, gradient, gradient_noise, line_data, step_decay
from course.initializers import INITIALIZERS
from course.plots import png
from course.scaling import condition_number, standardize, zero_center
from course.surfaces import SURFACES

FIGURES = {
    "network": backprop_steps.network_figure,
    "delta": backpropagation.delta_figure,
    "slow start": backpropagation.slow_start_figure,
    "secant": backpropagation.secant_figure,
    "error": backpropagation.error_figure,
    "layers": initialization.layers_figure,
    "stds": initialization.stds_figure,
    "symmetry": initialization.symmetry_figure,
    "clouds": initialization.clouds_figure,
    "scaling": initialization.scaling_figure,
    "path": optimizers.path_figure,
    "descent": lambda: descent.descent_figure(batch_size=20),
    "noise": descent.noise_figure,
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_named_and_put_into_words(name):
    figure = FIGURES[name]()
    assert png(figure).startswith(b"\x89PNG")
    assert figure.alt.endswith(".")
    labels = [axes.get_xlabel() for axes in figure.axes if axes.axison]
    assert all(labels)


def test_the_steps_name_what_the_network_computes():
    update = backprop_steps.one_update()
    texts = [" ".join(step.numbers) for step in backprop_steps.steps(update)]
    assert len(texts) == 13
    forward = net.forward(net.X[:1], net.W1, net.W2)
    assert f"pred = σ({forward.z3.item():.4f}) = {forward.pred.item():.4f}" in texts[4]
    assert f"{update.cost_after:.4f}" in texts[12]
    assert update.cost_after < update.cost


@pytest.mark.parametrize("step", range(13))
@pytest.mark.parametrize("sample", range(3))
def test_each_step_of_each_sample_is_drawn(step, sample):
    assert backprop_steps.network_figure(step, sample).alt.startswith(f"Step {step} of 12")


def test_the_steppers_buttons_stop_at_both_ends():
    live = backprop_steps.stepper()
    back, ahead = live.box.children[0].children
    back.click()
    assert live.controls["step"].value == 0
    for _ in range(20):
        ahead.click()
    assert live.controls["step"].value == 12


def test_cross_entropy_recovers_from_a_confident_mistake_ten_times_sooner():
    below = {
        kind: next(
            i for i, p in enumerate(backpropagation.slow_start(kind, 0.98, 0.5, 200)) if p < 0.5
        )
        for kind in backpropagation.BEHIND_SIGMOID
    }
    assert below == {"mse_sigmoid": 128, "bce_sigmoid": 10}


def test_the_error_of_differences_is_a_valley():
    epsilons, errors = backpropagation.difference_errors()
    best = min(range(len(epsilons)), key=errors["central, float64"].__getitem__)
    assert 1e-6 < epsilons[best] < 1e-3
    assert errors["central, float64"][best] < 1e-9 < errors["central, float64"][0]
    assert min(errors["central, float32"]) > 1e-6


def test_equal_units_stay_equal_and_unequal_ones_part():
    for value in (0.0, 0.5):
        states = initialization.train_hidden_units(*net.roll(torch.full((9,), value).double()))
        assert (states == states[:, :, :1]).all()
        assert (states[-1] != states[0]).all()
    states = initialization.train_hidden_units(net.W1, net.W2)
    assert (states[-1, 0].diff().abs() > 0.1).all()


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_layers_are_drawn_for_every_initializer(initializer):
    assert initialization.layers_figure(initializer, "relu").alt.startswith(
        INITIALIZERS[initializer].title
    )


def test_scaling_gives_mean_zero_and_spread_one():
    X, _ = initialization.sleep_and_study()
    Z = standardize(torch.cat([X, torch.full((len(X), 1), 3.0).double()], dim=1))
    torch.testing.assert_close(Z.mean(0), torch.zeros(3).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close(Z.std(0, correction=0), torch.tensor([1.0, 1.0, 0.0]).double())
    assert condition_number(X) > 100 * condition_number(zero_center(X))
    assert condition_number(zero_center(X)) > 10 * condition_number(standardize(X))


def test_the_linear_units_gradient_is_autograds():
    X, target = line_data(30)
    w = torch.tensor([0.5, -2.0], dtype=torch.float64, requires_grad=True)
    (X @ w - target).square().mean().backward()
    torch.testing.assert_close(gradient(w.detach(), X, target), w.grad)


def test_whole_batch_descent_is_its_closed_form():
    X, target = line_data(50)
    run = descend(X, target, batch_size=50, lr=0.1, epochs=20)
    w = torch.zeros(2, dtype=torch.float64)
    for _ in range(20):
        w = w - 0.1 * 2 * X.T @ (X @ w - target) / 50
    torch.testing.assert_close(run.path[-1], w)
    assert len(run.path) == len(run.losses) == 21
    assert (run.losses.diff() < 0).all()


def test_the_noise_of_a_batch_falls_with_the_root_of_its_size():
    X, target = line_data(2000)
    w = torch.zeros(2, dtype=torch.float64)
    ratio = gradient_noise(w, X, target, 4) / gradient_noise(w, X, target, 64)
    assert ratio == pytest.approx(4, rel=0.25)


def test_a_schedule_ends_lower_than_a_constant_rate():
    X, target = line_data(200)
    constant, falling = (
        descend(X, target, 1, lr, epochs=8) for lr in (0.05, lambda e: step_decay(0.05, e, every=1))
    )
    assert falling.losses[-200:].mean() < constant.losses[-200:].mean()


def test_a_diverging_descent_is_a_sentence():
    with pytest.raises(ValueError, match="smaller learning rate"):
        descent.descent_figure(batch_size=1, lr=1.1)


@pytest.mark.parametrize("surface", SURFACES)
def test_a_race_has_a_line_for_every_optimizer(surface):
    figure = optimizers.race_figure(surface, steps=10, lr=0.01)
    assert len(figure.axes[1].get_lines()) == 8


def test_the_stopping_figure_names_the_epochs_of_the_rule():
    curves = descent.overfitting_curves()
    alt = descent.stopping_figure(patience=1).alt
    best = min(range(len(curves.validation)), key=curves.validation.__getitem__)
    assert f"epoch {best + 1} with" in alt
    assert curves.train[-1] < 0.01 < curves.validation[best] < curves.validation[-1]
