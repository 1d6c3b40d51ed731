"""Hidden tests of the assignment `regression_losses`."""

import math
from itertools import cycle

import torch

from course.exercises import Case, Exercise, Misconception


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def visible(*options, positive=False):
    """Cases that can be checked with pencil and paper, and one of shapes that differ."""
    first = 0.0 if positive else -3.0
    pairs = [
        ("four numbers", t(first, 0.75, 0.25, 2.0), t(0.5, 0.5, 0.5, 0.5)),
        (
            "two rows of three, float64",
            t([1, 2, 3], [4, 5, 6], dtype=torch.float64),
            t([1.5, 2.5, 5], [4.25, 1, 6.25], dtype=torch.float64),
        ),
        ("one number", t(2.0), t(0.25)),
        ("a large error", t(1.0, 1000.0), t(1.5, 1.0)),
        ("shapes (4, 1) and (4,)", torch.ones(4, 1), torch.ones(4)),
    ]
    return [
        Case(label, (pred, target), dict(kwargs))
        for (label, pred, target), kwargs in zip(pairs, cycle(options or [{}]))
    ]


def hidden(draw, *options, positive=False, ties=False):
    """Random pairs with the awkward ones among them; the keyword arguments go round."""

    def number(*shape, **how):
        value = draw.normal(*shape, **how)
        return value.abs() if positive else value

    n = draw.integer(5, 12)
    near, hit = number(n), number(6)
    pairs = [
        ("a batch", number(n), number(n)),
        ("a batch of images", number(n, 7), number(n, 7)),
        ("a batch of one", number(1, n), number(1, n)),
        ("three dimensions", number(3, n, 2), number(3, n, 2)),
        ("float64", number(n, 3, dtype=torch.float64), number(n, 3, dtype=torch.float64)),
        ("large numbers", number(n, scale=1e4), number(n, scale=1e4)),
        ("small errors", near + draw.uniform(n, low=0.05, high=0.2), near),
        ("large errors upwards", 1e4 + number(n).abs(), number(n)),
        ("a single number, 0-dim", number(), number()),
        ("exact zeros", torch.zeros(n), number(n)),
    ]
    if ties:
        steps = t(0.0, 1.0, -1.0, 0.0, 0.5, 3.0) * (draw.integer(1, 5) / 2)
        pairs.append(("some exact hits", hit + steps, hit))
    pairs += [
        (f"shapes {a} and {b}", number(*a), number(*b))
        for a, b in [((n, 1), (n,)), ((n, 3), (1, 3)), ((n,), (n + 1,))]
    ]
    return [
        Case(label, (pred, target), dict(kwargs))
        for (label, pred, target), kwargs in zip(pairs, cycle(options or [{}]))
    ]


def deltas(draw):
    """The default delta and three others, to go round."""
    return {}, {"delta": draw.number(0.2, 0.6)}, {"delta": draw.number(2, 4)}, {"delta": 0.5}


def same_shape(pred, target):
    if pred.shape != target.shape:
        raise ValueError(f"pred has shape {tuple(pred.shape)}, target {tuple(target.shape)}")


def wrong(name, function, hint):
    """A misconception that compares the shapes as it should."""

    def checked(pred, target, *args, **kwargs):
        same_shape(pred, target)
        return function(pred, target, *args, **kwargs)

    return Misconception(name, checked, hint)


def everywhere(function):
    """Mistakes that are possible in each exercise; `function` is right but for the shapes."""

    def in_place(pred, target, **kwargs):
        result = function(pred, target, **kwargs)
        pred.sub_(target)
        return result

    def in_float32(pred, target, **kwargs):
        return function(pred.float(), target.float(), **kwargs)

    return [
        Misconception(
            "shapes not compared",
            function,
            "shapes that differ are broadcast: (4, 1) and (4,) become (4, 4) without a word. "
            "Compare `pred.shape` with `target.shape` first and raise `ValueError`.",
        ),
        wrong(
            "argument changed in place",
            in_place,
            "methods that end in _ (and `-=`) write into the caller's tensor; "
            "`pred - target` makes a new one.",
        ),
        wrong(
            "float64 thrown away",
            in_float32,
            "the result has the dtype of the arguments; `.float()` drops half of the digits.",
        ),
    ]


def sum_for_mean(function):
    return wrong(
        "sum instead of mean",
        function,
        "the sum grows with the number of elements; the loss is the mean over all of them.",
    )


