"""Hidden tests of the assignment `activations`."""

import math
from itertools import cycle

import torch

from course.exercises import Case, Exercise, Misconception


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def cases(inputs, options=({},)):
    """One case an input; the keyword arguments go round, tensors in the dtype of the input."""
    return [
        Case(label, (z,), {k: v.to(z.dtype) if torch.is_tensor(v) else v for k, v in how.items()})
        for (label, z), how in zip(inputs, cycle(options))
    ]


VISIBLE = [
    ("four numbers", t(-2, -0.5, 0.5, 2)),
    ("two rows of three, float64", t([-1.5, 0.25, 3], [0.75, -0.2, -4], dtype=torch.float64)),
    ("exact zeros", t(0, 0)),
    ("large numbers", t(-10000, -100, 100, 10000)),
    ("one number, 0-dim", torch.tensor(-0.75)),
]


def inputs(draw):
    """Random tensors with the awkward ones among them. Zeros come alone, as kinks are there."""
    n = draw.integer(5, 12)
    large = (t(-1, -0.1, 0.01, 0.1, 1) * 10 ** draw.number(3.5, 4)).round()
    return [
        ("a vector", draw.normal(n)),
        ("a batch", draw.normal(n, 4, scale=2)),
        ("float64", draw.normal(n, 3, dtype=torch.float64)),
        ("exact zeros", torch.zeros(2, n)),
        ("large magnitudes", large),
        ("a batch of one", draw.normal(1, n)),
        ("three dimensions", draw.normal(3, n, 2)),
        ("a single number, 0-dim", draw.normal()),
        ("ties", draw.normal(2, 1).repeat(1, 4)),
        ("small numbers", draw.normal(n, scale=0.01)),
        ("between −1 and 1, float64", draw.uniform(n, low=-1, dtype=torch.float64)),
        ("large magnitudes, float64", large.double().reshape(5, 1)),
        ("medium magnitudes", draw.normal(n, scale=20)),
    ]


def dyadic(draw, low, high):
    """A parameter that float32 holds exactly, so that `alpha * (z < 0)` is no trap in float64."""
    return draw.integer(round(64 * low), round(64 * high)) / 64


def everywhere(function, mutate=None):
    """Mistakes that are possible in each exercise."""

    def in_place(z, *args, **kwargs):
        result = function(z, *args, **kwargs)
        z.copy_(mutate(z) if mutate else result)
        return result

    return [
        Misconception(
            "argument changed in place",
            in_place,
            "assignments like `z[z < 0] = 0` and methods that end in _ write into the caller's "
            "tensor: make a new one, with `torch.where` or `z.clone()`.",
        ),
        Misconception(
            "float64 thrown away",
            lambda z, *args, **kwargs: function(z.float(), *args, **kwargs),
            "the result has the dtype of `z`; `.float()` makes float32 of float64. "
            "`.to(z.dtype)` keeps it.",
        ),
    ]


def exercise(reference, alternatives, wrong, hints, minutes, points=1, mutate=None, **more):
    """An exercise on tensors of any shape; `wrong` maps a name to function and hint."""
    options = more.pop("options", ({},))
    fresh = more.pop("fresh", lambda draw: options)
    return Exercise(
        name=reference.__name__,
        points=points,
        minutes=minutes,
        reference=reference,
        visible=more.pop("visible", cases(VISIBLE, options)),
        hidden=more.pop("hidden", lambda draw: cases(inputs(draw), fresh(draw))),
        alternatives=alternatives,
        misconceptions=[
            *(Misconception(name, function, hint) for name, (function, hint) in wrong.items()),
            *everywhere(reference, mutate),
        ],
        hints=hints,
        **more,
    )


def one_by_one(function):
    """An alternative that computes number by number, in Python."""

    def loop(z, *args, **kwargs):
        numbers = [function(x, *args, **kwargs) for x in z.reshape(-1).tolist()]
        return torch.tensor(numbers, dtype=z.dtype).reshape(z.shape)

    return loop


def numeric(z, condition):
    return condition.to(z.dtype)


def between(low, high):
    return torch.minimum(low, high), torch.maximum(low, high)


# steps and lines


def unit_step(z):
    return (torch.sign(z) + 1) / 2


UNIT_STEP = exercise(
    unit_step,
    [
        one_by_one(lambda x: 0.0 if x < 0 else 1.0 if x > 0 else 0.5),
        lambda z: torch.where(z > 0, 1.0, torch.where(z < 0, 0.0, 0.5)).to(z.dtype),
        lambda z: ((z > 0).to(z.dtype) + (z >= 0).to(z.dtype)) / 2,
    ],
    {
        "1 at zero": (lambda z: numeric(z, z >= 0), "at 0 this step stands half way, at ½."),
        "0 at zero": (lambda z: numeric(z, z > 0), "at 0 this step stands half way, at ½."),
        "−1 instead of 0": (
            lambda z: torch.sign(z),
            "that is `sign`; the unit step is 0 for negative numbers and ½ at 0.",
        ),
        "falls instead of rising": (
            lambda z: (1 - torch.sign(z)) / 2,
            "negative numbers give 0, positive ones 1.",
        ),
        "true and false instead of numbers": (
            lambda z: z > 0,
            "a comparison gives booleans; numbers of the right dtype come with `.to(z.dtype)`.",
        ),
    },
    [
        "Three cases: z < 0, z = 0, z > 0. How do you write a case distinction for a tensor?",
        "`torch.sign(z)` is −1, 0 or 1. Which line takes −1 to 0, 0 to ½ and 1 to 1?",
    ],
    minutes=4,
    forbidden=("heaviside",),
)


def sign(z):
    return (z > 0).to(z.dtype) - (z < 0).to(z.dtype)


