"""Hidden tests of the assignment `initializers`.

Random weights are judged by the moments of some ten thousand draws a case. The bounds are such
that a correct initializer fails the whole assignment by chance less than once in a million times:
`tests/test_initializer_bounds.py` computes it.
"""

import math
from itertools import cycle

import torch

from course.exercises import Case, Exercise, Misconception
from course.views import normal_moments, uniform_moments


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


# Random weights: normal or uniform, with a scale that depends on fan_in and fan_out.


def visible_layers(**options):
    layers = [("200 inputs, 50 outputs", 200, 50), ("40 inputs, 300 outputs", 40, 300)]
    return [Case(label, sizes, {"seed": 3, **options}) for label, *sizes in layers]


def hidden_layers(draw, *options):
    """Layers of about ten thousand weights; the extra keyword arguments go round."""
    layers = [
        ("more inputs than outputs", draw.integer(180, 220), draw.integer(56, 70)),
        ("more outputs than inputs", draw.integer(40, 50), draw.integer(250, 300)),
        ("as many inputs as outputs", side := draw.integer(101, 120), side),
        ("one input", 1, draw.integer(10_000, 11_000)),
        ("two outputs", draw.integer(5000, 5500), 2),
    ]
    options = options or ({},)
    return [
        Case(label, sizes, {"seed": draw.integer(0, 10**6), **options[i % len(options)]})
        for i, (label, *sizes) in enumerate(layers)
    ]


def uniform(fan_in, fan_out, low, high, generator=None):
    return low + (high - low) * torch.rand(fan_in, fan_out, generator=generator)


def normal(fan_in, fan_out, std, generator=None):
    return std * torch.randn(fan_in, fan_out, generator=generator)


def draws_uniform(low, high):
    """A misconception's function: U[low, high]; numbers, or functions of fan_in and fan_out."""

    def function(fan_in, fan_out, generator=None, **options):
        ends = [end(fan_in, fan_out, **options) if callable(end) else end for end in (low, high)]
        return uniform(fan_in, fan_out, *ends, generator)

    return function


def draws_normal(std):
    """A misconception's function: N(0, std²); a number, or a function of fan_in and fan_out."""

    def function(fan_in, fan_out, generator=None, **options):
        scale = std(fan_in, fan_out, **options) if callable(std) else std
        return normal(fan_in, fan_out, scale, generator)

    return function


def between(bound):
    """A misconception's function: U[−bound, bound]."""
    return draws_uniform(lambda *fans: -bound(*fans), bound)


def is_uniform(low, high):
    """`valid` of U[low, high]."""

    def valid(fan_in, fan_out, seed=0):
        ends = [end(fan_in, fan_out) if callable(end) else end for end in (low, high)]
        return uniform_moments(*ends, (fan_in, fan_out))

    return valid


def is_normal(std):
    """`valid` of N(0, std²)."""

    def valid(fan_in, fan_out, seed=0, **options):
        return normal_moments(std(fan_in, fan_out, **options), (fan_in, fan_out))

    return valid


def of_draws(function):
    """Mistakes that are possible with any random weights; `function` is right."""

    def transposed(fan_in, fan_out, generator=None, **options):
        return function(fan_in, fan_out, generator=generator, **options).T

    def in_float64(fan_in, fan_out, generator=None, **options):
        return function(fan_in, fan_out, generator=generator, **options).double()

    turns = cycle(range(3))  # of the three draws of a case; the same ones in every release

    def generator_ignored(fan_in, fan_out, generator=None, **options):
        own = torch.Generator().manual_seed(next(turns))
        return function(fan_in, fan_out, generator=own, **options)

    def one_column(fan_in, fan_out, generator=None, **options):
        column = function(fan_in, fan_out, generator=generator, **options)[:, :1]
        return column.expand(fan_in, fan_out)

    return [
        Misconception(
            "shape transposed",
            transposed,
            "`X @ W` needs W of shape (fan_in, fan_out): a row for each input. "
            "(`nn.Linear` stores the transposed matrix.)",
        ),
        Misconception(
            "float64 instead of float32",
            in_float64,
            "weights are float32 here. `.double()`, `dtype=torch.float64` or a detour by NumPy "
            "make float64.",
        ),
        Misconception(
            "generator ignored",
            generator_ignored,
            "two generators with the same seed gave different weights: pass `generator=generator` "
            "to the function that draws.",
        ),
        Misconception(
            "the same weights for every unit",
            one_column,
            "every column is a copy of the first, so all units of the layer stay equal for ever: "
            "draw all fan_in · fan_out numbers.",
        ),
    ]


# zeros_init


def zeros_init(fan_in, fan_out, generator=None):
    return torch.zeros(fan_in, fan_out)


def zeros_init_fill(fan_in, fan_out, generator=None):
    return torch.empty((fan_in, fan_out)).fill_(0)


def zeros_init_list(fan_in, fan_out, generator=None):
    return torch.tensor([[0.0] * fan_out for _ in range(fan_in)])