def mean_forgotten(function):
    return wrong(
        "1/N forgotten",
        function,
        "the loss is a mean over N elements, so each element of its gradient carries 1/N.",
    )


def wrong_sign(function):
    return wrong(
        "sign the other way round",
        function,
        "where `pred` is above its target, raising it raises the loss: the gradient is positive.",
    )


def delta_ignored(function):
    return wrong(
        "delta ignored",
        lambda pred, target, delta=1.0: function(pred, target),
        "this fits delta = 1 only: where does the formula need `delta`?",
    )


# mse


def mse(pred, target):
    same_shape(pred, target)
    return ((pred - target) ** 2).mean()


def mse_loop(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    total = 0.0
    for p, y in zip(pred.flatten(), target.flatten()):
        total = total + (p - y) * (p - y)
    return total / pred.numel()


def mse_dot(pred, target):
    if pred.size() != target.size():
        raise ValueError("shapes differ")
    e = (pred.double() - target.double()).reshape(-1)
    return (torch.einsum("i,i->", e, e) / len(e)).to(pred.dtype)


MSE = Exercise(
    name="mse",
    points=1,
    minutes=5,
    reference=mse,
    visible=visible(),
    hidden=hidden,
    alternatives=[mse_loop, mse_dot],
    misconceptions=[
        sum_for_mean(lambda p, y: ((p - y) ** 2).sum()),
        wrong(
            "absolute value instead of square",
            lambda p, y: (p - y).abs().mean(),
            "that is the mean absolute error; MSE squares each error.",
        ),
        wrong(
            "square of the mean error",
            lambda p, y: (p - y).mean() ** 2,
            "errors of +1 and −1 cancel in the mean: square first, then average.",
        ),
        wrong(
            "half the mean",
            lambda p, y: ((p - y) ** 2).mean() / 2,
            "the ½ belongs to another convention; here MSE is the plain mean of the squares.",
        ),
        wrong(
            "root taken",
            lambda p, y: ((p - y) ** 2).mean().sqrt(),
            "that is RMSE; MSE has no root.",
        ),
        wrong(
            "mean over the last dimension only",
            lambda p, y: ((p - y) ** 2).mean(-1),
            "a loss is one number: take the mean over all elements, `.mean()` without `dim`.",
        ),
        *everywhere(lambda p, y: ((p - y) ** 2).mean()),
    ],
    hints=[
        "What is the error of one element, and what happens to it before the mean?",
        "`pred - target` gives all errors at once, `**` works on each element.",
        "After the shape check one line is enough: square of the difference, then `.mean()`.",
    ],
)

# mae


def mae(pred, target):
    same_shape(pred, target)
    return (pred - target).abs().mean()


def mae_where(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = pred - target
    return torch.where(e < 0, -e, e).sum() / e.numel()


def mae_maximum(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    return (torch.maximum(pred, target) - torch.minimum(pred, target)).mean()


MAE = Exercise(
    name="mae",
    points=1,
    minutes=5,
    reference=mae,
    visible=visible(),
    hidden=hidden,
    alternatives=[mae_where, mae_maximum],
    misconceptions=[
        sum_for_mean(lambda p, y: (p - y).abs().sum()),
        wrong(
            "no absolute value",
            lambda p, y: (p - y).mean(),
            "errors above and below the target cancel: take `.abs()` of each before the mean.",
        ),
        wrong(
            "absolute value after the mean",
            lambda p, y: (p - y).mean().abs(),
            "by then the errors have cancelled: take `.abs()` of each before the mean.",
        ),
        wrong(
            "square instead of absolute value",
            lambda p, y: ((p - y) ** 2).mean(),
            "that is MSE; MAE counts an error of 1000 a thousand times, not a million times.",
        ),
        *everywhere(lambda p, y: (p - y).abs().mean()),
    ],
    hints=[
        "Which operation makes +2 and −2 count the same without squaring?",
        "`.abs()` works on each element.",
    ],
)

# rmse


def rmse(pred, target):
    same_shape(pred, target)
    return ((pred - target) ** 2).mean().sqrt()


def rmse_norm(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    return torch.linalg.vector_norm(pred - target) / pred.numel() ** 0.5


def rmse_power(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = (pred - target).double()
    return ((e * e).sum() / e.numel()).pow(0.5).to(pred.dtype)


RMSE = Exercise(
    name="rmse",
    points=1,
    minutes=5,
    reference=rmse,
    visible=visible(),
    hidden=hidden,
    alternatives=[rmse_norm, rmse_power],
    misconceptions=[
        wrong(
            "root forgotten",
            lambda p, y: ((p - y) ** 2).mean(),
            "that is MSE; its root has the unit of the target again.",
        ),
        wrong(
            "root before the mean",
            lambda p, y: ((p - y) ** 2).sqrt().mean(),
            "the root of each square is the absolute error, so this is MAE: mean first, then root.",
        ),
        wrong(
            "sum instead of mean",
            lambda p, y: ((p - y) ** 2).sum().sqrt(),
            "the root of the sum grows with √N: the mean of the squares comes under the root.",
        ),
        wrong(
            "N outside the root",
            lambda p, y: ((p - y) ** 2).sum().sqrt() / p.numel(),
            "N belongs under the root with the sum.",
        ),
        *everywhere(lambda p, y: ((p - y) ** 2).mean().sqrt()),
    ],
    hints=["Your `mse` is nearly there.", "Take the root last, of the one number."],
)

# msle


def msle(pred, target):
    same_shape(pred, target)
    return ((torch.log1p(pred) - torch.log1p(target)) ** 2).mean()


def msle_log(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    ratio = (1 + pred.double()) / (1 + target.double())
    return ratio.log().square().mean().to(pred.dtype)


def msle_loop(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    pairs = zip(pred.reshape(-1), target.reshape(-1))
    return torch.stack([(p.log1p() - y.log1p()) ** 2 for p, y in pairs]).mean()


MSLE = Exercise(
    name="msle",
    points=1,
    minutes=8,
    reference=msle,
    visible=visible(positive=True),
    hidden=lambda draw: hidden(draw, positive=True),
    alternatives=[msle_log, msle_loop],
    misconceptions=[
        sum_for_mean(lambda p, y: ((p.log1p() - y.log1p()) ** 2).sum()),
        wrong(
            "ln instead of log1p",
            lambda p, y: ((p.log() - y.log()) ** 2).mean(),
            "ln 0 is −∞, and a pixel may well be 0: the formula has ln(1 + x), `torch.log1p`.",
        ),
        wrong(
            "logarithm forgotten",
            lambda p, y: ((p - y) ** 2).mean(),
            "that is MSE; MSLE compares the logarithms, and with them ratios.",
        ),
        wrong(
            "logarithm of the error",
            lambda p, y: ((p - y).abs().log1p() ** 2).mean(),
            "take the logarithm of `pred` and of `target`, then the difference.",
        ),
        wrong(
            "absolute value instead of square",
            lambda p, y: (p.log1p() - y.log1p()).abs().mean(),
            "the S in MSLE: the difference of the logarithms is squared.",
        ),
        wrong(
            "logarithm to base 10",
            lambda p, y: (((1 + p).log10() - (1 + y).log10()) ** 2).mean(),
            "`log10` gives other units; the formula has the natural logarithm.",
        ),
        *everywhere(lambda p, y: ((p.log1p() - y.log1p()) ** 2).mean()),
    ],
    hints=[
        "Which function gives ln(1 + x) and is exact for small x?",
        "It is `mse` of `torch.log1p(pred)` and `torch.log1p(target)`.",
    ],
)

# huber


def huber(pred, target, delta=1.0):
    same_shape(pred, target)
    e = (pred - target).abs()
    return torch.where(e <= delta, 0.5 * e**2, delta * e - 0.5 * delta**2).mean()


def huber_clamp(pred, target, delta=1.0):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = (pred - target).abs()
    near = e.clamp(max=delta)
    return (near * (e - near / 2)).mean()


def huber_loop(pred, target, delta=1.0):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    total = torch.zeros((), dtype=torch.float64)
    for e in (pred.double() - target.double()).flatten():
        e = abs(e)
        total += e * e / 2 if e < delta else delta * (e - delta / 2)
    return (total / pred.numel()).to(pred.dtype)


def raw_huber(p, y, delta=1.0, half=0.5, shift=0.5):
    e = (p - y).abs()
    return torch.where(e <= delta, half * e**2, delta * e - shift * delta**2)


HUBER = Exercise(
    name="huber",
    points=2,
    minutes=12,
    reference=huber,
    visible=visible({}, {"delta": 2.0}, {"delta": 0.5}),
    hidden=lambda draw: hidden(draw, *deltas(draw)),
    alternatives=[huber_clamp, huber_loop],
    misconceptions=[
        sum_for_mean(lambda p, y, delta=1.0: raw_huber(p, y, delta).sum()),
        wrong(
            "½ forgotten in the parabola",
            lambda p, y, delta=1.0: raw_huber(p, y, delta, half=1.0).mean(),
            "at |e| = δ both branches must meet: the parabola is ½e².",
        ),
        wrong(
            "½δ² not taken off the line",
            lambda p, y, delta=1.0: raw_huber(p, y, delta, shift=0.0).mean(),
            "at |e| = δ the line δ|e| is too high by ½δ²: the curve would jump.",
        ),
        wrong(
            "δ² instead of ½δ²",
            lambda p, y, delta=1.0: raw_huber(p, y, delta, shift=1.0).mean(),
            "at |e| = δ both branches must give ½δ².",
        ),
        wrong(
            "branches swapped",
            lambda p, y, delta=1.0: torch.where(
                (p - y).abs() > delta,
                0.5 * (p - y) ** 2,
                delta * (p - y).abs() - 0.5 * delta**2,
            ).mean(),
            "small errors belong to the parabola, large ones to the line.",
        ),
        wrong(
            "parabola everywhere",
            lambda p, y, delta=1.0: (0.5 * (p - y) ** 2).mean(),
            "beyond δ the loss goes on as a straight line.",
        ),
        wrong(
            "no absolute value in the condition",
            lambda p, y, delta=1.0: torch.where(
                p - y <= delta, 0.5 * (p - y) ** 2, delta * (p - y) - 0.5 * delta**2
            ).mean(),
            "an error of −1000 is large too: compare |e| with δ.",
        ),
        wrong(
            "smooth L1 instead of Huber",
            lambda p, y, delta=1.0: (raw_huber(p, y, delta) / delta).mean(),
            "smooth L1 is Huber divided by δ; here the line has the slope δ.",
        ),
        delta_ignored(lambda p, y: raw_huber(p, y).mean()),
        *everywhere(lambda p, y, delta=1.0: raw_huber(p, y, delta).mean()),
    ],
    hints=[
        "Two branches for each element: which one holds depends on |e| and δ.",
        "`torch.where(condition, a, b)` picks from a or b, element by element.",
        "With e = |pred − target|: ½e² where e ≤ δ, δe − ½δ² elsewhere; then the mean.",
    ],
)

# pseudo_huber


def pseudo_huber(pred, target, delta=1.0):
    same_shape(pred, target)
    scaled = (pred - target) / delta
    return (delta**2 * ((1 + scaled**2).sqrt() - 1)).mean()


def pseudo_huber_hypot(pred, target, delta=1.0):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = pred.double() - target.double()
    root = torch.hypot(e, torch.full_like(e, delta))
    return (delta * (root - delta)).mean().to(pred.dtype)


def pseudo_huber_conjugate(pred, target, delta=1.0):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = pred - target
    return (e * e / (1 + torch.sqrt(1 + e * e / delta**2))).sum() / e.numel()


def raw_pseudo_huber(p, y, delta=1.0):
    return delta**2 * ((1 + ((p - y) / delta) ** 2).sqrt() - 1)


PSEUDO_HUBER = Exercise(
    name="pseudo_huber",
    points=1,
    minutes=8,
    reference=pseudo_huber,
    visible=visible({}, {"delta": 2.0}, {"delta": 0.5}),
    hidden=lambda draw: hidden(draw, *deltas(draw)),
    alternatives=[pseudo_huber_hypot, pseudo_huber_conjugate],
    misconceptions=[
        sum_for_mean(lambda p, y, delta=1.0: raw_pseudo_huber(p, y, delta).sum()),
        wrong(
            "−1 forgotten",
            lambda p, y, delta=1.0: (raw_pseudo_huber(p, y, delta) + delta**2).mean(),
            "a perfect prediction must cost 0: √(1 + 0) − 1.",
        ),
        wrong(
            "δ² in front forgotten",
            lambda p, y, delta=1.0: (raw_pseudo_huber(p, y, delta) / delta**2).mean(),
            "the δ² in front gives small errors the ½e² of Huber, whatever δ is.",
        ),
        wrong(
            "δ instead of δ² in front",
            lambda p, y, delta=1.0: (raw_pseudo_huber(p, y, delta) / delta).mean(),
            "the factor in front is δ², as small errors cost ½e².",
        ),
        wrong(
            "error not divided by δ",
            lambda p, y, delta=1.0: (delta**2 * ((1 + (p - y) ** 2).sqrt() - 1)).mean(),
            "under the root stands (e/δ)².",
        ),
        wrong(
            "error not squared",
            lambda p, y, delta=1.0: (delta**2 * ((1 + ((p - y) / delta).abs()).sqrt() - 1)).mean(),
            "under the root stands the square of e/δ.",
        ),
        delta_ignored(lambda p, y: raw_pseudo_huber(p, y).mean()),
        *everywhere(lambda p, y, delta=1.0: raw_pseudo_huber(p, y, delta).mean()),
    ],
    hints=[
        "Scale the error by δ first, then read the formula from the inside out.",
        "With s = e/δ: δ²·(√(1 + s²) − 1), then the mean.",
    ],
)

# log_cosh


def log_cosh(pred, target):
    same_shape(pred, target)
    e = (pred - target).abs()
    return (e + torch.log1p(torch.exp(-2 * e)) - math.log(2)).mean()


def log_cosh_logaddexp(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = pred - target
    return (torch.logaddexp(e, -e) - 0.6931471805599453).mean()


def log_cosh_branches(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = (pred - target).double().abs()
    small = e.clamp(max=20).cosh().log()
    return torch.where(e < 20, small, e - 0.6931471805599453).mean().to(pred.dtype)


def raw_log_cosh(p, y):
    e = p - y
    return torch.logaddexp(e, -e) - 0.6931471805599453


LOG_COSH = Exercise(
    name="log_cosh",
    points=2,
    minutes=12,
    reference=log_cosh,
    visible=visible(),
    hidden=hidden,
    alternatives=[log_cosh_logaddexp, log_cosh_branches],
    misconceptions=[
        wrong(
            "cosh overflows",
            lambda p, y: (p - y).cosh().log().mean(),
            "cosh 1000 is too large for a float, so the result is ∞. For large |e|, "
            "ln cosh e = |e| + ln(1 + e^(−2|e|)) − ln 2 has nothing that grows but |e|.",
        ),
        sum_for_mean(lambda p, y: raw_log_cosh(p, y).sum()),
        wrong(
            "ln 2 not taken off",
            lambda p, y: (raw_log_cosh(p, y) + 0.6931471805599453).mean(),
            "cosh e = (e^e + e^(−e))/2, and ln of the ½ is −ln 2: at e = 0 the loss is 0.",
        ),
        wrong(
            "no absolute value in the stable form",
            lambda p, y: (
                (p - y) + torch.log1p(torch.exp(-2 * (p - y))) - 0.6931471805599453
            ).mean(),
            "for negative e the exponential e^(−2e) grows: use |e| in the stable form.",
        ),
        wrong(
            "cosh without the logarithm",
            lambda p, y: (p - y).cosh().mean(),
            "the loss is the logarithm of cosh: without it an outlier of 1000 costs ∞.",
        ),
        *everywhere(lambda p, y: raw_log_cosh(p, y).mean()),
    ],
    hints=[
        "What does cosh give for an error of 1000? Try `torch.cosh(torch.tensor(1000.0))`.",
        "cosh e = e^|e|·(1 + e^(−2|e|))/2. Take the logarithm of each factor.",
        "|e| + log1p(exp(−2|e|)) − ln 2, then the mean.",
    ],
)

# lp_loss


def lp_loss(pred, target, p):
    same_shape(pred, target)
    return (pred - target).abs().pow(p).sum() ** (1 / p)


def lp_loss_norm(pred, target, p):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    return torch.linalg.vector_norm(pred - target, ord=p)


def lp_loss_scaled(pred, target, p):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = (pred.double() - target.double()).abs().flatten()
    largest = max(e.max().item(), 1e-300)
    return (largest * sum((x / largest) ** p for x in e) ** (1 / p)).to(pred.dtype)


LP_LOSS = Exercise(
    name="lp_loss",
    points=1,
    minutes=8,
    reference=lp_loss,
    visible=visible({"p": 3}, {"p": 2}, {"p": 1}, {"p": 1.5}),
    hidden=lambda draw: hidden(
        draw, {"p": 3}, {"p": 1}, {"p": draw.number(1.2, 2.8)}, {"p": 4}, {"p": 2}
    ),
    alternatives=[lp_loss_norm, lp_loss_scaled],
    misconceptions=[
        wrong(
            "root forgotten",
            lambda pred, y, p: (pred - y).abs().pow(p).sum(),
            "the sum is taken to the power 1/p at the end.",
        ),
        wrong(
            "mean instead of sum",
            lambda pred, y, p: (pred - y).abs().pow(p).mean() ** (1 / p),
            "this one is a sum over the elements: here the lecture takes no mean.",
        ),
        wrong(
            "no absolute value",
            lambda pred, y, p: (pred - y).pow(p).sum() ** (1 / p),
            "for p = 3 errors of −2 and +2 would cancel: take `.abs()` first.",
        ),
        wrong(
            "p always 2",
            lambda pred, y, p: (pred - y).abs().pow(2).sum().sqrt(),
            "this is the case p = 2: use `p` in the power and in the root.",
        ),
        wrong(
            "root always square",
            lambda pred, y, p: (pred - y).abs().pow(p).sum().sqrt(),
            "the root is the p-th one: to the power 1/p.",
        ),
        wrong(
            "root of each element",
            lambda pred, y, p: (pred - y).abs().pow(p).pow(1 / p).sum(),
            "power and root undo each other there: sum first, then the root.",
        ),
        *everywhere(lambda pred, y, p: (pred - y).abs().pow(p).sum() ** (1 / p)),
    ],
    hints=[
        "p = 2 is the length of the error vector. What changes for another p?",
        "|e| to the power p, sum of all, to the power 1/p.",
    ],
    forbidden=("dist", "cdist", "pdist", "pairwise_distance"),
)

# mse_grad


def mse_grad(pred, target):
    same_shape(pred, target)
    return 2 * (pred - target) / pred.numel()


def mse_grad_loop(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    grad = torch.empty_like(pred)
    for i, (p, y) in enumerate(zip(pred.flatten(), target.flatten())):
        grad.view(-1)[i] = (p - y) * 2 / pred.numel()
    return grad


def mse_grad_two_terms(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    n = torch.ones_like(pred).sum()
    return (pred - target) / n + (pred - target) / n


MSE_GRAD = Exercise(
    name="mse_grad",
    points=2,
    minutes=8,
    reference=mse_grad,
    visible=visible(),
    hidden=hidden,
    alternatives=[mse_grad_loop, mse_grad_two_terms],
    misconceptions=[
        mean_forgotten(lambda p, y: 2 * (p - y)),
        wrong(
            "2 forgotten",
            lambda p, y: (p - y) / p.numel(),
            "the derivative of e² is 2e.",
        ),
        wrong(
            "1/N of the rows only",
            lambda p, y: 2 * (p - y) / (len(p) if p.dim() else 1),
            "the mean goes over all elements: N is `pred.numel()`, not the number of rows.",
        ),
        wrong_sign(lambda p, y: 2 * (y - p) / p.numel()),
        wrong(
            "gradient averaged",
            lambda p, y: (2 * (p - y)).mean(),
            "there is one derivative for each element of `pred`: the gradient has its shape.",
        ),
        *everywhere(lambda p, y: 2 * (p - y) / p.numel()),
    ],
    hints=[
        "How much does the loss change if one element of `pred` grows a little?",
        "Only the term of that element changes: (1/N)·2e.",
    ],
)

# mae_grad


def mae_grad(pred, target):
    same_shape(pred, target)
    return torch.sign(pred - target) / pred.numel()


def mae_grad_where(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    ones = torch.ones_like(pred)
    return torch.where(pred > target, ones, -ones) / pred.numel()


def mae_grad_compare(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    up, down = (pred >= target).to(pred.dtype), (pred < target).to(pred.dtype)
    return (up - down) / pred.numel()


def mae_subgradients(pred, target):
    same_shape(pred, target)
    one = torch.ones_like(pred) / pred.numel()
    sign = torch.sign(pred - target) / pred.numel()
    tie = pred == target
    return torch.where(tie, -one, sign), torch.where(tie, one, sign)


MAE_GRAD = Exercise(
    name="mae_grad",
    points=1,
    minutes=5,
    reference=mae_grad,
    valid=mae_subgradients,
    visible=visible(),
    hidden=lambda draw: hidden(draw, ties=True),
    alternatives=[mae_grad_where, mae_grad_compare],
    misconceptions=[
        mean_forgotten(lambda p, y: torch.sign(p - y)),
        wrong_sign(lambda p, y: torch.sign(y - p) / p.numel()),
        wrong(
            "error instead of its sign",
            lambda p, y: (p - y) / p.numel(),
            "the slope of |e| is +1 or −1, however large the error is.",
        ),
        wrong(
            "e/|e|, which is 0/0 at an exact hit",
            lambda p, y: (p - y) / (p - y).abs() / p.numel(),
            "at e = 0 this is NaN: `torch.sign` gives 0 there.",
        ),
        wrong(
            "1/N of the rows only",
            lambda p, y: torch.sign(p - y) / (len(p) if p.dim() else 1),
            "the mean goes over all elements: N is `pred.numel()`, not the number of rows.",
        ),
        *everywhere(lambda p, y: torch.sign(p - y) / p.numel()),
    ],
    hints=[
        "What is the slope of |e| left of 0, and right of it?",
        "`torch.sign(pred - target)`, and the 1/N of the mean.",
    ],
)

# huber_grad


def huber_grad(pred, target, delta=1.0):
    same_shape(pred, target)
    return (pred - target).clamp(-delta, delta) / pred.numel()


def huber_grad_where(pred, target, delta=1.0):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = pred - target
    return torch.where(e.abs() <= delta, e, delta * torch.sign(e)) / e.numel()


def huber_grad_loop(pred, target, delta=1.0):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    errors = (pred - target).flatten().tolist()
    slopes = [max(-delta, min(delta, e)) / len(errors) for e in errors]
    return torch.tensor(slopes, dtype=pred.dtype).reshape(pred.shape)


HUBER_GRAD = Exercise(
    name="huber_grad",
    points=2,
    minutes=8,
    reference=huber_grad,
    visible=visible({}, {"delta": 2.0}, {"delta": 0.5}),
    hidden=lambda draw: hidden(draw, *deltas(draw)),
    alternatives=[huber_grad_where, huber_grad_loop],
    misconceptions=[
        mean_forgotten(lambda p, y, delta=1.0: (p - y).clamp(-delta, delta)),
        wrong_sign(lambda p, y, delta=1.0: (y - p).clamp(-delta, delta) / p.numel()),
        wrong(
            "error not cut at δ",
            lambda p, y, delta=1.0: (p - y) / p.numel(),
            "beyond δ the loss is a line, so its slope stays at ±δ.",
        ),
        wrong(
            "cut on one side only",
            lambda p, y, delta=1.0: (p - y).clamp(max=delta) / p.numel(),
            "an error of −1000 is cut too, at −δ.",
        ),
        wrong(
            "slope 1 instead of δ beyond δ",
            lambda p, y, delta=1.0: (
                torch.where((p - y).abs() <= delta, p - y, torch.sign(p - y)) / p.numel()
            ),
            "the line is δ|e| − ½δ², and its slope is ±δ.",
        ),
        wrong(
            "e doubled",
            lambda p, y, delta=1.0: (
                torch.where((p - y).abs() <= delta, 2 * (p - y), delta * torch.sign(p - y))
                / p.numel()
            ),
            "the parabola is ½e², and its derivative is e.",
        ),
        wrong(
            "0 beyond δ",
            lambda p, y, delta=1.0: torch.where((p - y).abs() <= delta, p - y, 0 * p) / p.numel(),
            "large errors still pull, with the constant slope ±δ.",
        ),
        delta_ignored(lambda p, y: (p - y).clamp(-1, 1) / p.numel()),
        *everywhere(lambda p, y, delta=1.0: (p - y).clamp(-delta, delta) / p.numel()),
    ],
    hints=[
        "Differentiate each branch: ½e² and δ|e| − ½δ².",
        "The slope is e, but never beyond ±δ: `clamp` does that.",
    ],
)

# pseudo_huber_grad


def pseudo_huber_grad(pred, target, delta=1.0):
    same_shape(pred, target)
    e = pred - target
    return e / (1 + (e / delta) ** 2).sqrt() / pred.numel()


def pseudo_huber_grad_hypot(pred, target, delta=1.0):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = pred - target
    return delta * e / torch.hypot(e, torch.full_like(e, delta)) / e.numel()


def pseudo_huber_grad_angle(pred, target, delta=1.0):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    angle = torch.atan2(pred.double() - target.double(), torch.tensor(delta).double())
    return (delta * angle.sin() / pred.numel()).to(pred.dtype)


PSEUDO_HUBER_GRAD = Exercise(
    name="pseudo_huber_grad",
    points=2,
    minutes=10,
    reference=pseudo_huber_grad,
    visible=visible({}, {"delta": 2.0}, {"delta": 0.5}),
    hidden=lambda draw: hidden(draw, *deltas(draw)),
    alternatives=[pseudo_huber_grad_hypot, pseudo_huber_grad_angle],
    misconceptions=[
        mean_forgotten(
            lambda p, y, delta=1.0: (p - y) / (1 + ((p - y) / delta) ** 2).sqrt(),
        ),
        wrong_sign(
            lambda p, y, delta=1.0: (y - p) / (1 + ((p - y) / delta) ** 2).sqrt() / p.numel(),
        ),
        wrong(
            "inner derivative 1/δ² forgotten",
            lambda p, y, delta=1.0: (
                delta**2 * (p - y) / (1 + ((p - y) / delta) ** 2).sqrt() / p.numel()
            ),
            "the chain rule brings 1/δ² from (e/δ)², and it cancels the δ² in front.",
        ),
        wrong(
            "root forgotten",
            lambda p, y, delta=1.0: (p - y) / (1 + ((p - y) / delta) ** 2) / p.numel(),
            "the derivative of √u is 1/(2√u): the root stays in the denominator.",
        ),
        wrong(
            "½ of the root's derivative left over",
            lambda p, y, delta=1.0: 0.5 * (p - y) / (1 + ((p - y) / delta) ** 2).sqrt() / p.numel(),
            "½ from the root and 2 from the square cancel.",
        ),
        wrong(
            "slope without the root",
            lambda p, y, delta=1.0: (p - y) / p.numel(),
            "for large errors the slope approaches ±δ: divide by √(1 + (e/δ)²).",
        ),
        delta_ignored(lambda p, y: (p - y) / (1 + (p - y) ** 2).sqrt() / p.numel()),
        *everywhere(
            lambda p, y, delta=1.0: (p - y) / (1 + ((p - y) / delta) ** 2).sqrt() / p.numel()
        ),
    ],
    hints=[
        "Chain rule: δ² in front, 1/(2√…) from the root, 2e/δ² from the inside.",
        "Nearly all of it cancels: e/√(1 + (e/δ)²), and 1/N.",
    ],
)

# log_cosh_grad


def log_cosh_grad(pred, target):
    same_shape(pred, target)
    return torch.tanh(pred - target) / pred.numel()


def log_cosh_grad_exp(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    e = pred - target
    small = torch.exp(-2 * e.abs())
    return torch.sign(e) * (1 - small) / (1 + small) / e.numel()


def log_cosh_grad_sigmoid(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    return (2 * torch.sigmoid(2 * (pred - target)) - 1) / pred.numel()


LOG_COSH_GRAD = Exercise(
    name="log_cosh_grad",
    points=1,
    minutes=8,
    reference=log_cosh_grad,
    visible=visible(),
    hidden=hidden,
    alternatives=[log_cosh_grad_exp, log_cosh_grad_sigmoid],
    misconceptions=[
        mean_forgotten(lambda p, y: torch.tanh(p - y)),
        wrong_sign(lambda p, y: torch.tanh(y - p) / p.numel()),
        wrong(
            "sinh/cosh overflows",
            lambda p, y: (p - y).sinh() / (p - y).cosh() / p.numel(),
            "∞/∞ is NaN for an error of 1000: sinh/cosh is tanh, and `torch.tanh` is stable.",
        ),
        wrong(
            "sinh without cosh",
            lambda p, y: (p - y).sinh() / p.numel(),
            "the derivative of ln u is u′/u: divide by cosh.",
        ),
        wrong(
            "derivative of tanh",
            lambda p, y: (1 - torch.tanh(p - y) ** 2) / p.numel(),
            "that is the second derivative; the first one is tanh e.",
        ),
        *everywhere(lambda p, y: torch.tanh(p - y) / p.numel()),
    ],
    hints=["The derivative of ln u is u′/u.", "sinh e / cosh e has a name of its own."],
)

EXERCISES = [
    MSE,
    MAE,
    RMSE,
    MSLE,
    HUBER,
    PSEUDO_HUBER,
    LOG_COSH,
    LP_LOSS,
    MSE_GRAD,
    MAE_GRAD,
    HUBER_GRAD,
    PSEUDO_HUBER_GRAD,
    LOG_COSH_GRAD,
]