SIGN = exercise(
    sign,
    [
        one_by_one(lambda x: (x > 0) - (x < 0)),
        lambda z: torch.where(z == 0, z, z / z.abs()),
        lambda z: torch.where(z > 0, 1.0, torch.where(z < 0, -1.0, 0.0)).to(z.dtype),
    ],
    {
        "1 at zero": (
            lambda z: torch.where(z >= 0, 1.0, -1.0).to(z.dtype),
            "0 is neither positive nor negative: its sign is 0.",
        ),
        "−1 at zero": (
            lambda z: torch.where(z > 0, 1.0, -1.0).to(z.dtype),
            "0 is neither positive nor negative: its sign is 0.",
        ),
        "z/|z|, which is 0/0 at zero": (
            lambda z: z / z.abs(),
            "0/0 is NaN: treat z = 0 separately, for example with `torch.where`.",
        ),
        "0 instead of −1": (
            lambda z: numeric(z, z > 0),
            "that is a step from 0 to 1; negative numbers have the sign −1.",
        ),
        "sign the other way round": (lambda z: -sign(z), "positive numbers give +1."),
    },
    [
        "`z > 0` is a tensor of booleans, and `.to(z.dtype)` makes 0 and 1 of them.",
        "(z > 0) as numbers, minus (z < 0) as numbers.",
    ],
    minutes=3,
    forbidden=("sign", "sgn"),
)


def piecewise_linear(z):
    return (z + 0.5).clamp(0, 1)


PIECEWISE_LINEAR = exercise(
    piecewise_linear,
    [
        one_by_one(lambda x: min(1.0, max(0.0, x + 0.5))),
        lambda z: torch.where(z < -0.5, 0.0, torch.where(z > 0.5, 1.0, z + 0.5)).to(z.dtype),
        lambda z: ((z + 0.5).abs() - (z - 0.5).abs() + 1) / 2,
    ],
    {
        "½ forgotten": (
            lambda z: z.clamp(0, 1),
            "at z = 0 the value is ½: shift by ½ before you cut.",
        ),
        "shifted the other way": (
            lambda z: (z - 0.5).clamp(0, 1),
            "at z = 0 the value is ½: add ½ before you cut.",
        ),
        "½ added after the cut": (
            lambda z: z.clamp(0, 1) + 0.5,
            "the result lies in [0, 1]: add ½ first, then cut.",
        ),
        "cut below only": (lambda z: (z + 0.5).clamp(min=0), "above 1 it is cut as well."),
        "cut above only": (lambda z: (z + 0.5).clamp(max=1), "below 0 it is cut as well."),
        "cut to [−1, 1]": (
            lambda z: (z + 0.5).clamp(-1, 1),
            "the result lies between 0 and 1, like a probability.",
        ),
    },
    ["First the line z + ½, then cut it at 0 and at 1.", "`clamp(0, 1)` cuts on both sides."],
    minutes=4,
    forbidden=("hardtanh", "hardsigmoid"),
)

# smooth ones


def sigmoid(z):
    return 1 / (1 + torch.exp(-z))


def sigmoid_branches(z):
    small = torch.exp(-z.abs())
    return torch.where(z >= 0, 1 / (1 + small), small / (1 + small))


SIGMOID = exercise(
    sigmoid,
    [
        sigmoid_branches,
        lambda z: (1 + torch.tanh(z / 2)) / 2,
        lambda z: torch.exp(-torch.logaddexp(torch.zeros_like(z), -z)),
        lambda z: (z.double().neg().exp() + 1).reciprocal().to(z.dtype),
    ],
    {
        "e^z/(1 + e^z) overflows": (
            lambda z: z.exp() / (1 + z.exp()),
            "for z = 10 000 this is ∞/∞, NaN. Divide both by e^z: 1/(1 + e^(−z)) is safe.",
        ),
        "minus in the exponent forgotten": (
            lambda z: 1 / (1 + z.exp()),
            "the sigmoid rises: 1/(1 + e^(−z)), with a minus.",
        ),
        "1 + forgotten": (
            lambda z: 1 / torch.exp(-z),
            "the result lies between 0 and 1: the denominator is 1 + e^(−z).",
        ),
        "tanh instead of sigmoid": (
            lambda z: torch.tanh(z),
            "tanh lies between −1 and 1; the sigmoid lies between 0 and 1 and is ½ at 0.",
        ),
        "derivative instead of value": (
            lambda z: torch.exp(-z.abs()) / (1 + torch.exp(-z.abs())) ** 2,
            "that is σ(1 − σ), the derivative; here the value σ is asked.",
        ),
    },
    [
        "`torch.exp(-z)` works on each element.",
        "One line: one divided by one plus the exponential.",
    ],
    minutes=6,
    forbidden=("sigmoid", "expit", "hardsigmoid"),
)


def tanh(z):
    return 2 / (1 + torch.exp(-2 * z)) - 1


def tanh_expm1(z):
    shrunk = torch.expm1(-2 * z.abs())
    return torch.sign(z) * -shrunk / (shrunk + 2)


TANH = exercise(
    tanh,
    [tanh_expm1, one_by_one(math.tanh), lambda z: 2 * torch.sigmoid(2 * z) - 1],
    {
        "the quotient overflows": (
            lambda z: (z.exp() - (-z).exp()) / (z.exp() + (-z).exp()),
            "for z = 10 000 this is ∞/∞, NaN, as is sinh z/cosh z: use 2σ(2z) − 1.",
        ),
        "2σ(z) − 1": (
            lambda z: 2 / (1 + torch.exp(-z)) - 1,
            "that is tanh(z/2): the exponent has a 2, e^(−2z).",
        ),
        "σ(2z) without the shift": (
            lambda z: 1 / (1 + torch.exp(-2 * z)),
            "tanh lies between −1 and 1 and is 0 at 0: stretch by 2 and take 1 off.",
        ),
        "sign the other way round": (
            lambda z: 1 - 2 / (1 + torch.exp(-2 * z)),
            "tanh rises: positive numbers give positive values.",
        ),
        "sinh without cosh": (
            lambda z: z.sinh(),
            "tanh is sinh divided by cosh, and stays between −1 and 1.",
        ),
    },
    [
        "tanh is a sigmoid of 2z, stretched from (0, 1) to (−1, 1).",
        "2σ(2z) − 1, and your `sigmoid` is written already.",
    ],
    minutes=6,
    forbidden=("tanh", "hardtanh"),
)

# rectifiers


def relu(z):
    return z.clamp(min=0)