ZEROS_INIT = Exercise(
    name="zeros_init",
    points=1,
    minutes=3,
    reference=zeros_init,
    visible=[
        Case("3 inputs, 2 outputs", (3, 2)),
        Case("1 input, 4 outputs", (1, 4)),
        Case("generator given as None", (2, 5), {"generator": None}),
    ],
    hidden=lambda draw: [
        Case("more inputs", (draw.integer(6, 12), draw.integer(2, 5))),
        Case("more outputs", (draw.integer(2, 5), draw.integer(6, 12))),
        Case("one output", (draw.integer(2, 5), 1)),
        Case("one weight", (1, 1), {"generator": None}),
    ],
    alternatives=[zeros_init_fill, zeros_init_list],
    misconceptions=[
        Misconception(
            "shape transposed",
            lambda fan_in, fan_out, generator=None: torch.zeros(fan_out, fan_in),
            "`X @ W` needs W of shape (fan_in, fan_out): a row for each input.",
        ),
        Misconception(
            "ones",
            lambda fan_in, fan_out, generator=None: torch.ones(fan_in, fan_out),
            "these are ones; asked are zeros.",
        ),
        Misconception(
            "float64 instead of float32",
            lambda fan_in, fan_out, generator=None: torch.zeros(fan_in, fan_out).double(),
            "weights are float32 here.",
        ),
        Misconception(
            "whole numbers",
            lambda fan_in, fan_out, generator=None: torch.zeros(fan_in, fan_out).long(),
            "integers cannot be trained: make float32 zeros, 0.0 instead of 0.",
        ),
        Misconception(
            "one long vector",
            lambda fan_in, fan_out, generator=None: torch.zeros(fan_in * fan_out),
            "the weights of a layer are a matrix: two dimensions, (fan_in, fan_out).",
        ),
    ],
    hints=["torch has a function that makes zeros of a given shape."],
)

# uniform01_init


def uniform01_init(fan_in, fan_out, generator=None):
    return torch.rand(fan_in, fan_out, generator=generator)


def uniform01_init_fill(fan_in, fan_out, generator=None):
    return torch.empty(fan_in, fan_out).uniform_(generator=generator)


def uniform01_init_rows(fan_in, fan_out, generator=None):
    rows = [torch.rand(fan_out, generator=generator) for _ in range(fan_in)]
    return torch.stack(rows)


UNIFORM01_INIT = Exercise(
    name="uniform01_init",
    points=1,
    minutes=4,
    reference=uniform01_init,
    driver="seeded",
    view="moments",
    seconds=30,
    valid=is_uniform(0.0, 1.0),
    visible=visible_layers(),
    hidden=hidden_layers,
    alternatives=[uniform01_init_fill, uniform01_init_rows],
    misconceptions=[
        Misconception(
            "U[−1, 1] instead of U[0, 1]",
            draws_uniform(-1.0, 1.0),
            "half of these numbers are negative; asked are numbers from 0 to 1.",
        ),
        Misconception(
            "normal instead of uniform",
            draws_normal(1.0),
            "`randn` draws normal numbers, `rand` uniform ones: the n makes the difference.",
        ),
        Misconception(
            "only 0 and 1",
            lambda fan_in, fan_out, generator=None: torch.randint(
                0, 2, (fan_in, fan_out), generator=generator
            ).float(),
            "these are the ends of the interval only; asked is everything between them.",
        ),
        Misconception(
            "zeros",
            lambda fan_in, fan_out, generator=None: torch.zeros(fan_in, fan_out),
            "all weights are 0: has anything been drawn?",
        ),
        *of_draws(uniform01_init),
    ],
    hints=["`torch.rand` takes the shape and `generator=`."],
)

# uniform_pm1_init


def uniform_pm1_init(fan_in, fan_out, generator=None):
    return 2 * torch.rand(fan_in, fan_out, generator=generator) - 1


def uniform_pm1_init_fill(fan_in, fan_out, generator=None):
    return torch.zeros(fan_in, fan_out).uniform_(-1, 1, generator=generator)


def uniform_pm1_init_lerp(fan_in, fan_out, generator=None):
    share = torch.rand(fan_in, fan_out, generator=generator, dtype=torch.float64)
    return torch.lerp(-torch.ones_like(share), torch.ones_like(share), share).float()


UNIFORM_PM1_INIT = Exercise(
    name="uniform_pm1_init",
    points=1,
    minutes=4,
    reference=uniform_pm1_init,
    driver="seeded",
    view="moments",
    seconds=30,
    valid=is_uniform(-1.0, 1.0),
    visible=visible_layers(),
    hidden=hidden_layers,
    alternatives=[uniform_pm1_init_fill, uniform_pm1_init_lerp],
    misconceptions=[
        Misconception(
            "U[0, 1] instead of U[−1, 1]",
            draws_uniform(0.0, 1.0),
            "no number is negative: stretch [0, 1] to length 2, then move it to the left by 1.",
        ),
        Misconception(
            "moved, but not stretched",
            draws_uniform(-0.5, 0.5),
            "rand − ½ lies in [−½, ½]: the interval from −1 to 1 is twice as long.",
        ),
        Misconception(
            "moved by 1, but not stretched",
            draws_uniform(-1.0, 0.0),
            "rand − 1 lies in [−1, 0]: multiply by 2 first.",
        ),
        Misconception(
            "normal instead of uniform",
            draws_normal(1.0),
            "`randn` draws normal numbers, `rand` uniform ones: the n makes the difference.",
        ),
        Misconception(
            "only −1 and +1",
            lambda fan_in, fan_out, generator=None: torch.randn(
                fan_in, fan_out, generator=generator
            ).sign(),
            "these are the ends of the interval only; asked is everything between them.",
        ),
        *of_draws(uniform_pm1_init),
    ],
    hints=[
        "Which straight line takes 0 to −1 and 1 to +1?",
        "`2 * torch.rand(…) - 1`, or `uniform_(-1, 1, generator=…)` on an empty tensor.",
    ],
)

