"""Hidden tests of the assignment `optimizers`."""

import math
import random
from itertools import cycle, islice

import torch

from course.exercises import Case, Exercise, Misconception


def tensor(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def visible(*states, options=({},), extra=()):
    """Cases that can be checked with pencil and paper; `states` are what the optimizer remembers.

    A state is "signed" (like a velocity) or "squares" (never negative).
    """
    zeros = torch.zeros(2)
    signed, squares = tensor(2.0, -4.0), tensor(16.0, 0.25)
    wide_signed = tensor([1, -2], [0, 4], dtype=torch.float64)
    wide_squares = tensor([4, 1], [0.25, 9], dtype=torch.float64)
    later = [signed if kind == "signed" else squares / (i + 1) for i, kind in enumerate(states)]
    wide = [wide_signed if kind == "signed" else wide_squares + i for i, kind in enumerate(states)]
    w, grad = (
        tensor([1, 2], [3, 4], dtype=torch.float64),
        tensor([0.5, -1], [2, 0], dtype=torch.float64),
    )
    cases = [
        ("the first step", tensor(1.0, -2.0), tensor(2.0, -0.5), *(zeros.clone() for _ in states)),
        ("a later step", tensor(1.0, -2.0), tensor(3.0, 0.5), *later),
        ("a matrix, float64", w, grad, *wide),
        ("a gradient of zero", tensor(1.0, -2.0), zeros, *later),
    ]
    return [
        Case(label, (*args, *more), dict(kwargs))
        for (label, *args), kwargs, more in zip(cases, cycle(options), cycle(extra or [()]))
    ]


def hidden(draw, *states, options=({},), extra=lambda draw: ()):
    """Random steps with the awkward ones among them; each kind of step with all options."""

    def step(*shape, scale=1.0, fresh=False, **how):
        w, grad = draw.normal(*shape, **how), draw.normal(*shape, scale=scale, **how)
        remembered = []
        for kind in states:
            state = draw.normal(*shape, scale=scale, **how)
            state = state**2 + 0.01 * scale**2 if kind == "squares" else state
            remembered.append(torch.zeros_like(state) if fresh else state)
        return (w, grad, *remembered)

    n = draw.integer(4, 9)
    double = {"dtype": torch.float64}
    makers = [
        ("a vector", lambda: step(n)),
        ("the first step", lambda: step(n, fresh=True, **double)),
        ("float64", lambda: step(n, 3, **double)),
        ("three dimensions", lambda: step(2, n, 3)),
        ("one weight, 0-dim", lambda: step()),
        ("large gradients", lambda: step(n, scale=1e3, **double)),
        ("small gradients", lambda: step(n, scale=1e-3, **double)),
        ("no gradient at some weights", lambda: holes(step(n, **double))),
    ]
    count = max(len(makers), 2 * len(options))
    return [
        Case(label, (*maker(), *extra(draw)), dict(kwargs))
        for (label, maker), kwargs in islice(zip(cycle(makers), cycle(options)), count)
    ]


def holes(step):
    """The same step with a gradient of exactly zero at every other weight."""
    w, grad, *states = step
    grad = grad.clone()
    grad[::2] = 0.0
    return (w, grad, *states)


def rate(draw):
    return (draw.number(0.05, 0.5),)


def everywhere(function, changed):
    """Mistakes that are possible in each step; `function` is right.

    `changed` are the positions of the arguments that a step in place would write into.
    """

    def in_place(*args, **kwargs):
        result = function(*args, **kwargs)
        results = result if isinstance(result, tuple) else (result,)
        for position, new in zip(changed, results):
            args[position].copy_(new)
        return result

    def in_float32(*args, **kwargs):
        floats = (arg.float() if isinstance(arg, torch.Tensor) else arg for arg in args)
        return function(*floats, **kwargs)

    return [
        Misconception(
            "argument changed in place",
            in_place,
            "`-=`, `+=` and methods that end in _ write into the caller's tensor; "
            "`w - lr * grad` makes a new one.",
        ),
        Misconception(
            "float64 thrown away",
            in_float32,
            "the result has the dtype of the arguments; `.float()` drops half of the digits.",
        ),
    ]


def uphill(function):
    """A mistake that every step can make: `function` is right, and its step is turned round."""

    def other_way(w, *args, **kwargs):
        result = function(w, *args, **kwargs)
        if isinstance(result, tuple):
            return (2 * w - result[0], *result[1:])
        return 2 * w - result

    return Misconception(
        "sign the other way round",
        other_way,
        "the gradient points uphill: subtract the step from `w`.",
    )


def states_forgotten(function):
    """Return the weights without what has to be remembered."""
    return Misconception(
        "state not returned",
        lambda *args, **kwargs: function(*args, **kwargs)[0],
        "the next step needs the state of this one: give both, the weights and the state.",
    )


# gradient_descent_step


def gradient_descent_step(w, grad, lr):
    return w - lr * grad


def gradient_descent_lerp(w, grad, lr):
    return torch.lerp(w, w - grad, lr)


def gradient_descent_loop(w, grad, lr):
    new = w.clone()
    flat = new.view(-1)
    for i, g in enumerate(grad.reshape(-1)):
        flat[i] -= lr * g
    return new


GRADIENT_DESCENT = Exercise(
    name="gradient_descent_step",
    points=1,
    minutes=4,
    reference=gradient_descent_step,
    visible=visible(extra=[(0.5,), (0.1,)]),
    hidden=lambda draw: hidden(draw, extra=rate),
    alternatives=[gradient_descent_lerp, gradient_descent_loop],
    misconceptions=[
        uphill(gradient_descent_step),
        Misconception(
            "learning rate forgotten",
            lambda w, grad, lr: w - grad,
            "the step is lr times the gradient.",
        ),
        Misconception(
            "step without the weight",
            lambda w, grad, lr: -lr * grad,
            "the result is the new weight: the old one and the step together.",
        ),
        Misconception(
            "weight scaled",
            lambda w, grad, lr: lr * (w - grad),
            "only the gradient is multiplied by lr, the weight is not.",
        ),
        Misconception(
            "gradient reduced to its sign",
            lambda w, grad, lr: w - lr * torch.sign(grad),
            "the steeper the slope, the longer the step: use the gradient itself.",
        ),
        *everywhere(gradient_descent_step, changed=[0]),
    ],
    hints=["In which direction does the loss fall?", "The old weight minus lr times the gradient."],
)

# momentum_step


def momentum_step(w, grad, velocity, lr, gamma=0.9):
    velocity = gamma * velocity + grad
    return w - lr * velocity, velocity


def momentum_two_terms(w, grad, velocity, lr, gamma=0.9):
    new = torch.add(grad, velocity, alpha=gamma)
    return w - lr * gamma * velocity - lr * grad, new


def momentum_in_double(w, grad, velocity, lr, gamma=0.9):
    new = velocity.double().mul(gamma)
    new += grad
    moved = w.double()
    moved = moved - new * lr
    return [moved.to(w.dtype), new.to(w.dtype)]


def damped(w, grad, velocity, lr, gamma=0.9):
    velocity = gamma * velocity + (1 - gamma) * grad
    return w - lr * velocity, velocity


def lr_inside(w, grad, velocity, lr, gamma=0.9):
    velocity = gamma * velocity + lr * grad
    return w - velocity, velocity


def nesterov(w, grad, velocity, lr, gamma=0.9):
    velocity = gamma * velocity + grad
    return w - lr * (grad + gamma * velocity), velocity


def old_velocity(w, grad, velocity, lr, gamma=0.9):
    return w - lr * velocity, gamma * velocity + grad


def gradient_scaled(w, grad, velocity, lr, gamma=0.9):
    velocity = velocity + gamma * grad
    return w - lr * velocity, velocity


def memory_lost(w, grad, velocity, lr, gamma=0.9):
    return w - lr * grad, gamma * velocity + grad


def undamped(w, grad, velocity, lr, gamma=0.9):
    velocity = velocity + grad
    return w - lr * velocity, velocity


def velocity_minus(w, grad, velocity, lr, gamma=0.9):
    velocity = gamma * velocity - grad
    return w + lr * velocity, velocity


MOMENTUM = Exercise(
    name="momentum_step",
    points=2,
    minutes=8,
    reference=momentum_step,
    visible=visible("signed", options=[{}, {}, {"gamma": 0.5}], extra=[(0.5,), (0.1,)]),
    hidden=lambda draw: hidden(
        draw, "signed", options=[{}, {"gamma": draw.number(0.2, 0.7)}, {"gamma": 0.0}], extra=rate
    ),
    alternatives=[momentum_two_terms, momentum_in_double],
    misconceptions=[
        uphill(momentum_step),
        states_forgotten(momentum_step),
        Misconception(
            "1 − γ before the gradient",
            damped,
            "that is a running average; here the gradient enters the velocity whole.",
        ),
        Misconception(
            "lr inside the velocity",
            lr_inside,
            "another common form, but here lr stands outside: v ← γv + g, then w ← w − lr·v.",
        ),
        Misconception(
            "Nesterov's step",
            nesterov,
            "that looks one step ahead; here w moves by lr·v and nothing else.",
        ),
        Misconception(
            "old velocity used",
            old_velocity,
            "first renew the velocity with the gradient, then move by the new one.",
        ),
        Misconception(
            "γ on the gradient instead of the velocity",
            gradient_scaled,
            "γ says how much of the old velocity is kept.",
        ),
        Misconception(
            "velocity kept but not used",
            memory_lost,
            "the weight moves by the velocity, not by the gradient alone.",
        ),
        Misconception(
            "velocity never slows down",
            undamped,
            "of the old velocity only the share γ is kept.",
        ),
        Misconception(
            "velocity with the opposite sign",
            velocity_minus,
            "the weights are right, but here v ← γv + g adds the gradient, and w subtracts v.",
        ),
        *everywhere(momentum_step, changed=[0, 2]),
    ],
    hints=[
        "Two lines: first the velocity, then the weight.",
        "The new velocity is γ times the old one plus the gradient; the weight uses the new one.",
    ],
)

# adagrad_step


def adagrad_step(w, grad, square_sum, lr, eps=1e-10):
    square_sum = square_sum + grad**2
    return w - lr * grad / (square_sum.sqrt() + eps), square_sum


def adagrad_addcmul(w, grad, square_sum, lr, eps=1e-10):
    total = torch.addcmul(square_sum, grad, grad)
    return torch.addcdiv(w, grad, total.pow(0.5) + eps, value=-lr), total


def adagrad_loop(w, grad, square_sum, lr, eps=1e-10):
    new_w, new_s = w.clone(), square_sum.clone()
    for i in range(w.numel()):
        g = grad.reshape(-1)[i].item()
        s = square_sum.reshape(-1)[i].item() + g * g
        new_s.view(-1)[i] = s
        new_w.view(-1)[i] = w.reshape(-1)[i].item() - lr * g / (math.sqrt(s) + eps)
    return new_w, new_s


def scaled_step(w, grad, scale, lr):
    return w - lr * grad / scale


ADAGRAD = Exercise(
    name="adagrad_step",
    points=2,
    minutes=8,
    reference=adagrad_step,
    visible=visible("squares", options=[{}, {}, {"eps": 0.5}, {}], extra=[(0.5,), (0.1,)]),
    hidden=lambda draw: hidden(
        draw, "squares", options=[{}, {"eps": draw.number(0.1, 0.9)}, {}], extra=rate
    ),
    alternatives=[adagrad_addcmul, adagrad_loop],
    misconceptions=[
        uphill(adagrad_step),
        states_forgotten(adagrad_step),
        Misconception(
            "root forgotten",
            lambda w, g, s, lr, eps=1e-10: (scaled_step(w, g, s + g**2 + eps, lr), s + g**2),
            "divide by the root of the sum of squares: it has the unit of the gradient.",
        ),
        Misconception(
            "eps inside the root",
            lambda w, g, s, lr, eps=1e-10: (
                scaled_step(w, g, (s + g**2 + eps).sqrt(), lr),
                s + g**2,
            ),
            "here eps is added after the root: √s + eps.",
        ),
        Misconception(
            "eps kept in the state",
            lambda w, g, s, lr, eps=1e-10: (
                scaled_step(w, g, (s + g**2).sqrt() + eps, lr),
                s + g**2 + eps,
            ),
            "eps only keeps the division from 0/0; the state is the sum of squares and no more.",
        ),
        Misconception(
            "gradient not squared in the sum",
            lambda w, g, s, lr, eps=1e-10: (
                scaled_step(w, g, (s + g.abs()).sqrt() + eps, lr),
                s + g.abs(),
            ),
            "the state sums the squares of the gradients.",
        ),
        Misconception(
            "old sum used",
            lambda w, g, s, lr, eps=1e-10: (scaled_step(w, g, s.sqrt() + eps, lr), s + g**2),
            "first add the new square, then divide by the root of the new sum.",
        ),
        Misconception(
            "running average instead of sum",
            lambda w, g, s, lr, eps=1e-10: (
                scaled_step(w, g, (0.9 * s + 0.1 * g**2).sqrt() + eps, lr),
                0.9 * s + 0.1 * g**2,
            ),
            "that is RMSProp; Adagrad's sum forgets nothing.",
        ),
        Misconception(
            "one sum for all weights",
            lambda w, g, s, lr, eps=1e-10: (
                scaled_step(w, g, (s + g**2).sum().sqrt() + eps, lr),
                s + g**2,
            ),
            "each weight has its own sum, and with it a step size of its own.",
        ),
        *everywhere(adagrad_step, changed=[0, 2]),
    ],
    hints=[
        "The state has the shape of `w`: each weight sums the squares of its own gradients.",
        "s ← s + g², then the step lr·g/(√s + eps) with the new s.",
    ],
)

# rmsprop_step


def rmsprop_step(w, grad, square_avg, lr, gamma=0.9, eps=1e-8):
    square_avg = gamma * square_avg + (1 - gamma) * grad**2
    return w - lr * grad / (square_avg.sqrt() + eps), square_avg


def rmsprop_lerp(w, grad, square_avg, lr, gamma=0.9, eps=1e-8):
    average = torch.lerp(grad.square(), square_avg, gamma)
    return torch.addcdiv(w, grad, average.sqrt() + eps, value=-lr), average


def rmsprop_correction(w, grad, square_avg, lr, gamma=0.9, eps=1e-8):
    w, g, s = w.double(), grad.double(), square_avg.double()
    s = s + (1 - gamma) * (g * g - s)
    step = lr / (s.sqrt() + eps) * g
    return (w - step).to(grad.dtype), s.to(grad.dtype)


RMSPROP = Exercise(
    name="rmsprop_step",
    points=2,
    minutes=8,
    reference=rmsprop_step,
    visible=visible(
        "squares",
        options=[{}, {"gamma": 0.5}, {"gamma": 0.75, "eps": 0.5}, {}],
        extra=[(0.5,), (0.1,)],
    ),
    hidden=lambda draw: hidden(
        draw,
        "squares",
        options=[{}, {"gamma": draw.number(0.2, 0.7)}, {"eps": draw.number(0.1, 0.9)}],
        extra=rate,
    ),
    alternatives=[rmsprop_lerp, rmsprop_correction],
    misconceptions=[
        uphill(rmsprop_step),
        states_forgotten(rmsprop_step),
        Misconception(
            "eps inside the root",
            lambda w, g, s, lr, gamma=0.9, eps=1e-8: (
                scaled_step(w, g, (gamma * s + (1 - gamma) * g**2 + eps).sqrt(), lr),
                gamma * s + (1 - gamma) * g**2,
            ),
            "here eps is added after the root: √s + eps.",
        ),
        Misconception(
            "root forgotten",
            lambda w, g, s, lr, gamma=0.9, eps=1e-8: (
                scaled_step(w, g, gamma * s + (1 - gamma) * g**2 + eps, lr),
                gamma * s + (1 - gamma) * g**2,
            ),
            "RMS is a root mean square: divide by the root of the average.",
        ),
        Misconception(
            "γ and 1 − γ swapped",
            lambda w, g, s, lr, gamma=0.9, eps=1e-8: (
                scaled_step(w, g, ((1 - gamma) * s + gamma * g**2).sqrt() + eps, lr),
                (1 - gamma) * s + gamma * g**2,
            ),
            "γ is the share of the past: γ = 0.9 keeps nine tenths of the old average.",
        ),
        Misconception(
            "1 − γ forgotten",
            lambda w, g, s, lr, gamma=0.9, eps=1e-8: (
                scaled_step(w, g, (gamma * s + g**2).sqrt() + eps, lr),
                gamma * s + g**2,
            ),
            "in an average the weights add up to 1: γ of the past and 1 − γ of the present.",
        ),
        Misconception(
            "sum instead of running average",
            lambda w, g, s, lr, gamma=0.9, eps=1e-8: (
                scaled_step(w, g, (s + g**2).sqrt() + eps, lr),
                s + g**2,
            ),
            "that is Adagrad; RMSProp forgets old gradients with γ.",
        ),
        Misconception(
            "old average used",
            lambda w, g, s, lr, gamma=0.9, eps=1e-8: (
                scaled_step(w, g, s.sqrt() + eps, lr),
                gamma * s + (1 - gamma) * g**2,
            ),
            "first renew the average with this gradient, then divide by its root.",
        ),
        Misconception(
            "gradient not squared",
            lambda w, g, s, lr, gamma=0.9, eps=1e-8: (
                scaled_step(w, g, (gamma * s + (1 - gamma) * g.abs()).sqrt() + eps, lr),
                gamma * s + (1 - gamma) * g.abs(),
            ),
            "the average is taken over the squares of the gradients.",
        ),
        *everywhere(rmsprop_step, changed=[0, 2]),
    ],
    hints=[
        "Adagrad's sum becomes a running average; the rest stays.",
        "s ← γs + (1 − γ)g², then lr·g/(√s + eps) with the new s.",
    ],
)

# adadelta_step


def adadelta_step(w, grad, square_avg, delta_avg, lr=1.0, rho=0.9, eps=1e-6):
    square_avg = rho * square_avg + (1 - rho) * grad**2
    delta = (delta_avg + eps).sqrt() / (square_avg + eps).sqrt() * grad
    return w - lr * delta, square_avg, rho * delta_avg + (1 - rho) * delta**2


def adadelta_ratio(w, grad, square_avg, delta_avg, lr=1.0, rho=0.9, eps=1e-6):
    s = torch.lerp(grad * grad, square_avg, rho)
    ratio = (delta_avg + eps) / (s + eps)
    step = -ratio.sqrt() * grad
    d = torch.lerp(ratio * grad * grad, delta_avg, rho)
    return [w + lr * step, s, d]


def adadelta_loop(w, grad, square_avg, delta_avg, lr=1.0, rho=0.9, eps=1e-6):
    rows = zip(*(a.double().reshape(-1).tolist() for a in (w, grad, square_avg, delta_avg)))
    results = []
    for x, g, s, d in rows:
        s = rho * s + (1 - rho) * g * g
        move = math.sqrt(d + eps) / math.sqrt(s + eps) * g
        results.append((x - lr * move, s, rho * d + (1 - rho) * move * move))
    return tuple(torch.tensor(c, dtype=w.dtype).reshape(w.shape) for c in zip(*results))


def adadelta_like(state=None, step=None, order=None):
    """Adadelta with one part replaced."""

    def function(w, g, s, d, lr=1.0, rho=0.9, eps=1e-6):
        new_s = rho * s + (1 - rho) * g**2
        scale = new_s if order is None else s
        delta = (d + eps).sqrt() / (scale + eps).sqrt() * g
        if step is not None:
            delta = step(g, scale, d, lr, eps, rho)
        new_d = rho * d + (1 - rho) * delta**2
        if state is not None:
            new_d = state(d, delta, g, rho, lr)
        return w - lr * delta, new_s, new_d

    return function


def adadelta_rms(g, s, d, lr, eps, rho):
    return g / (s + eps).sqrt()


def adadelta_new_delta_avg(w, g, s, d, lr=1.0, rho=0.9, eps=1e-6):
    _, s, d = adadelta_step(w, g, s, d, lr, rho, eps)
    return w - lr * (d + eps).sqrt() / (s + eps).sqrt() * g, s, d


def adadelta_states_swapped(*args, **kwargs):
    w, s, d = adadelta_step(*args, **kwargs)
    return w, d, s


ADADELTA = Exercise(
    name="adadelta_step",
    points=3,
    minutes=12,
    reference=adadelta_step,
    visible=visible("squares", "squares", options=[{}, {"rho": 0.5}, {"eps": 0.5, "lr": 0.5}, {}]),
    hidden=lambda draw: hidden(
        draw,
        "squares",
        "squares",
        options=[
            {},
            {"rho": draw.number(0.2, 0.7)},
            {"eps": draw.number(0.1, 0.9)},
            {"lr": draw.number(0.2, 0.7)},
            {"lr": draw.number(1.5, 3), "eps": 0.5, "rho": 0.6},
        ],
    ),
    alternatives=[adadelta_ratio, adadelta_loop],
    misconceptions=[
        uphill(adadelta_step),
        states_forgotten(adadelta_step),
        Misconception(
            "RMSProp under the name of Adadelta",
            adadelta_like(step=adadelta_rms),
            "Adadelta also multiplies by √(d + eps), the running size of its own updates.",
        ),
        Misconception(
            "eps outside the roots",
            adadelta_like(
                step=lambda g, s, d, lr, eps, rho: (d.sqrt() + eps) / (s.sqrt() + eps) * g
            ),
            "in Adadelta eps stands under both roots: √(d + eps) and √(s + eps).",
        ),
        Misconception(
            "eps in the denominator only",
            adadelta_like(step=lambda g, s, d, lr, eps, rho: d.sqrt() / (s + eps).sqrt() * g),
            "in the first step d is 0: without eps under its root nothing ever moves.",
        ),
        Misconception(
            "new average of the updates used in the step",
            adadelta_new_delta_avg,
            "the step uses d as it was before: this step is not known yet.",
        ),
        Misconception(
            "old average of the gradients used",
            adadelta_like(order="old"),
            "first renew the average of the squared gradients, then make the step.",
        ),
        Misconception(
            "lr inside the average of the updates",
            adadelta_like(
                state=lambda d, delta, g, rho, lr: rho * d + (1 - rho) * (lr * delta) ** 2
            ),
            "d averages the squares of Δ without lr; lr scales only the move of `w`.",
        ),
        Misconception(
            "update not squared in its average",
            adadelta_like(state=lambda d, delta, g, rho, lr: rho * d + (1 - rho) * delta.abs()),
            "d averages the squares of the updates.",
        ),
        Misconception(
            "average of the updates never renewed",
            adadelta_like(state=lambda d, delta, g, rho, lr: d),
            "d has to be renewed: ρd + (1 − ρ)Δ².",
        ),
        Misconception(
            "states in the wrong order",
            adadelta_states_swapped,
            "the results are w, then the average of g², then the average of Δ².",
        ),
        *everywhere(adadelta_step, changed=[0, 2, 3]),
    ],
    hints=[
        "Four lines: renew s with g², find Δ, renew d with Δ², move w.",
        "Δ = √(d + eps)/√(s + eps)·g, with the new s and the old d.",
        "d ← ρd + (1 − ρ)Δ², and w ← w − lr·Δ.",
    ],
)

# adam_step


def adam_step(w, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    return w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def adam_scaled_rate(w, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = torch.lerp(grad, m, beta1), torch.lerp(grad.square(), v, beta2)
    second = math.sqrt(1 - beta2**t)
    rate = lr * second / (1 - beta1**t)
    return torch.addcdiv(w, m, v.sqrt() + eps * second, value=-rate), m, v


def adam_in_double(w, grad, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    g = grad.double()
    first = m.double() + (1 - beta1) * (g - m)
    second = v.double() + (1 - beta2) * (g * g - v)
    root = torch.sqrt(second / (1.0 - beta2**t))
    moved = w.double() - lr * (first / (1.0 - beta1**t)) / (root + eps)
    return tuple(x.to(w.dtype) for x in (moved, first, second))


def adam_like(step=None, averages=None, states=None):
    """Adam with one part replaced; `step` gets what the new averages and their corrections are."""

    def function(w, g, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        if averages is None:
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        else:
            m, v = averages(g, m, v, beta1, beta2)
        c1, c2 = 1 - beta1**t, 1 - beta2**t
        move = step(g, m, v, c1, c2, eps) if step else (m / c1) / ((v / c2).sqrt() + eps)
        kept = (m, v) if states is None else states(m, v, c1, c2)
        return (w - lr * move, *kept)

    return function


def adam_t_from_zero(w, g, m, v, t, **options):
    return adam_step(w, g, m, v, t + 1, **options)


def adam_t_less_one(w, g, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    c1, c2 = (torch.tensor(1 - beta ** (t - 1), dtype=w.dtype) for beta in (beta1, beta2))
    return w - lr * (m / c1) / ((v / c2).sqrt() + eps), m, v


def adam_no_power(w, g, m, v, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return w - lr * (m / (1 - beta1)) / ((v / (1 - beta2)).sqrt() + eps), m, v


def adam_times(draw):
    return (draw.integer(2, 30),)


def adam_hidden(draw):
    rates = [draw.number(0.05, 0.5) for _ in range(4)]
    options = [
        {},
        {"lr": rates[0], "beta1": draw.number(0.2, 0.7)},
        {"lr": rates[1], "beta2": draw.number(0.2, 0.7)},
        {"lr": rates[2], "eps": draw.number(0.1, 0.9)},
        {"lr": rates[3]},
    ]
    cases = hidden(draw, "signed", "squares", options=options, extra=adam_times)
    n = draw.integer(4, 9)
    w, g = (draw.normal(n, dtype=torch.float64) for _ in range(2))
    zeros = torch.zeros_like(w)
    first = ("the very first step, t = 1", (w, g, zeros, zeros.clone(), 1), {"lr": rates[0]})
    late = ("a late step, t = 5000", (w, g, g / 2, g**2 + 0.1, 5000), {"lr": rates[1]})
    return [*cases, Case(*first), Case(*late)]


ADAM = Exercise(
    name="adam_step",
    points=3,
    minutes=15,
    reference=adam_step,
    visible=visible(
        "signed",
        "squares",
        options=[
            {"lr": 0.5},
            {"lr": 0.1, "beta1": 0.5, "beta2": 0.75},
            {"lr": 0.25, "eps": 0.5},
            {},
        ],
        extra=[(1,), (2,), (3,), (4,)],
    ),
    hidden=adam_hidden,
    alternatives=[adam_scaled_rate, adam_in_double],
    misconceptions=[
        uphill(adam_step),
        states_forgotten(adam_step),
        Misconception(
            "no bias correction",
            adam_like(step=lambda g, m, v, c1, c2, eps: m / (v.sqrt() + eps)),
            "the averages start at 0 and are too small at first: divide by 1 − βᵗ.",
        ),
        Misconception(
            "only m corrected",
            adam_like(step=lambda g, m, v, c1, c2, eps: (m / c1) / (v.sqrt() + eps)),
            "v starts at 0 too: divide it by 1 − β₂ᵗ before the root.",
        ),
        Misconception(
            "only v corrected",
            adam_like(step=lambda g, m, v, c1, c2, eps: m / ((v / c2).sqrt() + eps)),
            "m starts at 0 too: divide it by 1 − β₁ᵗ.",
        ),
        Misconception(
            "t counted from 0",
            adam_t_from_zero,
            "t is 1 in the first step already: the exponent is t, not t + 1.",
        ),
        Misconception(
            "exponent t − 1",
            adam_t_less_one,
            "t is 1 in the first step already: with t − 1 it would divide by 0.",
        ),
        Misconception(
            "exponent t forgotten",
            adam_no_power,
            "the correction fades with time: 1 − βᵗ, with β to the power t.",
        ),
        Misconception(
            "corrected averages kept as state",
            adam_like(states=lambda m, v, c1, c2: (m / c1, v / c2)),
            "the correction serves this one step; the state stays as it is, uncorrected.",
        ),
        Misconception(
            "eps inside the root",
            adam_like(step=lambda g, m, v, c1, c2, eps: (m / c1) / (v / c2 + eps).sqrt()),
            "eps is added after the root: √v̂ + eps.",
        ),
        Misconception(
            "root forgotten",
            adam_like(step=lambda g, m, v, c1, c2, eps: (m / c1) / (v / c2 + eps)),
            "divide by the root of v̂, which has the unit of the gradient.",
        ),
        Misconception(
            "gradient in place of m",
            adam_like(step=lambda g, m, v, c1, c2, eps: g / ((v / c2).sqrt() + eps)),
            "the step goes along the averaged gradient m̂.",
        ),
        Misconception(
            "β₁ and β₂ swapped",
            adam_like(
                averages=lambda g, m, v, b1, b2: (b2 * m + (1 - b2) * g, b1 * v + (1 - b1) * g**2)
            ),
            "β₁ belongs to m, the average of g; β₂ to v, the average of g².",
        ),
        Misconception(
            "gradient not squared in v",
            adam_like(
                averages=lambda g, m, v, b1, b2: (
                    b1 * m + (1 - b1) * g,
                    b2 * v + (1 - b2) * g.abs(),
                )
            ),
            "v averages the squares of the gradients.",
        ),
        Misconception(
            "1 − β forgotten",
            adam_like(averages=lambda g, m, v, b1, b2: (b1 * m + g, b2 * v + g**2)),
            "in an average the weights add up to 1: β of the past and 1 − β of the present.",
        ),
        *everywhere(adam_step, changed=[0, 2, 3]),
    ],
    hints=[
        "Momentum's idea for m, RMSProp's idea for v, each a running average.",
        "m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ): new names, so that m and v stay for the next step.",
        "w − lr·m̂/(√v̂ + eps); the results are w, m, v.",
    ],
)

# minibatches


def minibatches(n, batch_size, generator=None):
    order = torch.randperm(n, generator=generator)
    return [order[start : start + batch_size] for start in range(0, n, batch_size)]


def minibatches_split(n, batch_size, generator=None):
    return torch.randperm(n, generator=generator).split(batch_size)


def minibatches_sort(n, batch_size, generator=None):
    order = torch.argsort(torch.rand(n, generator=generator, dtype=torch.float64)).tolist()
    batches = []
    while order:
        batches.append(torch.tensor(order[:batch_size]))
        order = order[batch_size:]
    return batches


def batches_of(order, batch_size):
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def rest_dropped(n, batch_size, generator=None):
    order = torch.randperm(n, generator=generator)
    return [order[i * batch_size : (i + 1) * batch_size] for i in range(n // batch_size)]


def rest_joined(n, batch_size, generator=None):
    batches = rest_dropped(n, batch_size, generator)
    rest = n % batch_size
    if not rest:
        return batches
    order = torch.randperm(n, generator=generator)
    return [*batches_of(order, batch_size)[:-2], order[-rest - batch_size :]]


def rest_filled(n, batch_size, generator=None):
    order = torch.randperm(n, generator=generator)
    return batches_of(torch.cat([order, order[: -n % batch_size]]), batch_size)


def batch_count_confused(n, batch_size, generator=None):
    return list(torch.randperm(n, generator=generator).chunk(batch_size))


def own_generator(n, batch_size, generator=None):
    return batches_of(torch.tensor(random.sample(range(n), n)), batch_size)


def fixed_seed(n, batch_size, generator=None):
    own = torch.Generator().manual_seed(0)
    return batches_of(torch.randperm(n, generator=own), batch_size)


MINIBATCHES = Exercise(
    name="minibatches",
    points=2,
    minutes=8,
    reference=minibatches,
    driver="seeded",
    view="partition",
    visible=[
        Case("25 indices in batches of 10", (25, 10)),
        Case("40 indices in batches of 8", (40, 8)),
        Case("30 indices in batches of 100", (30, 100)),
        Case("one index", (1, 4)),
    ],
    hidden=lambda draw: [
        Case("a short last batch", (draw.integer(5, 9) * 10 + draw.integer(2, 9), 10)),
        Case("no short batch", (draw.integer(5, 9) * 7, 7)),
        Case("batches of one", (draw.integer(30, 60), 1)),
        Case("all in one batch", (50, 50)),
        Case("a batch larger than n", (draw.integer(30, 60), 64)),
        Case("one index left over", (97, 8)),
        Case("a single index", (1, 1)),
    ],
    alternatives=[minibatches_split, minibatches_sort],
    misconceptions=[
        Misconception(
            "last batch dropped",
            rest_dropped,
            "what is left over makes a last, shorter batch: every index comes once.",
        ),
        Misconception(
            "rest joined to the batch before it",
            rest_joined,
            "what is left over makes a batch of its own, a short one.",
        ),
        Misconception(
            "last batch filled up",
            rest_filled,
            "no index comes twice: the last batch may be short.",
        ),
        Misconception(
            "not shuffled",
            lambda n, size, generator=None: batches_of(torch.arange(n), size),
            "the indices are cut in order of the data: shuffle them first, e.g. with `randperm`.",
        ),
        Misconception(
            "shuffled only within the batches",
            lambda n, size, generator=None: [
                part[torch.randperm(len(part), generator=generator)]
                for part in batches_of(torch.arange(n), size)
            ],
            "shuffle all indices first and cut afterwards: any sample may meet any other.",
        ),
        Misconception(
            "drawn with replacement",
            lambda n, size, generator=None: batches_of(
                torch.randint(n, (n,), generator=generator), size
            ),
            "a partition holds each index exactly once: shuffle, do not draw.",
        ),
        Misconception(
            "batch_size taken as the number of batches",
            batch_count_confused,
            "`batch_size` is how many indices one batch holds.",
        ),
        Misconception(
            "generator not used",
            own_generator,
            "hand `generator` on to the draw: the same seed has to give the same batches.",
        ),
        Misconception(
            "always the same shuffle",
            fixed_seed,
            "use the `generator` that is given, without a seed of your own: "
            "each epoch needs another order.",
        ),
        Misconception(
            "counted from 1",
            lambda n, size, generator=None: batches_of(
                torch.randperm(n, generator=generator) + 1, size
            ),
            "indices go from 0 to n − 1.",
        ),
    ],
    hints=[
        "Shuffle first, cut afterwards.",
        "`torch.randperm(n, generator=generator)` is a shuffled 0 … n − 1.",
        "A slice that goes beyond the end is cut off by itself: order[start : start + batch_size].",
    ],
)

# step_decay


def step_decay(lr0, epoch, drop=0.5, every=10):
    return lr0 * drop ** (epoch // every)


def step_decay_loop(lr0, epoch, drop=0.5, every=10):
    for number in range(1, epoch + 1):
        if number % every == 0:
            lr0 = lr0 * drop
    return lr0


def step_decay_tensor(lr0, epoch, drop=0.5, every=10):
    times = math.floor(epoch / every)
    return torch.tensor(lr0, dtype=torch.float64) * torch.tensor(drop).double().pow(times)


def decay_hidden(draw):
    cases = []
    for every in (1, draw.integer(3, 8), 10):
        lr0, drop = draw.number(0.1, 3), draw.number(0.2, 0.8)
        base = every * draw.integer(2, 4)
        for label, epoch in (("before", base - 1), ("at", base), ("after", base + 1)):
            options = {"drop": drop, "every": every}
            cases.append(Case(f"{label} a drop, every {every}", (lr0, epoch), options))
        cases.append(Case(f"epoch 0, every {every}", (lr0, 0), {"drop": drop, "every": every}))
    lr0 = draw.number(0.1, 3)
    return [
        *cases,
        Case("without options, at a drop", (lr0, 10 * draw.integer(1, 4))),
        Case("without options, before a drop", (lr0, 10 * draw.integer(1, 4) - 1)),
        Case("another drop only", (lr0, draw.integer(21, 30)), {"drop": draw.number(0.2, 0.4)}),
        Case("another interval only", (lr0, 9), {"every": 4}),
    ]


STEP_DECAY = Exercise(
    name="step_decay",
    points=1,
    minutes=5,
    reference=step_decay,
    visible=[
        Case("epoch 0", (0.8, 0)),
        Case("epoch 6", (0.8, 6)),
        Case("epoch 9", (0.8, 9)),
        Case("epoch 10", (0.8, 10)),
        Case("epoch 25", (0.8, 25)),
        Case("drop 0.1 every 5, epoch 10", (2.0, 10), {"drop": 0.1, "every": 5}),
    ],
    hidden=decay_hidden,
    alternatives=[step_decay_loop, step_decay_tensor],
    misconceptions=[
        Misconception(
            "no floor",
            lambda lr0, epoch, drop=0.5, every=10: lr0 * drop ** (epoch / every),
            "the rate falls in steps: whole divisions only, `//`.",
        ),
        Misconception(
            "rounded instead of floored",
            lambda lr0, epoch, drop=0.5, every=10: lr0 * drop ** round(epoch / every),
            "⌊ ⌋ rounds down: `//` or `math.floor`.",
        ),
        Misconception(
            "one drop too many",
            lambda lr0, epoch, drop=0.5, every=10: lr0 * drop ** (epoch // every + 1),
            "in epoch 0 the rate is lr0 itself: drop to the power 0.",
        ),
        Misconception(
            "epochs counted from 1",
            lambda lr0, epoch, drop=0.5, every=10: lr0 * drop ** ((epoch + 1) // every),
            "epochs count from 0: the first drop comes at epoch `every`, not one before.",
        ),
        Misconception(
            "drop comes one epoch late",
            lambda lr0, epoch, drop=0.5, every=10: lr0 * drop ** (max(epoch - 1, 0) // every),
            "the first drop comes at epoch `every` itself.",
        ),
        Misconception(
            "drops multiplied instead of taken to a power",
            lambda lr0, epoch, drop=0.5, every=10: (
                lr0 * drop * (epoch // every) if epoch >= every else lr0
            ),
            "each drop multiplies once more: drop to the power ⌊epoch/every⌋.",
        ),
        Misconception(
            "a drop every epoch",
            lambda lr0, epoch, drop=0.5, every=10: lr0 * drop**epoch,
            "the rate falls once in `every` epochs.",
        ),
        Misconception(
            "drop subtracted from 1",
            lambda lr0, epoch, drop=0.5, every=10: lr0 * (1 - drop) ** (epoch // every),
            "`drop` is the factor itself: drop = 0.1 leaves a tenth.",
        ),
        Misconception(
            "only one drop",
            lambda lr0, epoch, drop=0.5, every=10: lr0 * drop if epoch >= every else lr0,
            "after 2·every epochs the rate drops again.",
        ),
    ],
    hints=["How often has the rate dropped by then?", "`epoch // every` times, each by `drop`."],
)

# early_stopping_epoch


def early_stopping_epoch(losses, patience):
    best, best_epoch = math.inf, 0
    for epoch, loss in enumerate(losses):
        if loss < best:
            best, best_epoch = loss, epoch
        if epoch - best_epoch >= patience:
            return epoch
    return len(losses) - 1


def early_stopping_wait(losses, patience):
    best, waited = losses[0], 0
    for epoch in range(1, len(losses)):
        if losses[epoch] < best:
            best, waited = losses[epoch], 0
        else:
            waited += 1
        if waited == patience:
            return epoch
    return len(losses) - 1


def early_stopping_search(losses, patience):
    values = torch.tensor(losses, dtype=torch.float64)
    for epoch in range(patience, len(losses)):
        recent = values[epoch - patience + 1 : epoch + 1]
        if bool((recent >= values[: epoch - patience + 1].min()).all()):
            return torch.tensor(epoch)
    return len(losses) - 1


def latest_stop(losses, patience):
    """The answer where a loss equal to the best renews it."""
    best, best_epoch = math.inf, 0
    for epoch, loss in enumerate(losses):
        if loss <= best:
            best, best_epoch = loss, epoch
        if epoch - best_epoch >= patience:
            return epoch
    return len(losses) - 1


def stops(losses, patience):
    return early_stopping_epoch(losses, patience), latest_stop(losses, patience)


def stop_when(rule, result=lambda epoch, best_epoch: epoch):
    """Early stopping with another rule for when, or another result."""

    def function(losses, patience):
        best_epoch = 0
        for epoch, loss in enumerate(losses):
            if loss < losses[best_epoch]:
                best_epoch = epoch
            if rule(epoch, best_epoch, patience):
                return result(epoch, best_epoch)
        return len(losses) - 1

    return function


def rises_in_a_row(losses, patience):
    waited = 0
    for epoch in range(1, len(losses)):
        waited = waited + 1 if losses[epoch] >= losses[epoch - 1] else 0
        if waited == patience:
            return epoch
    return len(losses) - 1


def never_reset(losses, patience):
    best, waited = math.inf, 0
    for epoch, loss in enumerate(losses):
        if loss < best:
            best = loss
        else:
            waited += 1
        if waited == patience:
            return epoch
    return len(losses) - 1


def no_end(losses, patience):
    epoch = early_stopping_epoch(losses, patience)
    best = min(range(epoch + 1), key=losses.__getitem__)
    return epoch if epoch - best >= patience else None


def best_of_all(losses, patience):
    best = min(range(len(losses)), key=losses.__getitem__)
    return min(best + patience, len(losses) - 1)


def stopping_hidden(draw):
    def falling(count):
        return [5 - 0.1 * i - round(draw.uniform().item() * 0.05, 3) for i in range(count)]

    def noise(count, above):
        return [above + draw.number(0.1, 1.0) for _ in range(count)]

    down = falling(draw.integer(5, 9))
    best = down[-1]
    bumps = [best + 0.5, best + 0.25, best - 0.5, best - 0.25, best - 0.375]
    walk = [draw.number(0.0, 4.0) for _ in range(30)]
    patience = draw.integer(3, 6)
    return [
        Case("falling, then rising", (down + noise(8, best), patience)),
        Case("falling all the time", (falling(12), patience)),
        Case("bumps on the way down", (down + bumps + noise(6, best), 3)),
        Case("the patience ends with the list", (down + noise(patience, best), patience)),
        Case("one epoch short of it", (down + noise(patience - 1, best), patience)),
        Case("a random walk", (walk, 4)),
        Case("patience 1", (down + noise(2, best), 1)),
        Case("the first is the best", ([-1.0, *noise(8, 0)], patience)),
        Case("one epoch", ([draw.number(0, 1)], 2)),
        Case("a late, better minimum", (down + noise(4, best) + [0.0] + noise(5, 0), 4)),
        Case("a later minimum in time", (down + noise(3, best) + [0.0] + noise(5, 0), 4)),
        Case("the best loss comes again", ([*down, best + 1, best, *noise(9, best)], 4)),
        Case("wavy, never better again", (down + [best + 2, best + 1] * 4, 5)),
    ]


EARLY_STOPPING = Exercise(
    name="early_stopping_epoch",
    points=2,
    minutes=10,
    reference=early_stopping_epoch,
    valid=stops,
    visible=[
        Case("patience 2", ([3.0, 2.0, 2.5, 2.4, 1.0], 2)),
        Case("patience 3, same losses", ([3.0, 2.0, 2.5, 2.4, 1.0], 3)),
        Case("always better", ([5.0, 4.0, 3.0, 2.0, 1.0, 0.5], 2)),
        Case("patience 1", ([5.0, 4.0, 4.5, 3.0], 1)),
        Case("up and down", ([4.0, 3.0, 3.6, 3.5, 2.9, 3.2, 3.1, 3.3, 3.0, 3.4], 3)),
    ],
    hidden=stopping_hidden,
    alternatives=[early_stopping_wait, early_stopping_search],
    misconceptions=[
        Misconception(
            "one epoch too late",
            stop_when(lambda epoch, best, patience: epoch - best > patience),
            "stop as soon as the best loss is `patience` epochs old: ≥, not >.",
        ),
        Misconception(
            "one epoch too early",
            stop_when(lambda epoch, best, patience: epoch - best >= patience - 1 and epoch > best),
            "the epoch of the best loss itself does not count: it is 0 epochs old there.",
        ),
        Misconception(
            "best epoch returned",
            stop_when(
                lambda epoch, best, patience: epoch - best >= patience, lambda epoch, best: best
            ),
            "asked is the epoch after which training stops; the best one came `patience` earlier.",
        ),
        Misconception(
            "number of epochs instead of index",
            lambda losses, patience: early_stopping_epoch(losses, patience) + 1,
            "epochs count from 0: the result is an index of `losses`.",
        ),
        Misconception(
            "compared with the epoch before",
            rises_in_a_row,
            "compare with the best loss so far: after a bump the next one may fall and be worse "
            "than the best all the same.",
        ),
        Misconception(
            "waiting never starts anew",
            never_reset,
            "a new best loss sets the waiting back to 0.",
        ),
        Misconception(
            "nothing returned at the end",
            no_end,
            "where the patience never runs out, the result is the last index.",
        ),
        Misconception(
            "looks into the future",
            best_of_all,
            "while training nobody knows the best loss of all: go through the epochs one by one.",
        ),
        Misconception(
            "greatest loss taken for the best",
            lambda losses, patience: early_stopping_epoch([-loss for loss in losses], patience),
            "a loss is the better the smaller it is.",
        ),
    ],
    hints=[
        "Remember two things while you go through the list: the best loss and its epoch.",
        "At each epoch: is this loss better? If so, remember it. Is the best one old enough? Stop.",
    ],
)

EXERCISES = [
    GRADIENT_DESCENT,
    MOMENTUM,
    ADAGRAD,
    RMSPROP,
    ADADELTA,
    ADAM,
    MINIBATCHES,
    STEP_DECAY,
    EARLY_STOPPING,
]