RELU = exercise(
    relu,
    [
        one_by_one(lambda x: max(0.0, x)),
        lambda z: (z + z.abs()) / 2,
        lambda z: torch.where(z > 0, z, 0),
        lambda z: z * (z > 0),
    ],
    {
        "absolute value": (lambda z: z.abs(), "negative numbers become 0, not positive."),
        "minimum instead of maximum": (lambda z: z.clamp(max=0), "ReLU keeps the positive ones."),
        "cut at 1": (lambda z: z.clamp(0, 1), "ReLU has no upper bound: 3 stays 3."),
        "step instead of ramp": (
            lambda z: numeric(z, z > 0),
            "positive numbers stay what they are; they do not become 1.",
        ),
        "a little slope below 0": (
            lambda z: torch.where(z > 0, z, 0.01 * z),
            "that is the leaky ReLU; ReLU is exactly 0 for negative numbers.",
        ),
    },
    ["The larger one of 0 and z.", "`clamp(min=0)` or `torch.where` do it for each element."],
    minutes=3,
    forbidden=("relu", "relu6", "leaky_relu", "prelu", "rrelu", "threshold", "hardtanh"),
)


def leaky_relu(z, negative_slope=0.01):
    return z.clamp(min=0) + negative_slope * z.clamp(max=0)


SLOPES = ({}, {"negative_slope": 0.25}, {"negative_slope": 0.5})


def slopes(draw):
    return {}, {"negative_slope": dyadic(draw, 0.05, 0.3)}, {"negative_slope": 0.5}


LEAKY_RELU = exercise(
    leaky_relu,
    [
        one_by_one(lambda x, negative_slope=0.01: x if x > 0 else negative_slope * x),
        lambda z, negative_slope=0.01: torch.maximum(z, negative_slope * z),
        lambda z, negative_slope=0.01: torch.relu(z) - negative_slope * torch.relu(-z),
    ],
    {
        "0 below zero": (
            lambda z, negative_slope=0.01: z.clamp(min=0),
            "that is ReLU; the leaky one has a line of slope `negative_slope` below 0.",
        ),
        "slope ignored": (
            lambda z, negative_slope=0.01: torch.where(z >= 0, z, 0.01 * z),
            "0.01 is only the default: use `negative_slope`.",
        ),
        "slope on both sides": (
            lambda z, negative_slope=0.01: negative_slope * z,
            "positive numbers stay as they are.",
        ),
        "sides swapped": (
            lambda z, negative_slope=0.01: torch.where(z < 0, z, negative_slope * z),
            "positive numbers stay as they are, negative ones are scaled.",
        ),
        "minus too many": (
            lambda z, negative_slope=0.01: torch.where(z >= 0, z, -negative_slope * z),
            "a negative z has a negative value: negative_slope·z is negative already.",
        ),
        "constant below zero": (
            lambda z, negative_slope=0.01: torch.where(z >= 0, z, negative_slope).to(z.dtype),
            "below 0 the value is negative_slope·z, a line.",
        ),
    },
    ["Where z is negative the value is `negative_slope * z`.", "`torch.where(condition, a, b)`."],
    minutes=4,
    options=SLOPES,
    fresh=slopes,
    forbidden=("leaky_relu", "prelu", "rrelu"),
)


def prelu(z, alpha):
    return z.clamp(min=0) + alpha * z.clamp(max=0)


def alphas(draw):
    return (
        {"alpha": dyadic(draw, 0.1, 0.4)},
        {"alpha": draw.uniform(low=0.5, high=0.9)},
        {"alpha": -dyadic(draw, 0.2, 0.6)},
        {"alpha": 0.0},
        {"alpha": dyadic(draw, 1.25, 2.0)},
    )


ALPHAS = ({"alpha": 0.25}, {"alpha": torch.tensor(0.5)}, {"alpha": 0.25}, {"alpha": -0.125})

PRELU = exercise(
    prelu,
    [
        one_by_one(lambda x, alpha: x if x > 0 else float(alpha) * x),
        lambda z, alpha: torch.where(z >= 0, z, alpha * z),
        lambda z, alpha: ((1 + alpha) * z + (1 - alpha) * z.abs()) / 2,
    ],
    {
        "alpha always 0.01": (
            lambda z, alpha: torch.where(z >= 0, z, 0.01 * z),
            "the slope below 0 is the argument `alpha`: the network learns it.",
        ),
        "0 below zero": (
            lambda z, alpha: z.clamp(min=0),
            "that is ReLU; below 0 the value is alpha·z.",
        ),
        "the larger one of z and alpha·z": (
            lambda z, alpha: torch.maximum(z, alpha * z),
            "that is the same only up to alpha = 1: ask for the sign of z instead.",
        ),
        "alpha on both sides": (lambda z, alpha: alpha * z, "positive numbers stay as they are."),
        "sides swapped": (
            lambda z, alpha: torch.where(z < 0, z, alpha * z),
            "positive numbers stay as they are, negative ones are scaled.",
        ),
        "minus too many": (
            lambda z, alpha: torch.where(z >= 0, z, -alpha * z),
            "below 0 the value is alpha·z, with the sign that z and alpha give it.",
        ),
    },
    ["It is the leaky ReLU with another name for its slope.", "`torch.where(z >= 0, …, …)`."],
    minutes=3,
    options=ALPHAS,
    fresh=alphas,
    forbidden=("leaky_relu", "prelu", "rrelu"),
)


def elu(z, alpha=1.0):
    return z.clamp(min=0) + alpha * torch.expm1(z.clamp(max=0))


def elu_alphas(draw):
    return {}, {"alpha": dyadic(draw, 0.3, 0.7)}, {"alpha": dyadic(draw, 1.5, 2.5)}


ELU_ALPHAS = ({}, {"alpha": 2.0}, {"alpha": 0.5})