# normal_init


def normal_init(fan_in, fan_out, std=0.01, generator=None):
    return std * torch.randn(fan_in, fan_out, generator=generator)


def normal_init_fill(fan_in, fan_out, std=0.01, generator=None):
    return torch.empty(fan_in, fan_out).normal_(mean=0, std=std, generator=generator)


def normal_init_torch(fan_in, fan_out, std=0.01, generator=None):
    scale = torch.full((fan_in, fan_out), std)
    return torch.normal(torch.zeros(fan_in, fan_out), scale, generator=generator)


NORMAL_INIT = Exercise(
    name="normal_init",
    points=1,
    minutes=6,
    reference=normal_init,
    driver="seeded",
    view="moments",
    seconds=30,
    valid=is_normal(lambda fan_in, fan_out, std=0.01: std),
    visible=[*visible_layers(), Case("std=0.5", (100, 120), {"seed": 3, "std": 0.5})],
    hidden=lambda draw: hidden_layers(
        draw, {}, {"std": draw.number(0.1, 0.5)}, {"std": draw.number(1.5, 3)}
    ),
    alternatives=[normal_init_fill, normal_init_torch],
    misconceptions=[
        Misconception(
            "std taken for the variance",
            draws_normal(lambda fan_in, fan_out, std=0.01: math.sqrt(std)),
            "`std` is the standard deviation already: multiply standard normal numbers by it, "
            "without a root.",
        ),
        Misconception(
            "variance taken for std",
            draws_normal(lambda fan_in, fan_out, std=0.01: std**2),
            "std² is the variance; numbers are scaled by the standard deviation itself.",
        ),
        Misconception(
            "std ignored",
            draws_normal(0.01),
            "this fits std = 0.01 only: use the argument `std`.",
        ),
        Misconception(
            "standard deviation 1",
            draws_normal(1.0),
            "`randn` draws N(0, 1): multiply by `std`.",
        ),
        Misconception(
            "uniform instead of normal",
            draws_uniform(
                lambda fan_in, fan_out, std=0.01: -std, lambda fan_in, fan_out, std=0.01: std
            ),
            "no number is farther than `std` from 0; of normal numbers one in three is. "
            "`randn`, not `rand`.",
        ),
        *of_draws(normal_init),
    ],
    hints=[
        "`torch.randn` draws with standard deviation 1. What does a factor do to it?",
        "`std * torch.randn(fan_in, fan_out, generator=generator)`",
    ],
)

# fan_in_uniform_init


def fan_in_uniform_init(fan_in, fan_out, generator=None):
    bound = 1 / fan_in**0.5
    return bound * (2 * torch.rand(fan_in, fan_out, generator=generator) - 1)


def fan_in_uniform_init_fill(fan_in, fan_out, generator=None):
    bound = math.sqrt(1 / fan_in)
    return torch.empty(fan_in, fan_out).uniform_(-bound, bound, generator=generator)


def fan_in_uniform_init_divide(fan_in, fan_out, generator=None):
    share = torch.rand((fan_in, fan_out), generator=generator)
    return (share - 0.5) * 2 / torch.tensor(float(fan_in)).sqrt()


FAN_IN_UNIFORM_INIT = Exercise(
    name="fan_in_uniform_init",
    points=1,
    minutes=6,
    reference=fan_in_uniform_init,
    driver="seeded",
    view="moments",
    seconds=30,
    valid=is_uniform(lambda fan_in, fan_out: -(fan_in**-0.5), lambda fan_in, fan_out: fan_in**-0.5),
    visible=visible_layers(),
    hidden=hidden_layers,
    alternatives=[fan_in_uniform_init_fill, fan_in_uniform_init_divide],
    misconceptions=[
        Misconception(
            "fan_out instead of fan_in",
            between(lambda fan_in, fan_out: fan_out**-0.5),
            "the sum in a unit has one term for each of its inputs: √fan_in.",
        ),
        Misconception(
            "root forgotten",
            between(lambda fan_in, fan_out: 1 / fan_in),
            "the bound is 1/√fan_in, not 1/fan_in.",
        ),
        Misconception(
            "no negative weights",
            draws_uniform(0.0, lambda fan_in, fan_out: fan_in**-0.5),
            "the interval reaches from −1/√fan_in to +1/√fan_in.",
        ),
        Misconception(
            "from −1 instead of −1/√fan_in",
            draws_uniform(-1.0, lambda fan_in, fan_out: fan_in**-0.5),
            "the interval is symmetric around 0: both ends are 1/√fan_in away.",
        ),
        Misconception(
            "normal instead of uniform",
            draws_normal(lambda fan_in, fan_out: fan_in**-0.5),
            "these numbers have no bounds: uniform ones are asked.",
        ),
        Misconception(
            "bound taken for the standard deviation",
            between(lambda fan_in, fan_out: (3 / fan_in) ** 0.5),
            "here 1/√fan_in is the end of the interval; the standard deviation is smaller by √3.",
        ),
        *of_draws(fan_in_uniform_init),
    ],
    hints=[
        "Your `uniform_pm1_init`, made narrower.",
        "Multiply numbers of U[−1, 1] by 1/√fan_in.",
    ],
)

# xavier_normal_init


def xavier_normal_init(fan_in, fan_out, generator=None):
    std = (2 / (fan_in + fan_out)) ** 0.5
    return std * torch.randn(fan_in, fan_out, generator=generator)


def xavier_normal_init_fill(fan_in, fan_out, generator=None):
    std = math.sqrt(2 / (fan_in + fan_out))
    return torch.empty(fan_in, fan_out).normal_(0, std, generator=generator)


def xavier_normal_init_mean(fan_in, fan_out, generator=None):
    mean_fan = torch.tensor([fan_in, fan_out], dtype=torch.float64).mean()
    return torch.randn(fan_in, fan_out, generator=generator).div(mean_fan.sqrt()).float()


def xavier_std(fan_in, fan_out):
    return math.sqrt(2 / (fan_in + fan_out))


def he_std(fan_in, fan_out):
    return math.sqrt(2 / fan_in)


XAVIER_NORMAL_INIT = Exercise(
    name="xavier_normal_init",
    points=2,
    minutes=8,
    reference=xavier_normal_init,
    driver="seeded",
    view="moments",
    seconds=30,
    valid=is_normal(xavier_std),
    visible=visible_layers(),
    hidden=hidden_layers,
    alternatives=[xavier_normal_init_fill, xavier_normal_init_mean],
    misconceptions=[
        Misconception(
            "variance taken for std",
            draws_normal(lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
            "2/(fan_in + fan_out) is the variance; numbers are scaled by its root.",
        ),
        Misconception(
            "2 forgotten",
            draws_normal(lambda fan_in, fan_out: (fan_in + fan_out) ** -0.5),
            "the variance is one over the *mean* of fan_in and fan_out: 2/(fan_in + fan_out).",
        ),
        Misconception(
            "fan_in only",
            draws_normal(he_std),
            "√(2/fan_in) is He's; Xavier takes fan_in + fan_out.",
        ),
        Misconception(
            "fan_out only",
            draws_normal(lambda fan_in, fan_out: math.sqrt(2 / fan_out)),
            "both fans count: fan_in + fan_out.",
        ),
        Misconception(
            "√6 of the uniform version",
            draws_normal(lambda fan_in, fan_out: math.sqrt(6 / (fan_in + fan_out))),
            "√(6/(fan_in + fan_out)) is the bound of the uniform version; here the standard "
            "deviation is asked.",
        ),
        Misconception(
            "uniform instead of normal",
            between(xavier_std),
            "these numbers end at ±√(2/(fan_in + fan_out)); normal ones have no bound.",
        ),
        *of_draws(xavier_normal_init),
    ],
    hints=[
        "Which of variance and standard deviation is a normal number multiplied by?",
        "std = √(2/(fan_in + fan_out)); your `normal_init` takes it as `std`.",
    ],
)

# xavier_uniform_init


def xavier_uniform_init(fan_in, fan_out, generator=None):
    bound = (6 / (fan_in + fan_out)) ** 0.5
    return bound * (2 * torch.rand(fan_in, fan_out, generator=generator) - 1)


def xavier_uniform_init_fill(fan_in, fan_out, generator=None):
    bound = 6**0.5 / (fan_in + fan_out) ** 0.5
    return torch.empty(fan_in, fan_out).uniform_(-bound, bound, generator=generator)


def xavier_uniform_init_std(fan_in, fan_out, generator=None):
    share = torch.rand(fan_in, fan_out, generator=generator).double()
    unit_std = (share - 0.5) * math.sqrt(12)
    return (unit_std * math.sqrt(2 / (fan_in + fan_out))).to(torch.float32)


def xavier_bound(fan_in, fan_out):
    return math.sqrt(6 / (fan_in + fan_out))


XAVIER_UNIFORM_INIT = Exercise(
    name="xavier_uniform_init",
    points=2,
    minutes=8,
    reference=xavier_uniform_init,
    driver="seeded",
    view="moments",
    seconds=30,
    valid=is_uniform(lambda *fans: -xavier_bound(*fans), xavier_bound),
    visible=visible_layers(),
    hidden=hidden_layers,
    alternatives=[xavier_uniform_init_fill, xavier_uniform_init_std],
    misconceptions=[
        Misconception(
            "standard deviation taken for the bound",
            between(xavier_std),
            "U[−a, a] has the standard deviation a/√3, so a must be larger by √3: "
            "√(6/(fan_in + fan_out)).",
        ),
        Misconception(
            "root forgotten",
            between(lambda fan_in, fan_out: 6 / (fan_in + fan_out)),
            "the bound is the root of 6/(fan_in + fan_out).",
        ),
        Misconception(
            "fan_in only",
            between(lambda fan_in, fan_out: math.sqrt(6 / fan_in)),
            "√(6/fan_in) is He's; Xavier takes fan_in + fan_out.",
        ),
        Misconception(
            "fan_out only",
            between(lambda fan_in, fan_out: math.sqrt(6 / fan_out)),
            "both fans count: fan_in + fan_out.",
        ),
        Misconception(
            "no negative weights",
            draws_uniform(0.0, xavier_bound),
            "the interval reaches from −a to +a.",
        ),
        Misconception(
            "normal instead of uniform",
            draws_normal(xavier_std),
            "this is the normal version, with the right variance; asked are uniform numbers.",
        ),
        Misconception(
            "bound taken for the standard deviation",
            draws_normal(xavier_bound),
            "√(6/(fan_in + fan_out)) is the end of an interval: draw uniform numbers.",
        ),
        *of_draws(xavier_uniform_init),
    ],
    hints=[
        "U[−a, a] has the variance a²/3. For which a is that 2/(fan_in + fan_out)?",
        "a = √(6/(fan_in + fan_out)); multiply numbers of U[−1, 1] by it.",
    ],
)

# he_normal_init


def he_normal_init(fan_in, fan_out, generator=None):
    return (2 / fan_in) ** 0.5 * torch.randn(fan_in, fan_out, generator=generator)


def he_normal_init_fill(fan_in, fan_out, generator=None):
    weights = torch.empty(fan_in, fan_out)
    weights.normal_(std=math.sqrt(2 / fan_in), generator=generator)
    return weights


def he_normal_init_divide(fan_in, fan_out, generator=None):
    draw = torch.randn(fan_in * fan_out, generator=generator, dtype=torch.float64)
    return (draw / (fan_in / 2) ** 0.5).float().reshape(fan_in, fan_out)


HE_NORMAL_INIT = Exercise(
    name="he_normal_init",
    points=1,
    minutes=6,
    reference=he_normal_init,
    driver="seeded",
    view="moments",
    seconds=30,
    valid=is_normal(he_std),
    visible=visible_layers(),
    hidden=hidden_layers,
    alternatives=[he_normal_init_fill, he_normal_init_divide],
    misconceptions=[
        Misconception(
            "variance taken for std",
            draws_normal(lambda fan_in, fan_out: 2 / fan_in),
            "2/fan_in is the variance; numbers are scaled by its root.",
        ),
        Misconception(
            "fan_out instead of fan_in",
            draws_normal(lambda fan_in, fan_out: math.sqrt(2 / fan_out)),
            "the sum in a unit has one term for each of its inputs: fan_in.",
        ),
        Misconception(
            "2 forgotten",
            draws_normal(lambda fan_in, fan_out: fan_in**-0.5),
            "ReLU sets half of the values to 0, and the 2 makes up for it: √(2/fan_in).",
        ),
        Misconception(
            "Xavier instead of He",
            draws_normal(xavier_std),
            "√(2/(fan_in + fan_out)) is Xavier's; He takes fan_in alone.",
        ),
        Misconception(
            "uniform instead of normal",
            between(he_std),
            "these numbers end at ±√(2/fan_in); normal ones have no bound.",
        ),
        *of_draws(he_normal_init),
    ],
    hints=["Like Xavier's, with another denominator.", "std = √(2/fan_in)"],
)

# he_uniform_init


def he_uniform_init(fan_in, fan_out, generator=None):
    bound = (6 / fan_in) ** 0.5
    return bound * (2 * torch.rand(fan_in, fan_out, generator=generator) - 1)


def he_uniform_init_fill(fan_in, fan_out, generator=None):
    bound = math.sqrt(6 / fan_in)
    return torch.empty(fan_in, fan_out).uniform_(-bound, bound, generator=generator)


def he_uniform_init_std(fan_in, fan_out, generator=None):
    std = torch.sqrt(torch.tensor(2.0) / fan_in)
    signed = torch.rand(fan_in, fan_out, generator=generator).mul(2).sub(1)
    return signed * std * 3**0.5


HE_UNIFORM_INIT = Exercise(
    name="he_uniform_init",
    points=1,
    minutes=6,
    reference=he_uniform_init,
    driver="seeded",
    view="moments",
    seconds=30,
    valid=is_uniform(
        lambda fan_in, fan_out: -math.sqrt(6 / fan_in),
        lambda fan_in, fan_out: math.sqrt(6 / fan_in),
    ),
    visible=visible_layers(),
    hidden=hidden_layers,
    alternatives=[he_uniform_init_fill, he_uniform_init_std],
    misconceptions=[
        Misconception(
            "standard deviation taken for the bound",
            between(he_std),
            "U[−a, a] has the standard deviation a/√3, so a must be larger by √3: √(6/fan_in).",
        ),
        Misconception(
            "fan_out instead of fan_in",
            between(lambda fan_in, fan_out: math.sqrt(6 / fan_out)),
            "the sum in a unit has one term for each of its inputs: fan_in.",
        ),
        Misconception(
            "root forgotten",
            between(lambda fan_in, fan_out: 6 / fan_in),
            "the bound is the root of 6/fan_in.",
        ),
        Misconception(
            "3 instead of 6",
            between(lambda fan_in, fan_out: math.sqrt(3 / fan_in)),
            "that keeps the signal of a linear layer; ReLU halves it, and 6 makes up for it.",
        ),
        Misconception(
            "Xavier instead of He",
            between(xavier_bound),
            "√(6/(fan_in + fan_out)) is Xavier's; He takes fan_in alone.",
        ),
        Misconception(
            "no negative weights",
            draws_uniform(0.0, lambda fan_in, fan_out: math.sqrt(6 / fan_in)),
            "the interval reaches from −a to +a.",
        ),
        Misconception(
            "normal instead of uniform",
            draws_normal(he_std),
            "this is the normal version, with the right variance; asked are uniform numbers.",
        ),
        *of_draws(he_uniform_init),
    ],
    hints=["U[−a, a] has the variance a²/3. For which a is that 2/fan_in?", "a = √(6/fan_in)"],
)

# zero_center and standardize

TABLE = [[1, 10, 5], [3, 10, -1], [5, 40, 2]]


def visible_tables():
    return [
        Case("three rows, three columns", (t(*TABLE),)),
        Case("a constant column, float64", (t([2, 7], [4, 7], [9, 7], dtype=torch.float64),)),
        Case("one row", (t([3, -2]),)),
        Case("one column", (t([1], [2], [6]),)),
    ]


def hidden_tables(draw):
    """Tables with the awkward ones among them; a constant column is a constant eighth."""
    n, d = draw.integer(5, 12), draw.integer(2, 6)
    offset = torch.arange(d) * 3.0 + draw.number(1, 5)
    constant = draw.normal(n, d, scale=2) + offset
    constant[:, draw.integer(0, d)] = draw.integer(-20, 20) / 8
    narrow = draw.normal(n, d)
    narrow[:, 0] *= 2e-3
    double = {"dtype": torch.float64}
    return [
        Case("a table", (draw.normal(n, d) * (1 + torch.arange(d)) + offset,)),
        Case("float64", (draw.normal(n, d, scale=5, **double) + offset.double(),)),
        Case("a constant column", (constant,)),
        Case(
            "a column of zeros, float64", (torch.eye(d, **double)[:, : d - 1].repeat(2, 1) * 0.0,)
        ),
        Case("one row", (draw.normal(1, d),)),
        Case("one column", (draw.normal(n, 1, scale=3),)),
        Case("as many rows as columns", (draw.normal(d, d) + offset,)),
        Case("a narrow column", (narrow,)),
        Case("large numbers", (draw.normal(n, d, scale=1e4),)),
    ]


def of_tables(function):
    """Mistakes that are possible with tables; `function` is right."""

    def in_place(X):
        result = function(X)
        X.sub_(X.mean(0))
        return result

    return [
        Misconception(
            "argument changed in place",
            in_place,
            "methods that end in _ (and `-=`) write into the caller's table: "
            "`X - …` makes a new one.",
        ),
        Misconception(
            "float64 thrown away",
            lambda X: function(X).float(),
            "the result has the dtype of the argument; `.float()` drops half of the digits.",
        ),
    ]


def zero_center(X):
    return X - X.mean(dim=0)


def zero_center_loop(X):
    centred = X.clone()
    for column in range(X.shape[1]):
        centred[:, column] = X[:, column] - sum(X[:, column]) / len(X)
    return centred


def zero_center_matrix(X):
    n = len(X)
    projection = torch.eye(n, dtype=torch.float64) - torch.full((n, n), 1 / n, dtype=torch.float64)
    return (projection @ X.double()).to(X.dtype)


ZERO_CENTER = Exercise(
    name="zero_center",
    points=1,
    minutes=4,
    reference=zero_center,
    visible=visible_tables(),
    hidden=hidden_tables,
    alternatives=[zero_center_loop, zero_center_matrix],
    misconceptions=[
        Misconception(
            "one mean for the whole table",
            lambda X: X - X.mean(),
            "each column has a mean of its own: `dim=0` goes down the rows.",
        ),
        Misconception(
            "mean of each row",
            lambda X: X - X.mean(dim=1, keepdim=True),
            "a row is one sample; the mean of a *column* goes over all samples: `dim=0`.",
        ),
        Misconception(
            "median instead of mean",
            lambda X: X - X.median(dim=0).values,
            "with the median the columns' means are not 0.",
        ),
        Misconception(
            "mean added",
            lambda X: X + X.mean(dim=0),
            "to move the mean to 0, take it off.",
        ),
        Misconception(
            "the means alone",
            lambda X: X.mean(dim=0),
            "asked is the table with the means taken off, of the shape of X.",
        ),
        *of_tables(zero_center),
    ],
    hints=["Mean over which dimension?", "`X.mean(dim=0)` has one number for each column."],
    tolerance=10,
)


def standardize(X):
    std = X.std(dim=0, correction=0)
    return (X - X.mean(dim=0)) / torch.where(std == 0, 1.0, std)


def standardize_nan(X):
    centred = X.double() - X.double().mean(0)
    return torch.nan_to_num(centred / (centred**2).mean(0).sqrt(), nan=0.0).to(X.dtype)


def standardize_columns(X):
    columns = []
    for x in X.T:
        centred = x - x.sum() / len(x)
        length = torch.linalg.vector_norm(centred)
        columns.append(centred * len(x) ** 0.5 / length if length > 0 else 0 * x)
    return torch.stack(columns, dim=1)


def scaled(X, divisor):
    """Centred columns divided by something; 0 where that is 0."""
    return (X - X.mean(0)) / torch.where(divisor == 0, torch.ones_like(divisor), divisor)


def sample_std(X):
    """The std with the divisor N − 1; NaN for a single row."""
    return (((X - X.mean(0)) ** 2).sum(0) / (len(X) - 1)).sqrt()


STANDARDIZE = Exercise(
    name="standardize",
    points=2,
    minutes=10,
    reference=standardize,
    visible=visible_tables(),
    hidden=hidden_tables,
    alternatives=[standardize_nan, standardize_columns],
    misconceptions=[
        Misconception(
            "divided by 0",
            lambda X: (X - X.mean(0)) / X.std(0, correction=0),
            "a constant column has std 0, and 0/0 is NaN: divide by 1 there, for example with "
            "`torch.where(std == 0, 1.0, std)`.",
        ),
        Misconception(
            "sample std instead of population std",
            lambda X: scaled(X, sample_std(X).nan_to_num()),
            "`std` divides by N − 1 unless told otherwise: `correction=0` divides by N.",
        ),
        Misconception(
            "sample std, and divided by 0",
            lambda X: (X - X.mean(0)) / sample_std(X),
            "two things: `std` divides by N − 1 unless told otherwise (`correction=0`), and a "
            "constant column has std 0, where 0/0 is NaN.",
        ),
        Misconception(
            "mean not taken off",
            lambda X: X / torch.where(X.std(0, correction=0) == 0, 1.0, X.std(0, correction=0)),
            "centre first: the columns' means must be 0.",
        ),
        Misconception(
            "variance for standard deviation",
            lambda X: scaled(X, X.var(0, correction=0)),
            "divided by the variance: its root, the standard deviation, is asked.",
        ),
        Misconception(
            "one std for the whole table",
            lambda X: scaled(X, X.std(correction=0)),
            "each column has a standard deviation of its own: `dim=0`.",
        ),
        Misconception(
            "rows instead of columns",
            lambda X: scaled(X.T, X.T.std(0, correction=0)).T,
            "a row is one sample; mean and std go over all samples, column by column: `dim=0`.",
        ),
        Misconception(
            "scaled to [0, 1]",
            lambda X: (
                (X - X.amin(0)) / torch.where(X.amax(0) > X.amin(0), X.amax(0) - X.amin(0), 1.0)
            ),
            "that uses the smallest and largest value; asked are mean 0 and standard deviation 1.",
        ),
        *of_tables(standardize),
    ],
    hints=[
        "Centre first. Then: which number must each column be divided by?",
        "`X.std(dim=0, correction=0)` is the population's. Where it is 0, divide by 1.",
    ],
    tolerance=20,
)

# layer_stds


def layer_stds(X, weights, activation):
    stds, a = [], X
    for W in weights:
        a = activation(a @ W)
        stds.append(a.std(correction=0).item())
    return stds


def layer_stds_moments(X, weights, activation):
    stds, a = [], X.double()
    for W in weights:
        a = activation(torch.einsum("ni,io->no", a, W.double()))
        stds.append(((a - a.mean()) ** 2).mean().sqrt())
    return stds


def layer_stds_recursive(X, weights, activation):
    if not weights:
        return []
    a = activation(torch.matmul(X, weights[0]))
    return [torch.std(a), *layer_stds_recursive(a, weights[1:], activation)]


def valid_stds(X, weights, activation):
    """Both usual divisors, N and N − 1, are right: N is the number of activations in a layer."""
    function = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda z: z}
    a, low, high = X.double(), [], []
    for W in weights:
        a = function[activation.removeprefix("function:")](a @ W.double())
        low.append(a.std(correction=0).item())
        high.append(a.std(correction=1).item())
    return low, high