ELU = exercise(
    elu,
    [
        one_by_one(lambda x, alpha=1.0: x if x > 0 else alpha * (math.exp(x) - 1)),
        lambda z, alpha=1.0: torch.where(z >= 0, z, alpha * (z.exp() - 1)),
        lambda z, alpha=1.0: torch.relu(z) + (alpha * (z.exp() - 1)).clamp(max=0),
    ],
    {
        "−1 forgotten": (
            lambda z, alpha=1.0: torch.where(z > 0, z, alpha * z.exp()),
            "at z = 0 both sides meet at 0: the exponential part is e^z − 1.",
        ),
        "alpha ignored": (
            lambda z, alpha=1.0: torch.where(z > 0, z, torch.expm1(z)),
            "this fits alpha = 1 only: the value below 0 is alpha·(e^z − 1).",
        ),
        "alpha on the exponential only": (
            lambda z, alpha=1.0: torch.where(z > 0, z, alpha * z.exp() - 1),
            "alpha multiplies the whole bracket (e^z − 1).",
        ),
        "alpha in the exponent": (
            lambda z, alpha=1.0: torch.where(z > 0, z, torch.expm1(alpha * z)),
            "alpha stands before the bracket; it is the depth that the curve reaches.",
        ),
        "exponential on both sides": (
            lambda z, alpha=1.0: alpha * torch.expm1(z),
            "positive numbers stay as they are.",
        ),
        "0 times infinity": (
            lambda z, alpha=1.0: z * (z > 0) + alpha * (z.exp() - 1) * (z <= 0),
            "for z = 10 000 e^z is ∞, and ∞·0 is NaN: choose with `torch.where`.",
        ),
        "line instead of exponential": (
            lambda z, alpha=1.0: torch.where(z > 0, z, alpha * z),
            "below 0 the curve bends and comes to rest at −alpha.",
        ),
    },
    ["Two branches, and a `torch.where` between them.", "`torch.expm1(z)` is e^z − 1."],
    minutes=6,
    options=ELU_ALPHAS,
    fresh=elu_alphas,
    forbidden=("elu", "celu", "selu"),
)


def swish(z, beta=1.0):
    return z * torch.sigmoid(beta * z)


def betas(draw):
    return {}, {"beta": dyadic(draw, 0.3, 0.7)}, {"beta": dyadic(draw, 1.5, 2.5)}


BETAS = ({}, {"beta": 2.0}, {"beta": 0.5})

SWISH = exercise(
    swish,
    [
        one_by_one(lambda x, beta=1.0: x * (1 + math.tanh(beta * x / 2)) / 2),
        lambda z, beta=1.0: z / (1 + torch.exp(-beta * z)),
        lambda z, beta=1.0: (z.double() * torch.sigmoid(beta * z.double())).to(z.dtype),
    ],
    {
        "beta ignored": (
            lambda z, beta=1.0: z * torch.sigmoid(z),
            "this fits beta = 1 only: beta multiplies z inside the sigmoid.",
        ),
        "factor z forgotten": (
            lambda z, beta=1.0: torch.sigmoid(beta * z),
            "that is a sigmoid; swish multiplies it by z.",
        ),
        "beta outside the sigmoid": (
            lambda z, beta=1.0: beta * z * torch.sigmoid(z),
            "beta belongs inside: z·σ(beta·z).",
        ),
        "beta inside and outside": (
            lambda z, beta=1.0: beta * z * torch.sigmoid(beta * z),
            "beta stands once only, inside the sigmoid; the factor before it is z.",
        ),
        "sign in the exponent": (
            lambda z, beta=1.0: z * torch.sigmoid(-beta * z),
            "for large z swish is nearly z, as σ is nearly 1: no minus before beta.",
        ),
        "e^z/(1 + e^z) overflows": (
            lambda z, beta=1.0: z * (beta * z).exp() / (1 + (beta * z).exp()),
            "for z = 10 000 this is ∞/∞, NaN: the sigmoid as 1/(1 + e^(−z)) is safe.",
        ),
    },
    ["z times your sigmoid of beta·z."],
    minutes=4,
    options=BETAS,
    fresh=betas,
)

# softmax