def forward(X, weights, activation):
    """Sums z and activations a of every layer."""
    a, zs, activations = X, [], []
    for W in weights:
        zs.append(a @ W)
        a = activation(zs[-1])
        activations.append(a)
    return zs, activations


def stds_of(tensors):
    return [a.std(correction=0).item() for a in tensors]


def stds_without_activation_between(X, weights, activation):
    z, stds = X, []
    for W in weights:
        z = z @ W
        stds.append(activation(z).std(correction=0).item())
    return stds


def stds_by_transposed(X, weights, activation):
    return stds_of(forward(X, [W.T for W in weights], activation)[1])


def stds_into_argument(X, weights, activation):
    stds = layer_stds(X, weights, activation)
    X.copy_(activation(X))
    return stds


ROWS = torch.linspace(-1.5, 2.0, 24).reshape(12, 2)
FORK = t([2, 1], [1, -1], [-3, 0.5])


def hidden_stacks(draw):
    n, d = draw.integer(12, 20), draw.integer(5, 9)

    def stack(*widths, scale=1.0):
        return [draw.normal(a, b, scale=scale / math.sqrt(a)) for a, b in zip((d, *widths), widths)]

    X = draw.normal(n, d) + draw.number(0.3, 0.8)
    deep = stack(*[d] * draw.integer(6, 10))
    return [
        Case("three layers, tanh", (X, stack(8, 6, 10), "function:tanh")),
        Case("three layers, ReLU", (X, stack(10, 7, 9, scale=1.4), "function:relu")),
        Case("no activation at all", (X, stack(6, 8), "function:identity")),
        Case("as wide as deep", (X, deep, "function:tanh")),
        Case("large weights", (X, stack(8, 8, 8, scale=20.0), "function:tanh")),
        Case("one layer", (X, stack(7), "function:relu")),
        Case("no layer", (X, [], "function:tanh")),
        Case("zeros", (X, [torch.zeros(d, 4), torch.zeros(4, 3)], "function:relu")),
        Case("float64", (X.double(), [W.double() for W in stack(6, 8)], "function:tanh")),
    ]