def softmax(z, dim=-1):
    e = torch.exp(z - z.amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


def softmax_slices(z, dim=-1):
    moved = z.movedim(dim, -1)
    rows = moved.reshape(-1, z.shape[dim]).tolist()
    powers = [[math.exp(x - max(row)) for x in row] for row in rows]
    shares = [[x / sum(row) for x in row] for row in powers]
    return torch.tensor(shares, dtype=z.dtype).reshape(moved.shape).movedim(-1, dim)


def softmax_inputs(draw):
    n, c = draw.integer(5, 9), draw.integer(3, 5)
    far = t(-500, 0, 500)[:, None] + draw.normal(3, c)
    return [
        ("a vector", draw.normal(c), {}),
        ("a batch", draw.normal(n, c), {}),
        ("a batch, dim=0", draw.normal(n, c), {"dim": 0}),
        ("a batch, dim=1", draw.normal(n, c), {"dim": 1}),
        ("as many rows as columns", draw.normal(c, c), {}),
        ("as many rows as columns, dim=-2", draw.normal(c, c), {"dim": -2}),
        ("a batch of one", draw.normal(1, n), {}),
        ("three dimensions, dim=1", draw.normal(2, c, n), {"dim": 1}),
        ("three dimensions", draw.normal(2, n, c), {}),
        ("float64", draw.normal(n, c, dtype=torch.float64), {}),
        ("large logits, float64", draw.normal(n, c, scale=1e4, dtype=torch.float64), {}),
        ("rows far apart", far, {}),
        ("rows very far apart, float64", 20 * far.double(), {}),
        ("columns far apart, dim=0", far.T.contiguous(), {"dim": 0}),
        ("ties", draw.normal(n, 1).repeat(1, c), {}),
        ("exact zeros", torch.zeros(n, c), {}),
    ]


SOFTMAX = exercise(
    softmax,
    [
        softmax_slices,
        lambda z, dim=-1: torch.exp(z - torch.logsumexp(z, dim=dim, keepdim=True)),
        lambda z, dim=-1: softmax(z.double().transpose(dim, -1)).transpose(dim, -1).to(z.dtype),
    ],
    {
        "maximum not subtracted": (
            lambda z, dim=-1: z.exp() / z.exp().sum(dim, keepdim=True),
            "e^10000 is ∞, and ∞/∞ is NaN: subtract the maximum along `dim` first.",
        ),
        "maximum of everything subtracted": (
            lambda z, dim=-1: (z - z.max()).exp() / (z - z.max()).exp().sum(dim, keepdim=True),
            (
                "a row far below the maximum of all becomes 0/0: each row needs its own maximum, "
                "`z.amax(dim, keepdim=True)`."
            ),
        ),
        "dim ignored": (
            lambda z, dim=-1: softmax(z, -1),
            "the sum goes along `dim`, which need not be the last one.",
        ),
        "always along the first dimension": (
            lambda z, dim=-1: softmax(z, 0),
            "the sum goes along `dim`, and that is the last one by default.",
        ),
        "sum over everything": (
            lambda z, dim=-1: (z - z.max()).exp() / (z - z.max()).exp().sum(),
            "each row sums to 1 on its own: sum along `dim` only.",
        ),
        "keepdim forgotten": (
            lambda z, dim=-1: (
                (z - z.amax(dim, keepdim=True)).exp()
                / (z - z.amax(dim, keepdim=True)).exp().sum(dim)
            ),
            "without `keepdim=True` the sums line up with the columns, not with the rows.",
        ),
        "not divided": (
            lambda z, dim=-1: (z - z.amax(dim, keepdim=True)).exp(),
            "the values sum to 1 along `dim`: divide by their sum.",
        ),
        "logarithm of it": (
            lambda z, dim=-1: z - z.logsumexp(dim, keepdim=True),
            "these are log-probabilities; softmax gives the probabilities.",
        ),
    },
    [
        "`torch.exp(z)` first, then divide by its sum along `dim`, with `keepdim=True`.",
        "e^10000 is too large. What changes if you subtract the same number from all of a row?",
        "Nothing changes, so subtract the maximum: `z.amax(dim, keepdim=True)`.",
    ],
    minutes=10,
    points=2,
    visible=[
        Case("four logits", (t(-2, -0.5, 0.5, 2),)),
        Case("two rows of three", (t([1, 2, 3], [3, 0, 0]),)),
        Case("two rows of three, dim=0", (t([1, 2, 3], [3, 0, 0]),), {"dim": 0}),
        Case("two by two, float64", (t([1, 2], [4, 3], dtype=torch.float64),)),
        Case("large logits, rows far apart", (t([500, 499, 0], [-500, -499, -499]),)),
        Case("larger logits, float64", (t(10000, 9999, -10000, dtype=torch.float64),)),
    ],
    hidden=lambda draw: [Case(label, (z,), how) for label, z, how in softmax_inputs(draw)],
    forbidden=("softmax", "log_softmax", "softmin", "safe_softmax", "masked_softmax"),
)

# derivatives


def sigmoid_grad(z):
    s = torch.sigmoid(z)
    return s * (1 - s)


def sigmoid_grad_exp(z):
    small = torch.exp(-z.abs())
    return small / (1 + small) ** 2


SIGMOID_GRAD = exercise(
    sigmoid_grad,
    [
        sigmoid_grad_exp,
        lambda z: (1 - torch.tanh(z / 2) ** 2) / 4,
        lambda z: 0.25 / torch.cosh(z / 2) ** 2,
    ],
    {
        "value instead of derivative": (torch.Tensor.sigmoid, "that is σ; σ′ is σ·(1 − σ)."),
        "z taken for σ(z)": (
            lambda z: z * (1 - z),
            "in σ(1 − σ) stands the value σ(z), not z: apply the sigmoid first.",
        ),
        "rule of tanh": (
            lambda z: 1 - torch.sigmoid(z) ** 2,
            "1 − y² is the rule of tanh; for the sigmoid it is y·(1 − y).",
        ),
        "plus for minus": (
            lambda z: torch.sigmoid(z) * (1 + torch.sigmoid(z)),
            "σ·(1 − σ): at 0 the slope is ½·½ = ¼.",
        ),
        "sign the other way round": (
            lambda z: -sigmoid_grad(z),
            "the sigmoid rises everywhere: its slope is positive.",
        ),
        "the quotient overflows": (
            lambda z: torch.exp(-z) / (1 + torch.exp(-z)) ** 2,
            "for z = −10 000 this is ∞/∞, NaN: σ·(1 − σ) is safe.",
        ),
    },
    ["Write the derivative with the value σ itself.", "σ′ = σ·(1 − σ)."],
    minutes=6,
    forbidden=("sigmoid_backward",),
)


def tanh_grad(z):
    return 1 - torch.tanh(z) ** 2


TANH_GRAD = exercise(
    tanh_grad,
    [
        lambda z: torch.cosh(z) ** -2,
        lambda z: 4 * torch.sigmoid(2 * z) * torch.sigmoid(-2 * z),
        one_by_one(lambda x: (1 + math.tanh(x)) * (1 - math.tanh(x))),
    ],
    {
        "value instead of derivative": (torch.Tensor.tanh, "that is tanh; its slope is 1 − tanh²."),
        "square forgotten": (lambda z: 1 - torch.tanh(z), "it is 1 − tanh², with a square."),
        "z taken for tanh z": (
            lambda z: 1 - z**2,
            "in 1 − y² stands the value y = tanh z: apply tanh first.",
        ),
        "rule of the sigmoid": (
            lambda z: torch.tanh(z) * (1 - torch.tanh(z)),
            "y·(1 − y) is the rule of the sigmoid; for tanh it is 1 − y².",
        ),
        "plus for minus": (
            lambda z: 1 + torch.tanh(z) ** 2,
            "far out tanh is flat: its slope 1 − tanh² goes to 0.",
        ),
        "sign the other way round": (
            lambda z: torch.tanh(z) ** 2 - 1,
            "tanh rises everywhere: its slope is positive.",
        ),
    },
    ["Write the derivative with the value y = tanh z itself.", "1 − y²."],
    minutes=5,
    forbidden=("tanh_backward",),
)


def relu_grad(z):
    return (z > 0).to(z.dtype)


def kink(reference, low, high):
    """Valid answers of a derivative: any slope between `low` and `high` at exactly 0."""

    def valid(z, **kwargs):
        slope = reference(z, **kwargs)
        least, greatest = sorted((low(**kwargs), high(**kwargs)))
        return (
            torch.where(z == 0, least, slope).to(z.dtype),
            torch.where(z == 0, greatest, slope).to(z.dtype),
        )

    return valid


RELU_GRAD = exercise(
    relu_grad,
    [
        one_by_one(lambda x: 1.0 if x >= 0 else 0.0),
        lambda z: torch.sign(z).clamp(min=0),
        lambda z: (torch.sign(z) + 1) / 2,
    ],
    {
        "value instead of derivative": (
            lambda z: z.clamp(min=0),
            "that is ReLU; its slope is 1 for positive z, however large z is.",
        ),
        "−1 below zero": (
            lambda z: torch.sign(z),
            "below 0 ReLU is constant, and the slope of a constant is 0.",
        ),
        "1 everywhere": (torch.ones_like, "below 0 ReLU is constant: its slope there is 0."),
        "sides swapped": (lambda z: numeric(z, z < 0), "the slope is 1 where z is positive."),
        "true and false instead of numbers": (
            lambda z: z > 0,
            "a comparison gives booleans; numbers of the right dtype come with `.to(z.dtype)`.",
        ),
        "relu(z)/z, which is 0/0 at zero": (
            lambda z: z.clamp(min=0) / z,
            "0/0 is NaN. At 0 any slope from 0 to 1 will do, but it has to be a number.",
        ),
    },
    ["What is the slope of a constant, and of the line y = z?", "`(z > 0).to(z.dtype)`."],
    minutes=4,
    valid=kink(relu_grad, lambda: 0.0, lambda: 1.0),
    forbidden=("threshold_backward",),
)


def leaky_relu_grad(z, negative_slope=0.01):
    return torch.where(z >= 0, torch.ones_like(z), negative_slope)


LEAKY_RELU_GRAD = exercise(
    leaky_relu_grad,
    [
        one_by_one(lambda x, negative_slope=0.01: 1.0 if x > 0 else negative_slope),
        lambda z, negative_slope=0.01: (
            torch.ones_like(z) - (1 - negative_slope) * (z <= 0).to(z.dtype)
        ),
        lambda z, negative_slope=0.01: torch.full_like(z, negative_slope).masked_fill(z >= 0, 1),
    ],
    {
        "0 below zero": (
            lambda z, negative_slope=0.01: numeric(z, z >= 0),
            "that is the slope of ReLU; the leaky one has the slope `negative_slope` there.",
        ),
        "slope ignored": (
            lambda z, negative_slope=0.01: torch.where(z >= 0, 1.0, 0.01).to(z.dtype),
            "0.01 is only the default: use `negative_slope`.",
        ),
        "z left over below zero": (
            lambda z, negative_slope=0.01: torch.where(z >= 0, 1.0, negative_slope * z),
            "the derivative of negative_slope·z is negative_slope, without z.",
        ),
        "value instead of derivative": (
            lambda z, negative_slope=0.01: torch.where(z == 0, 1.0, leaky_relu(z, negative_slope)),
            "that is the leaky ReLU; its slope is 1 or `negative_slope`, whatever z is.",
        ),
        "minus too many": (
            lambda z, negative_slope=0.01: torch.where(z >= 0, 1.0, -negative_slope).to(z.dtype),
            "the leaky ReLU rises below 0 as well: the slope is positive.",
        ),
        "sides swapped": (
            lambda z, negative_slope=0.01: torch.where(z <= 0, 1.0, negative_slope).to(z.dtype),
            "the slope is 1 where z is positive.",
        ),
    },
    ["Two lines, two slopes.", "`torch.where(z >= 0, 1.0, negative_slope)`; mind the dtype."],
    minutes=4,
    options=SLOPES,
    fresh=slopes,
    valid=kink(
        leaky_relu_grad, lambda negative_slope=0.01: negative_slope, lambda negative_slope=0.01: 1.0
    ),
    forbidden=("leaky_relu_backward", "rrelu_with_noise_backward"),
)


def elu_grad(z, alpha=1.0):
    return torch.where(z > 0, 1.0, alpha * z.exp())


ELU_GRAD = exercise(
    elu_grad,
    [
        one_by_one(lambda x, alpha=1.0: 1.0 if x >= 0 else alpha * math.exp(x)),
        lambda z, alpha=1.0: torch.where(z >= 0, torch.ones_like(z), elu(z, alpha) + alpha),
        lambda z, alpha=1.0: (z > 0).to(z.dtype) + alpha * (z <= 0) * z.clamp(max=0).exp(),
    ],
    {
        "alpha forgotten": (
            lambda z, alpha=1.0: torch.where(z > 0, 1.0, z.clamp(max=0).exp()).to(z.dtype),
            "the derivative of alpha·(e^z − 1) is alpha·e^z: alpha stays.",
        ),
        "−1 kept": (
            lambda z, alpha=1.0: torch.where(z >= 0, 1.0, alpha * torch.expm1(z)).to(z.dtype),
            "the derivative of the constant −1 is 0: alpha·e^z remains.",
        ),
        "exponential on both sides": (
            lambda z, alpha=1.0: alpha * z.exp(),
            "for positive z the value is z, and its slope is 1.",
        ),
        "value instead of derivative": (
            lambda z, alpha=1.0: torch.where(z == 0, 1.0, elu(z, alpha)).to(z.dtype),
            "that is ELU; its slope is 1 above 0 and alpha·e^z below.",
        ),
        "0 below zero": (
            lambda z, alpha=1.0: numeric(z, z >= 0),
            "that is the slope of ReLU; ELU still rises below 0, with alpha·e^z.",
        ),
        "0 times infinity": (
            lambda z, alpha=1.0: (z > 0) + alpha * z.exp() * (z <= 0),
            "for z = 10 000 e^z is ∞, and ∞·0 is NaN: choose with `torch.where`.",
        ),
        "alpha in the exponent too": (
            lambda z, alpha=1.0: torch.where(z >= 0, 1.0, alpha * (alpha * z).exp()).to(z.dtype),
            "the exponent is z alone: alpha·e^z.",
        ),
    },
    ["Differentiate each branch: z, and alpha·(e^z − 1).", "1 where z > 0, alpha·e^z below."],
    minutes=6,
    options=ELU_ALPHAS,
    fresh=elu_alphas,
    valid=kink(elu_grad, lambda alpha=1.0: alpha, lambda alpha=1.0: 1.0),
    forbidden=("elu_backward",),
)


def swish_grad(z, beta=1.0):
    s = torch.sigmoid(beta * z)
    return s + beta * z * s * (1 - s)


def swish_grad_value(z, beta=1.0):
    s = 1 / (1 + torch.exp(-beta * z))
    value = z * s
    return beta * value + s * (1 - beta * value)


def swish_grad_number(x, beta=1.0):
    th = math.tanh(beta * x / 2)
    return (1 + th) / 2 + beta * x * (1 - th * th) / 4


def half_swish_grad(z, beta, inner, sign=1):
    s = torch.sigmoid(beta * z)
    return s + sign * inner * z * s * (1 - s)


SWISH_GRAD = exercise(
    swish_grad,
    [swish_grad_value, one_by_one(swish_grad_number)],
    {
        "beta from the chain rule forgotten": (
            lambda z, beta=1.0: half_swish_grad(z, beta, 1),
            "σ(beta·z) has the inner derivative beta.",
        ),
        "beta ignored": (
            lambda z, beta=1.0: half_swish_grad(z, 1, 1),
            (
                "this fits beta = 1 only: beta stands inside the sigmoid and, by the chain rule, "
                "before the second term."
            ),
        ),
        "second term of the product rule forgotten": (
            lambda z, beta=1.0: torch.sigmoid(beta * z),
            "z·σ is a product: 1·σ + z·σ′.",
        ),
        "first term of the product rule forgotten": (
            lambda z, beta=1.0: swish_grad(z, beta) - torch.sigmoid(beta * z),
            "z·σ is a product: 1·σ + z·σ′.",
        ),
        "minus in the product rule": (
            lambda z, beta=1.0: half_swish_grad(z, beta, beta, -1),
            "the product rule has a plus: 1·σ + z·σ′.",
        ),
        "value instead of derivative": (
            lambda z, beta=1.0: swish(z, beta),
            "that is swish itself; its slope is σ + z·σ′.",
        ),
    },
    [
        "swish is a product of z and σ(beta·z): which rule do you need?",
        "1·σ(beta·z) + z·(derivative of σ(beta·z)), and the chain rule gives that a beta.",
        "With s = σ(beta·z): s + beta·z·s·(1 − s).",
    ],
    minutes=10,
    points=2,
    options=BETAS,
    fresh=betas,
    forbidden=("silu_backward",),
)


def softmax_jacobian(z):
    s = torch.softmax(z, 0)
    return torch.diag(s) - torch.outer(s, s)


def softmax_jacobian_loop(z):
    s = torch.exp(z - torch.logsumexp(z, dim=0))
    rows = []
    for i in range(len(z)):
        rows.append(torch.stack([s[i] * (float(i == j) - s[j]) for j in range(len(z))]))
    return torch.stack(rows)


def softmax_jacobian_eye(z):
    s = softmax(z.double())
    eye = torch.eye(len(z), dtype=torch.float64)
    return torch.einsum("i,ij->ij", s, eye - s).to(z.dtype)


def vectors(draw):
    n = draw.integer(4, 8)
    return [
        ("a vector", draw.normal(n)),
        ("two logits", draw.normal(2)),
        ("one logit", draw.normal(1)),
        ("ten logits", draw.normal(10, scale=2)),
        ("float64", draw.normal(n, dtype=torch.float64)),
        ("large logits, float64", draw.normal(n, scale=1e4, dtype=torch.float64)),
        ("large but near each other", 500 + draw.normal(n)),
        ("ties", torch.cat([draw.normal(1).repeat(3), draw.normal(2)])),
        ("exact zeros", torch.zeros(n)),
    ]


SOFTMAX_JACOBIAN = exercise(
    softmax_jacobian,
    [softmax_jacobian_loop, softmax_jacobian_eye],
    {
        "diagonal only": (
            lambda z: torch.diag(softmax(z) * (1 - softmax(z))),
            "each logit moves every probability: off the diagonal stands −sᵢ·sⱼ.",
        ),
        "a vector instead of a matrix": (
            lambda z: softmax(z) * (1 - softmax(z)),
            "there is one derivative for each pair of an output and a logit: shape (C, C).",
        ),
        "diagonal forgotten": (
            lambda z: -torch.outer(softmax(z), softmax(z)),
            "on the diagonal sᵢ comes on top: diag(s) − s sᵀ.",
        ),
        "sign the other way round": (
            lambda z: -softmax_jacobian(z),
            "a larger logit makes its own probability larger: the diagonal is positive.",
        ),
        "plus for minus": (
            lambda z: torch.diag(softmax(z)) + torch.outer(softmax(z), softmax(z)),
            "the probabilities sum to 1, so each row of derivatives sums to 0: diag(s) − s sᵀ.",
        ),
        "1 on the diagonal": (
            lambda z: torch.eye(len(z), dtype=z.dtype) - torch.outer(softmax(z), softmax(z)),
            "sᵢ·(δᵢⱼ − sⱼ): the factor sᵢ belongs to δᵢⱼ as well.",
        ),
        "maximum not subtracted": (
            lambda z: (
                torch.diag(z.exp() / z.exp().sum())
                - torch.outer(z.exp() / z.exp().sum(), z.exp() / z.exp().sum())
            ),
            "e^10000 is ∞, and ∞/∞ is NaN: use a softmax that subtracts the maximum first.",
        ),
    },
    [
        "Write s = softmax(z) first. Then ∂sᵢ/∂zⱼ = sᵢ·(δᵢⱼ − sⱼ).",
        "`torch.diag(s)` makes a diagonal matrix, `torch.outer(s, s)` all products.",
    ],
    minutes=12,
    points=2,
    mutate=softmax,
    visible=cases(
        [
            ("three logits", t(1, 2, 3)),
            ("two equal logits, float64", t(0.5, 0.5, dtype=torch.float64)),
            ("one logit", t(2.0)),
            ("large logits", t(10000, 9000, -10000)),
            ("large but near each other", t(500, 499, 501)),
        ]
    ),
    hidden=lambda draw: cases(vectors(draw)),
    forbidden=("softmax_backward_data", "log_softmax_backward_data"),
)


def prelu_alpha_grad(z, alpha):
    return z.clamp(max=0)


PRELU_ALPHA_GRAD = exercise(
    prelu_alpha_grad,
    [
        one_by_one(lambda x, alpha: x if x < 0 else 0.0),
        lambda z, alpha: (z - z.abs()) / 2,
        lambda z, alpha: torch.where(z >= 0, torch.zeros_like(z), z),
    ],
    {
        "derivative with respect to z": (
            lambda z, alpha: torch.where(z > 0, 1.0, alpha).to(z.dtype),
            "here alpha moves and z stays: the derivative of alpha·z with respect to alpha is z.",
        ),
        "sides swapped": (
            lambda z, alpha: z.clamp(min=0),
            "alpha acts only where z is negative; for positive z the value is z without alpha.",
        ),
        "z on both sides": (
            lambda z, alpha: z.clone(),
            "for positive z the value does not depend on alpha: the derivative is 0.",
        ),
        "sign the other way round": (
            lambda z, alpha: (-z).clamp(min=0),
            "the derivative of alpha·z is z, and there z is negative.",
        ),
        "value instead of derivative": (
            lambda z, alpha: prelu(z, alpha),
            "that is PReLU itself; differentiate each branch with respect to alpha.",
        ),
        "alpha left over": (
            lambda z, alpha: alpha * z.clamp(max=0),
            "the derivative of alpha·z with respect to alpha is z, without alpha.",
        ),
        "summed": (
            lambda z, alpha: z.clamp(max=0).sum(),
            "the sum over all elements comes later; here the result has the shape of z.",
        ),
    },
    [
        "Which variable moves, and which one is a constant here?",
        "alpha·z is a line in alpha with slope z; z alone does not depend on alpha.",
    ],
    minutes=6,
    options=ALPHAS,
    fresh=alphas,
    forbidden=("prelu_kernel_backward",),
)


def dead_fraction(A):
    return (A == 0).all(dim=0).to(A.dtype).mean()


def dead_fraction_loop(A):
    dead = 0
    for unit in A.T:
        dead += int(unit.max() == 0)
    return torch.tensor(dead / A.shape[1], dtype=A.dtype)


def layers(draw):
    """ReLU outputs of which the first units are dead."""

    def layer(n, units, dead, dtype=torch.float32, scale=1.0):
        A = draw.normal(n, units, scale=scale, dtype=dtype).clamp(min=0)
        A[0] += scale * (A[0] == 0)
        A[:, :dead] = 0
        return A[:, torch.randperm(units, generator=draw.generator)]

    n, units = draw.integer(5, 9), draw.integer(6, 12)
    late = layer(n, units, 2)
    late[:-1, 0], late[-1, 0] = 0, 1
    return [
        ("a unit that only the last sample reaches", late),
        ("some dead units", layer(n, units, 2)),
        ("as many samples as units", layer(n, n, 3)),
        ("no dead unit", layer(n, units, 0)),
        ("all units dead", torch.zeros(n, units)),
        ("a batch of one", draw.normal(1, units).clamp(min=0)),
        ("one unit", layer(n, 1, 0)),
        ("float64", layer(n, units, 1, dtype=torch.float64)),
        ("very small outputs", layer(n, units, 3, scale=1e-6)),
        ("large outputs", layer(n, units, 4, scale=1e4)),
        ("a sample on which all are 0", torch.cat([layer(n, units, 1), torch.zeros(1, units)])),
    ]


DEAD_FRACTION = exercise(
    dead_fraction,
    [
        dead_fraction_loop,
        lambda A: 1 - (A.amax(dim=0) > 0).to(A.dtype).mean(),
        lambda A: (A.sum(0) == 0).sum().to(A.dtype) / A.size(1),
        lambda A: torch.tensor(
            sum(not any(column) for column in A.T.tolist()) / A.shape[1], dtype=A.dtype
        ),
    ],
    {
        "share of zeros": (
            lambda A: (A == 0).to(A.dtype).mean(),
            "a unit that is 0 on one sample is not dead yet: it has to be 0 on every sample.",
        ),
        "0 on any sample": (
            lambda A: (A == 0).any(dim=0).to(A.dtype).mean(),
            "a unit is dead if it is 0 on all samples, not on one of them.",
        ),
        "samples instead of units": (
            lambda A: (A == 0).all(dim=1).to(A.dtype).mean(),
            "rows are samples, columns are units: look along dimension 0.",
        ),
        "count instead of share": (
            lambda A: (A == 0).all(dim=0).to(A.dtype).sum(),
            "divide by the number of units.",
        ),
        "divided by the samples": (
            lambda A: (A == 0).all(dim=0).to(A.dtype).sum() / len(A),
            "the share of the units: divide by H, the number of columns.",
        ),
        "share of the living units": (
            lambda A: 1 - dead_fraction(A),
            "these are the units that are positive at least once; the others are asked.",
        ),
        "only the first sample looked at": (
            lambda A: (A[0] == 0).to(A.dtype).mean(),
            "a unit is dead if it is 0 on all samples: go down the whole column.",
        ),
        "only the last sample looked at": (
            lambda A: (A[-1] == 0).to(A.dtype).mean(),
            "a unit is dead if it is 0 on all samples: go down the whole column.",
        ),
        "tiny outputs taken for 0": (
            lambda A: (A < 1e-3).all(dim=0).to(A.dtype).mean(),
            "an output of 0.000 001 is not 0: the unit still learns.",
        ),
    },
    [
        "`A == 0` marks the zeros. When is a whole column zero?",
        "`.all(dim=0)` goes down the columns; the mean of 0 and 1 is a share.",
    ],
    minutes=6,
    mutate=lambda A: A == 0,
    visible=cases(
        [
            ("three samples, four units", t([0, 1, 0, 2], [0, 0, 0, 1], [0, 3, 0.5, 0])),
            ("two by two, float64", t([0, 1], [0, 2], dtype=torch.float64)),
            ("one sample", t([0, 0, 4])),
            ("tiny outputs", t([1e-6, 0], [0, 0])),
        ]
    ),
    hidden=lambda draw: cases(layers(draw)),
)

EXERCISES = [
    UNIT_STEP,
    SIGN,
    PIECEWISE_LINEAR,
    SIGMOID,
    TANH,
    RELU,
    LEAKY_RELU,
    PRELU,
    ELU,
    SWISH,
    SOFTMAX,
    SIGMOID_GRAD,
    TANH_GRAD,
    RELU_GRAD,
    LEAKY_RELU_GRAD,
    ELU_GRAD,
    SWISH_GRAD,
    SOFTMAX_JACOBIAN,
    PRELU_ALPHA_GRAD,
    DEAD_FRACTION,
]