LAYER_STDS = Exercise(
    name="layer_stds",
    points=3,
    minutes=12,
    reference=layer_stds,
    driver="with_function",
    valid=valid_stds,
    visible=[
        Case(
            "two layers, no activation",
            (t([1, 2], [3, 6]), [t([1, 0], [0, 1]), t([2], [1])], "function:identity"),
        ),
        Case("two layers, ReLU", (ROWS, [t([1, 0, 1], [0, 1, -1]), FORK], "function:relu")),
        Case("three layers, tanh", (ROWS, [t([1, 0], [1, 2])] * 3, "function:tanh")),
        Case("no layer", (t([1, -2], [3, 1]), [], "function:tanh")),
    ],
    hidden=hidden_stacks,
    alternatives=[layer_stds_moments, layer_stds_recursive],
    misconceptions=[
        Misconception(
            "before the activation",
            lambda X, weights, activation: stds_of(forward(X, weights, activation)[0]),
            "these are the stds of the sums z; asked is what comes out: a = activation(z).",
        ),
        Misconception(
            "activation not passed on",
            stds_without_activation_between,
            "the next layer gets what comes out of the activation, a, not z.",
        ),
        Misconception(
            "every layer fed with X",
            lambda X, weights, activation: stds_of([activation(X @ W) for W in weights]),
            "only the first layer sees X; each later one sees the activations of the one before.",
        ),
        Misconception(
            "the data's std as well",
            lambda X, weights, activation: stds_of([X, *forward(X, weights, activation)[1]]),
            "the list starts after the first layer: one number for each weight matrix.",
        ),
        Misconception(
            "the last layer only",
            lambda X, weights, activation: stds_of(forward(X, weights, activation)[1][-1:]),
            "one number for each layer is asked: append inside the loop.",
        ),
        Misconception(
            "weights transposed",
            stds_by_transposed,
            "W has the shape (fan_in, fan_out): `a @ W`, without `.T`.",
        ),
        Misconception(
            "variance for standard deviation",
            lambda X, weights, activation: [
                a.var(correction=0).item() for a in forward(X, weights, activation)[1]
            ],
            "that is the variance; its root is the standard deviation.",
        ),
        Misconception(
            "mean square instead of the distance to the mean",
            lambda X, weights, activation: [
                (a**2).mean().sqrt().item() for a in forward(X, weights, activation)[1]
            ],
            "the root mean square is the standard deviation only where the mean is 0; ReLU's "
            "outputs have another mean.",
        ),
        Misconception(
            "mean of the units' stds",
            lambda X, weights, activation: [
                a.std(0, correction=0).mean().item() for a in forward(X, weights, activation)[1]
            ],
            "one std over all activations of a layer, samples and units together.",
        ),
        Misconception(
            "argument changed in place",
            stds_into_argument,
            "X belongs to the caller: `a = activation(a @ W)` makes a new tensor each time.",
        ),
    ],
    hints=[
        "A loop over the weights, and a name `a` for what the current layer gets.",
        "a = activation(a @ W), then append `a.std()` to a list.",
    ],
    tolerance=5,
)

EXERCISES = [
    ZEROS_INIT,
    UNIFORM01_INIT,
    UNIFORM_PM1_INIT,
    NORMAL_INIT,
    FAN_IN_UNIFORM_INIT,
    XAVIER_NORMAL_INIT,
    XAVIER_UNIFORM_INIT,
    HE_NORMAL_INIT,
    HE_UNIFORM_INIT,
    ZERO_CENTER,
    STANDARDIZE,
    LAYER_STDS,
]
