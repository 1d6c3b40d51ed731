"""Hidden tests of the assignment `classification_losses`."""

import math
from itertools import cycle

import torch

from course.exercises import Case, Exercise, Misconception

EPS = 1e-12


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def cases(pairs, options=({},)):
    """One case a pair of arguments; the keyword arguments go round."""
    return [
        Case(label, (first, second), dict(kwargs))
        for (label, first, second), kwargs in zip(pairs, cycle(options))
    ]


def exercise(reference, alternatives, wrong, hints, minutes, visible, hidden, points=1, **more):
    """An exercise of two tensors; `wrong` maps a name to function and hint.

    `mutate(first, second)` gives what a solution that works in place leaves in its first argument.
    """
    mutate = more.pop("mutate", lambda first, second: first - first.max())

    def in_place(first, second, **kwargs):
        result = reference(first, second, **kwargs)
        first.copy_(mutate(first, second))
        return result

    wrong = wrong | {
        "argument changed in place": (
            in_place,
            "methods that end in _ (and `-=`) write into the caller's tensor: make a new one.",
        ),
        "float64 thrown away": (
            lambda first, second, **kwargs: reference(first.float(), second, **kwargs).float(),
            "the result has the dtype of the first argument; `.float()` makes float32 of float64. "
            "`.to(dtype)` with that dtype keeps it.",
        ),
    }
    options = more.pop("options", ({},))
    fresh = more.pop("fresh", lambda draw: options)
    return Exercise(
        name=reference.__name__,
        points=points,
        minutes=minutes,
        reference=reference,
        visible=cases(visible, options),
        hidden=lambda draw: cases(hidden(draw), fresh(draw)),
        alternatives=alternatives,
        misconceptions=[Misconception(name, *rest) for name, rest in wrong.items()],
        hints=hints,
        **more,
    )


def sum_for_mean(function):
    hint = "the sum grows with the number of samples; the loss is the mean over them."
    return {"sum instead of mean": (function, hint)}


def mean_forgotten(function):
    hint = "the loss is a mean over N samples, so each part of its gradient carries 1/N."
    return {"1/N forgotten": (function, hint)}


def minus_forgotten(function):
    hint = "the logarithm of a probability is negative, and a loss is positive: a minus is missing."
    return {"minus forgotten": (function, hint)}


def all_labels(function):
    return {
        "every row with every label": (
            function,
            "`x[:, labels]` takes all labels from each row: (N, N) numbers. One of each row is "
            "`x[torch.arange(N), labels]`, or `gather`.",
        )
    }


def both_divisors(function):
    return {
        "divided by N·C": (
            function,
            "`.mean()` of an (N, C) tensor divides by N·C: sum over the classes, then the mean.",
        )
    }


# two classes, probabilities and logits


def log(prob):
    return prob.clamp(min=EPS).log()


def binary_cross_entropy(prob, target):
    return -(target * log(prob) + (1 - target) * log(1 - prob)).mean()


def bce_clamped(prob, target):
    q = prob.double().clamp(EPS, 1 - EPS)
    return -torch.where(target > 0.5, q.log(), (1 - q).log()).mean().to(prob.dtype)


def bce_loop(prob, target):
    total = 0.0
    for q, y in zip(prob.flatten().tolist(), target.flatten().tolist()):
        total -= math.log(max(q if y == 1 else 1 - q, EPS))
    return torch.tensor(total / prob.numel(), dtype=prob.dtype)


def bce_hit(prob, target):
    hit = (1 - (prob - target).abs()).clamp(min=EPS)
    return hit.log().neg().sum() / hit.numel()


def bce_range(prob, target):
    """1 − clamp(q, ε, 1 − ε) is not quite ε where q = 1: both readings are right."""
    answers = binary_cross_entropy(prob, target), bce_clamped(prob, target)
    return min(answers), max(answers)


def bce_terms(log, log_not=None):
    """Binary cross-entropy from log(prob) and log(1 − prob)."""
    log_not = log_not or (lambda q: log(1 - q))
    return lambda q, y: -(y * log(q) + (1 - y) * log_not(q)).mean()


BCE_VISIBLE = [
    ("four probabilities", t(0.9, 0.2, 0.6, 0.5), t(1, 0, 0, 1)),
    (
        "two rows of three, float64",
        t([0.1, 0.75, 0.3], [0.99, 0.5, 0.8], dtype=torch.float64),
        t([0, 1, 1], [1, 0, 0], dtype=torch.float64),
    ),
    ("one probability", t(0.25), t(1)),
    ("probabilities of exactly 0", t(0, 0, 0.5), t(0, 1, 1)),
    ("probabilities of exactly 1", t(1, 1, 0.5), t(1, 0, 1)),
]


def pairs(draw, values, targets):
    """Pairs of the shapes that occur; `values(*shape, dtype)` and `targets` draw them."""
    n = draw.integer(5, 12)
    shapes = [
        ("a batch", (n,)),
        ("two dimensions", (n, 4)),
        ("a batch of one", (1, n)),
        ("three dimensions", (3, n, 2)),
        ("a single number, 0-dim", ()),
        ("as many rows as columns", (5, 5)),
    ]
    found = [(label, values(*shape), targets(*shape)) for label, shape in shapes]
    double = {"dtype": torch.float64}
    return [*found, ("float64", values(n, 3, **double), targets(n, 3, **double))]


def bits(draw):
    return lambda *shape, dtype=torch.float32: draw.integers(*shape, high=2).to(dtype)


def bce_hidden(draw):
    target = bits(draw)
    ends = t(0, 0, 1, 1)
    return [
        *pairs(
            draw, lambda *shape, **how: draw.uniform(*shape, low=0.03, high=0.97, **how), target
        ),
        ("probabilities of exactly 0", torch.cat([t(0, 0), draw.uniform(3)]), t(0, 1, 1, 0, 1)),
        ("probabilities of exactly 1", torch.cat([t(1, 1), draw.uniform(3)]), t(0, 1, 1, 0, 1)),
        ("exactly 0 and 1, float64", ends.double(), t(0, 1, 0, 1, dtype=torch.float64)),
        ("small probabilities", 1e-3 * draw.uniform(6, low=1, high=9), target(6)),
        ("ties", draw.uniform().repeat(6), target(6)),
    ]


BINARY_CROSS_ENTROPY = exercise(
    binary_cross_entropy,
    [
        bce_clamped,
        bce_loop,
        bce_hit,
        lambda q, y: -((q + EPS).log() * y + (1 - q + EPS).log() * (1 - y)).mean(),
    ],
    {
        "not clamped": (
            bce_terms(torch.log),
            "ln 0 is −∞, and 0·∞ is NaN: keep the argument of each logarithm above 1e-12, "
            "with `clamp(min=1e-12)`.",
        ),
        "1 − eps, which float32 rounds to 1": (
            lambda q, y: bce_terms(torch.log)(q.clamp(EPS, 1 - EPS), y),
            "float32 has no number between 1 − 6e-8 and 1, so `clamp(max=1 - 1e-12)` does nothing: "
            "clamp `1 - prob` itself.",
        ),
        **sum_for_mean(lambda q, y: binary_cross_entropy(q, y) * q.numel()),
        **minus_forgotten(lambda q, y: -binary_cross_entropy(q, y)),
        "only the samples with target 1": (
            lambda q, y: -(y * log(q)).mean(),
            "samples with target 0 cost −ln(1 − prob): the second term is missing.",
        ),
        "ln prob in both terms": (
            lambda q, y: -log(q).mean(),
            "where the target is 0 the probability of what happened is 1 − prob.",
        ),
        "prob and target swapped": (
            lambda q, y: binary_cross_entropy(y, q),
            "the logarithm is taken of `prob`, and `target` is the weight.",
        ),
        "sigmoid of a probability": (
            lambda q, y: binary_cross_entropy(torch.sigmoid(q), y),
            "`prob` is a probability already: the sigmoid belongs to the version with logits.",
        ),
        "logarithm to base 2": (
            lambda q, y: binary_cross_entropy(q, y) / math.log(2),
            "that counts in bits; the formula has the natural logarithm, `torch.log`.",
        ),
        "mean over the last dimension only": (
            lambda q, y: -(y * log(q) + (1 - y) * log(1 - q)).mean(-1),
            "a loss is one number: take the mean over all elements, `.mean()` without `dim`.",
        ),
    },
    [
        "What probability did the model give to what happened: for target 1, and for target 0?",
        "target·ln(prob) + (1 − target)·ln(1 − prob) picks one of them. Then minus, then mean.",
        "`prob.clamp(min=1e-12).log()`, and the same with `1 - prob`.",
    ],
    minutes=8,
    visible=BCE_VISIBLE,
    hidden=bce_hidden,
    valid=bce_range,
    mutate=lambda q, y: q.clamp(0.1, 0.9),
)


def binary_cross_entropy_with_logits(logits, target):
    return (logits.clamp(min=0) - logits * target + torch.log1p(torch.exp(-logits.abs()))).mean()


def bce_logits_logaddexp(logits, target):
    return (torch.logaddexp(torch.zeros_like(logits), logits) - target * logits).mean()


def bce_logits_loop(logits, target):
    costs = []
    for z, y in zip(logits.double().flatten(), target.flatten()):
        m = -z if y == 1 else z
        costs.append(torch.logsumexp(torch.stack([0 * m, m]), dim=0))
    return torch.stack(costs).mean().to(logits.dtype)


def bce_logits_hidden(draw):
    target = bits(draw)
    large = t(-1e4, 1e4, -1e4, 1e4, -1e3, 1e3)
    answers = torch.cat([t(0, 0, 1, 1), target(2)])
    return [
        *pairs(draw, lambda *shape, **how: draw.normal(*shape, scale=2, **how), target),
        ("exact zeros", torch.zeros(4), target(4)),
        ("large logits, right", t(1e4, -1e4, 1e3), t(1, 0, 1)),
        ("large logits", large * draw.number(0.8, 1), answers),
        ("large logits, float64", large.double(), answers.double()),
        ("medium logits", t(-1, 1, -1, 1) * draw.number(20, 60), t(0, 0, 1, 1)),
        ("ties", draw.normal().repeat(6), target(6)),
    ]


BINARY_CROSS_ENTROPY_WITH_LOGITS = exercise(
    binary_cross_entropy_with_logits,
    [
        bce_logits_logaddexp,
        bce_logits_loop,
        lambda z, y: torch.log1p(torch.exp(-z.abs())).mean() + (z.clamp(min=0) - z * y).mean(),
    ],
    {
        "ln of the sigmoid, which is 0": (
            lambda z, y: bce_terms(torch.log)(torch.sigmoid(z), y),
            "σ(−10 000) is 0 in floats, and ln 0 is −∞. Put the sigmoid into the formula on paper: "
            "ln(1 + e^z) − z·target remains.",
        ),
        "clamped, so capped at 27.6": (
            lambda z, y: bce_terms(log)(torch.sigmoid(z), y),
            "clamping caps the loss at −ln 1e-12 = 27.6, where it has no slope; with logits the "
            "exact loss of z = −10 000 is 10 000.",
        ),
        "e^z overflows": (
            lambda z, y: (torch.log1p(z.exp()) - z * y).mean(),
            "e^10000 is ∞. ln(1 + e^z) = max(z, 0) + ln(1 + e^(−|z|)) grows with z only; "
            "`torch.logaddexp` does the same.",
        ),
        **sum_for_mean(lambda z, y: binary_cross_entropy_with_logits(z, y) * z.numel()),
        **minus_forgotten(lambda z, y: -binary_cross_entropy_with_logits(z, y)),
        "sigmoid twice": (
            lambda z, y: binary_cross_entropy_with_logits(torch.sigmoid(z), y),
            "the formula with logits has the sigmoid in it already: give it z itself.",
        ),
        "sigmoid forgotten": (
            lambda z, y: bce_terms(log)(z, y),
            "logits are no probabilities: the sigmoid comes first (on paper, for stability).",
        ),
        "targets the other way round": (
            lambda z, y: binary_cross_entropy_with_logits(-z, y),
            "a large logit means: target 1 is likely, so it costs nothing there.",
        ),
        "only the samples with target 1": (
            lambda z, y: (y * torch.logaddexp(torch.zeros_like(z), -z)).mean(),
            "samples with target 0 cost −ln(1 − σ(z)): the second term is missing.",
        ),
    },
    [
        "ln σ(z) = −ln(1 + e^(−z)), and 1 − σ(z) = σ(−z). Put both into the formula on paper.",
        "ln(1 + e^z) − z·target remains. Which z makes e^z overflow?",
        "max(z, 0) − z·target + ln(1 + e^(−|z|)), then the mean.",
    ],
    minutes=12,
    points=2,
    visible=[
        ("four logits", t(-2, 0.5, 1, 3), t(0, 1, 0, 1)),
        (
            "two rows of three, float64",
            t([-1, 0, 2], [0.5, -3, 1], dtype=torch.float64),
            t([0, 1, 1], [1, 1, 0], dtype=torch.float64),
        ),
        ("one logit", t(-0.5), t(1)),
        ("large logits, right", t(-10000, 10000), t(0, 1)),
        ("large logits, wrong", t(-10000, 10000), t(1, 0)),
    ],
    hidden=bce_logits_hidden,
)

# margins


def hinge(score, target):
    return (1 - target * score).clamp(min=0).mean()


def hinge_loop(score, target):
    total = torch.zeros((), dtype=score.dtype)
    for s, y in zip(score.flatten(), target.flatten()):
        if y * s < 1:
            total = total + 1 - y * s
    return total / score.numel()


HINGE_VISIBLE = [
    ("five scores", t(2, 0.25, -0.5, -3, 0.5), t(1, 1, 1, -1, -1)),
    (
        "two rows of three, float64",
        t([0.5, -1.5, 3], [0.25, -0.75, 1.5], dtype=torch.float64),
        t([1, 1, 1], [-1, -1, -1], dtype=torch.float64),
    ),
    ("one score", t(-2.0), t(1)),
    ("all beyond the margin", t(3, -4), t(1, -1)),
    ("exactly on the margin", t(1, -1), t(1, -1)),
]


def hinge_hidden(draw):
    target = draw.signs
    ten = target(10)
    return [
        *pairs(draw, lambda *shape, **how: draw.normal(*shape, scale=1.5, **how), target),
        ("exact zeros", torch.zeros(5), target(5)),
        ("exactly on the margin", ten.clone(), ten),
        ("all beyond the margin", ten * draw.uniform(10, low=1.1, high=3), ten),
        ("all on the wrong side", -ten * draw.uniform(10, low=0.1, high=2), ten),
        ("large scores", draw.normal(10, scale=1e4), ten),
        ("ties", draw.number(0.1, 0.9) * torch.ones(10), ten),
    ]


def margins(power, cut=lambda m: m.clamp(min=0), margin=1.0):
    """A (squared) hinge loss with another cut or margin."""
    return lambda score, target: (cut(margin - target * score) ** power).mean()


def margin_mistakes(power):
    """What goes wrong in both hinge losses."""
    right = margins(power)
    return {
        **sum_for_mean(lambda s, y: right(s, y) * s.numel()),
        "not cut at 0": (
            margins(power, lambda m: m),
            "a sample beyond the margin costs nothing: max(0, …).",
        ),
        "margin 0 instead of 1": (
            margins(power, margin=0.0),
            "that is the perceptron's loss: here a right answer costs as well until it is 1 clear.",
        ),
        "sign of the score the other way round": (
            lambda s, y: right(-s, y),
            "target·score is positive for a right answer, and it makes the loss smaller: "
            "1 − target·score.",
        ),
        "target forgotten": (
            lambda s, y: right(s, torch.ones_like(y)),
            "for target −1 a right score is negative: multiply by the target.",
        ),
        "cut at 1 as well": (
            margins(power, lambda m: m.clamp(0, 1)),
            "a score far on the wrong side costs more than 1.",
        ),
    }


HINGE = exercise(
    hinge,
    [
        hinge_loop,
        lambda s, y: torch.where(y * s < 1, 1 - y * s, torch.zeros_like(s)).mean(),
        lambda s, y: ((1 - y * s) + (1 - y * s).abs()).sum() / (2 * s.numel()),
    ],
    {
        **margin_mistakes(1),
        "absolute value instead of a cut": (
            margins(1, torch.abs),
            "beyond the margin the loss is 0, it does not rise again.",
        ),
        "cut after the mean": (
            lambda s, y: (1 - y * s).mean().clamp(min=0),
            "each sample is cut at 0 on its own; afterwards comes the mean.",
        ),
        "squared": (margins(2), "that is the squared hinge loss; this one is a line."),
    },
    [
        "target·score is positive for a right answer. How large must it be to cost nothing?",
        "1 − target·score, cut at 0 with `clamp(min=0)`, then the mean.",
    ],
    minutes=5,
    visible=HINGE_VISIBLE,
    hidden=hinge_hidden,
    mutate=lambda s, y: s * y,
)


def squared_hinge(score, target):
    return ((1 - target * score).clamp(min=0) ** 2).mean()


def squared_hinge_loop(score, target):
    both = zip(score.flatten().tolist(), target.flatten().tolist())
    costs = [max(0.0, 1 - y * s) ** 2 for s, y in both]
    return torch.tensor(sum(costs) / len(costs), dtype=score.dtype)


SQUARED_HINGE = exercise(
    squared_hinge,
    [
        squared_hinge_loop,
        lambda s, y: torch.where(y * s < 1, (1 - y * s) * (1 - y * s), 0).mean(),
        lambda s, y: (
            torch.linalg.vector_norm(torch.relu(1 - y.double() * s.double())) ** 2 / s.numel()
        ).to(s.dtype),
    ],
    {
        **margin_mistakes(2),
        "square forgotten": (margins(1), "that is the hinge loss; each part of it is squared."),
        "square of the mean": (
            lambda s, y: hinge(s, y) ** 2,
            "square each sample's part first, then take the mean.",
        ),
        "half of it": (
            lambda s, y: squared_hinge(s, y) / 2,
            "the ½ belongs to another convention; here it is the mean of the squares.",
        ),
    },
    ["Your `hinge` is nearly there: what is squared, and when?", "Cut at 0, square, mean."],
    minutes=4,
    visible=HINGE_VISIBLE,
    hidden=hinge_hidden,
    mutate=lambda s, y: s * y,
)

# many classes


def one_hot_of(labels, classes, dtype):
    return (labels[:, None] == torch.arange(classes)).to(dtype)


def class_pairs(draw, values, targets):
    """Rows of C numbers with what belongs to them: `values` and `targets` draw (n, c)."""
    n, c = draw.integer(6, 12), draw.integer(3, 6)
    shapes = [
        ("a batch", (n, c)),
        ("as many samples as classes", (5, 5)),
        ("a batch of one", (1, c)),
        ("two classes", (n, 2)),
        ("ten classes", (4, 10)),
    ]
    found = [(label, values(*shape), targets(*shape)) for label, shape in shapes]
    double = {"dtype": torch.float64}
    return [*found, ("float64", values(n, c, **double), targets(n, c, **double))]


def labels_of(draw):
    return lambda n, c, dtype=None: draw.integers(n, high=c)


def logit_hidden(draw):
    """(N, C) logits with labels."""
    labels = labels_of(draw)

    def values(n, c, **how):
        return draw.normal(n, c, scale=2, **how)

    near = 1e4 + draw.normal(6, 4, dtype=torch.float64)
    return [
        *class_pairs(draw, values, labels),
        ("exact zeros", torch.zeros(5, 3), labels(5, 3)),
        ("large logits, float64", draw.normal(6, 4, scale=1e4, dtype=torch.float64), labels(6, 4)),
        ("large positive logits near each other, float64", near, labels(6, 4)),
        ("large negative logits near each other, float64", near - 2e4, labels(6, 4)),
        ("ties", draw.normal(6, 1).repeat(1, 4), labels(6, 4)),
        ("one label for all", draw.normal(6, 4), torch.full((6,), draw.integer(0, 4))),
    ]


LOGITS_VISIBLE = [
    ("two samples, three classes", t([1, 2, 0], [0.5, 0.5, 3]), torch.tensor([1, 0])),
    (
        "three samples, two classes, float64",
        t([1, -1], [0, 2], [0.5, 0.25], dtype=torch.float64),
        torch.tensor([0, 0, 1]),
    ),
    ("one sample, four classes", t([0, 1, 2, 3]), torch.tensor([2])),
    ("large logits", t([10000, 0, -10000], [-9000, 500, 10000]), torch.tensor([1, 2])),
]


def log_softmax(logits):
    shifted = logits - logits.amax(-1, keepdim=True)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


def log_softmax_rows(logits):
    rows = logits.reshape(-1, logits.shape[-1]).tolist()
    result = []
    for row in rows:
        top = max(row)
        rest = math.log(sum(math.exp(z - top) for z in row))
        result.append([z - top - rest for z in row])
    return torch.tensor(result, dtype=logits.dtype).reshape(logits.shape)


def log_softmax_hidden(draw):
    n, c = draw.integer(6, 12), draw.integer(3, 6)
    near = 1e4 + draw.normal(n, c, dtype=torch.float64)
    far = 20 * torch.arange(-3.0, 4.0)[:, None] + draw.normal(7, c)
    return [
        ("a vector", draw.normal(c)),
        ("a batch", draw.normal(n, c)),
        ("as many samples as classes", draw.normal(c, c)),
        ("a batch of one", draw.normal(1, c)),
        ("three dimensions", draw.normal(2, n, c)),
        ("three equal dimensions", draw.normal(3, 3, 3)),
        ("float64", draw.normal(n, c, dtype=torch.float64)),
        ("exact zeros", torch.zeros(n, c)),
        ("ties", draw.normal(n, 1).repeat(1, c)),
        ("rows far apart", far),
        ("large logits, float64", draw.normal(n, c, scale=1e4, dtype=torch.float64)),
        ("large positive logits near each other, float64", near),
        ("large negative logits near each other, float64", near - 2e4),
    ]


def keep_in_place(logits):
    result = log_softmax(logits)
    logits.copy_(logits - logits.amax(-1, keepdim=True))
    return result


LOG_SOFTMAX = Exercise(
    name="log_softmax",
    points=2,
    minutes=10,
    reference=log_softmax,
    visible=[
        Case("three logits", (t(1, 2, 4),)),
        Case("two rows of three", (t([1, 2, 0], [0.5, 0.5, 3]),)),
        Case("two by two, float64", (t([1, -1], [0, 2], dtype=torch.float64),)),
        Case("two by two by two", (t([[1, 2], [3, 5]], [[0, 0], [1, -2]]),)),
        Case("large logits", (t([10000, 0, -10000], [-9000, 500, 10000]),)),
        Case("large negative logits", (t(-10000, -9000, -8000),)),
    ],
    hidden=lambda draw: [Case(label, (z,)) for label, z in log_softmax_hidden(draw)],
    alternatives=[
        log_softmax_rows,
        lambda z: z - z.logsumexp(-1, keepdim=True),
        lambda z: (z.double() - torch.logsumexp(z.double(), dim=z.dim() - 1).unsqueeze(-1)).to(
            z.dtype
        ),
    ],
    misconceptions=[
        Misconception(
            "e^z overflows",
            lambda z: (z.exp() / z.exp().sum(-1, keepdim=True)).log(),
            "e^10000 is ∞, and ∞/∞ is NaN: subtract the maximum of each row first, or use "
            "`torch.logsumexp`.",
        ),
        Misconception(
            "sum of e^z overflows",
            lambda z: z - z.exp().sum(-1, keepdim=True).log(),
            "e^10000 is ∞: subtract the maximum of each row first, or use `torch.logsumexp`.",
        ),
        Misconception(
            "logarithm of a probability of 0",
            lambda z: torch.softmax(z, -1).log(),
            "a probability of e^(−10000) is 0 in floats, and its logarithm −∞. Do the logarithm on "
            "paper: z minus the log-sum-exp of its row.",
        ),
        Misconception(
            "logarithm forgotten",
            lambda z: torch.softmax(z, -1),
            "these are the probabilities; their logarithms are asked, all of them below 0.",
        ),
        Misconception(
            "sum over everything",
            lambda z: z - z.flatten().logsumexp(0),
            "each row is a distribution of its own: the sum goes over the last dimension only.",
        ),
        Misconception(
            "along the first dimension",
            lambda z: z - z.logsumexp(0, keepdim=True),
            "the classes stand in the last dimension: `dim=-1`.",
        ),
        Misconception(
            "keepdim forgotten",
            lambda z: z - z.logsumexp(-1),
            "without `keepdim=True` the sums line up with the columns, not with the rows.",
        ),
        Misconception(
            "sign the other way round",
            lambda z: z.logsumexp(-1, keepdim=True) - z,
            "probabilities are below 1, so their logarithms are negative; the minus of the loss "
            "comes later.",
        ),
        Misconception(
            "only the maximum subtracted",
            lambda z: z - z.amax(-1, keepdim=True),
            "that makes the largest one 0; the logarithm of the sum of e^z comes off as well.",
        ),
        Misconception(
            "argument changed in place",
            keep_in_place,
            "`-=` and methods that end in _ write into the caller's tensor: make a new one.",
        ),
        Misconception(
            "float64 thrown away",
            lambda z: log_softmax(z.float()),
            "the result has the dtype of `logits`; `.float()` drops half of the digits.",
        ),
    ],
    hints=[
        "ln(e^z / Σ e^z) = z − ln Σ e^z, on paper.",
        "e^10000 is ∞. What changes if the same number is subtracted from all logits of a row?",
        "`torch.logsumexp(logits, dim=-1, keepdim=True)` does the second part, stably.",
    ],
    forbidden=("log_softmax",),
)


def cross_entropy(prob, one_hot):
    return -(one_hot * log(prob)).sum(1).mean()


def cross_entropy_rows(prob, one_hot):
    costs = [-log(row[hit.argmax()]) for row, hit in zip(prob, one_hot)]
    return torch.stack(costs).mean()


def simplex(draw):
    def values(n, c, dtype=torch.float32):
        weights = draw.uniform(n, c, low=0.05, dtype=dtype)
        return weights / weights.sum(-1, keepdim=True)

    return values


def one_hot_draw(draw):
    return lambda n, c, dtype=torch.float32: one_hot_of(draw.integers(n, high=c), c, dtype)


def sure(n, c, dtype=torch.float32):
    """Rows of probabilities that are exactly 0 and 1, for each class in turn."""
    return one_hot_of(torch.arange(n) % c, c, dtype)


def cross_entropy_hidden(draw):
    values, targets = simplex(draw), one_hot_draw(draw)
    half = torch.cat([values(4, 2), torch.zeros(4, 1)], 1)
    return [
        *class_pairs(draw, values, targets),
        ("sure and right", sure(6, 3), sure(6, 3)),
        ("sure and wrong", sure(6, 3), sure(6, 3).flip(0)),
        ("sure and wrong, float64", sure(4, 4).double(), sure(4, 4).double().flip(0)),
        ("one probability exactly 0", half, targets(4, 3)),
        ("ties", torch.full((5, 4), 0.25), targets(5, 4)),
    ]


CROSS_ENTROPY = exercise(
    cross_entropy,
    [
        cross_entropy_rows,
        lambda q, y: -torch.einsum("nc,nc->", (q + EPS).log(), y) / len(q),
        lambda q, y: log((q.double() * y).sum(1)).mean().neg().to(q.dtype),
    ],
    {
        **both_divisors(lambda q, y: -(y * log(q)).mean()),
        **sum_for_mean(lambda q, y: -(y * log(q)).sum()),
        **minus_forgotten(lambda q, y: -cross_entropy(q, y)),
        "not clamped": (
            lambda q, y: -(y * q.log()).sum(-1).mean(),
            "ln 0 is −∞, and 0·∞ is NaN: `prob.clamp(min=1e-12)` before the logarithm.",
        ),
        "prob and one_hot swapped": (
            lambda q, y: cross_entropy(y, q),
            "the logarithm is taken of `prob`; `one_hot` picks the true class.",
        ),
        "logarithm forgotten": (
            lambda q, y: -(y * q).sum(-1).mean(),
            "the cost of a sample is −ln of the probability of its class.",
        ),
        "softmax of probabilities": (
            lambda q, y: cross_entropy(torch.softmax(q, -1), y),
            "`prob` holds probabilities already: no softmax here.",
        ),
        "terms of the wrong classes added": (
            lambda q, y: -(y * log(q) + (1 - y) * log(1 - q)).sum(-1).mean(),
            "that is binary cross-entropy for each class; here only the true class counts.",
        ),
        "one number for each sample": (
            lambda q, y: -(y * log(q)).sum(-1),
            "a loss is one number: the mean over the samples comes last.",
        ),
    },
    [
        "Which of the C probabilities of a sample matters?",
        "`one_hot * log` keeps the true class: sum over the classes, mean over the samples, minus.",
        "`prob.clamp(min=1e-12)` keeps ln 0 away.",
    ],
    minutes=6,
    visible=[
        (
            "two samples, three classes",
            t([0.5, 0.25, 0.25], [0.1, 0.1, 0.8]),
            t([1, 0, 0], [0, 1, 0]),
        ),
        (
            "three samples, two classes, float64",
            t([0.5, 0.5], [0.9, 0.1], [0.2, 0.8], dtype=torch.float64),
            t([0, 1], [1, 0], [0, 1], dtype=torch.float64),
        ),
        ("one sample, sure and right", t([0, 1, 0]), t([0, 1, 0])),
        ("two samples, sure and wrong", t([0, 1], [1, 0]), t([1, 0], [0, 1])),
    ],
    hidden=cross_entropy_hidden,
    mutate=lambda q, y: q.clamp(0.1, 0.9),
)


def picked(table, labels):
    return table[torch.arange(len(labels)), labels]


def sparse_cross_entropy(logits, labels):
    return -picked(log_softmax(logits), labels).mean()


def sparse_loop(logits, labels):
    total = torch.zeros((), dtype=torch.float64)
    for row, label in zip(logits.double(), labels.tolist()):
        total = total + torch.log(torch.exp(row - row.max()).sum()) + row.max() - row[label]
    return (total / len(labels)).to(logits.dtype)


SPARSE_CROSS_ENTROPY = exercise(
    sparse_cross_entropy,
    [
        sparse_loop,
        lambda z, y: (z.logsumexp(1) - z.gather(1, y[:, None]).squeeze(1)).mean(),
        lambda z, y: (
            -(one_hot_of(y, z.shape[1], z.dtype) * torch.log_softmax(z, -1)).sum() / z.shape[0]
        ),
    ],
    {
        "e^z overflows": (
            lambda z, y: -picked((z.exp() / z.exp().sum(1, keepdim=True)).log(), y).mean(),
            "e^10000 is ∞, and ∞/∞ is NaN: your `log_softmax` is stable.",
        ),
        "logarithm of a probability of 0": (
            lambda z, y: -picked(torch.softmax(z, 1).log(), y).mean(),
            "a probability of e^(−10000) is 0 in floats: use `log_softmax`, not the logarithm of "
            "softmax.",
        ),
        "clamped, so capped at 27.6": (
            lambda z, y: -log(picked(torch.softmax(z, 1), y)).mean(),
            "clamping caps the loss at −ln 1e-12 = 27.6: with `log_softmax` nothing needs a clamp.",
        ),
        **sum_for_mean(lambda z, y: -picked(log_softmax(z), y).sum()),
        **both_divisors(lambda z, y: sparse_cross_entropy(z, y) / z.shape[1]),
        **minus_forgotten(lambda z, y: picked(log_softmax(z), y).mean()),
        **all_labels(lambda z, y: -log_softmax(z)[:, y].mean()),
        "softmax twice": (
            lambda z, y: sparse_cross_entropy(torch.softmax(z, 1), y),
            "`log_softmax` has the softmax in it: give it the logits.",
        ),
        "logits taken for log-probabilities": (
            lambda z, y: -picked(z, y).mean(),
            "logits do not sum to anything: `log_softmax` first. This has no lower bound.",
        ),
        "softmax over the samples": (
            lambda z, y: -picked(z - z.logsumexp(0), y).mean(),
            "each row is one sample: the softmax goes over the classes, the last dimension.",
        ),
    },
    [
        "`log_softmax(logits)` holds all log-probabilities; which one of each row counts?",
        "`table[torch.arange(len(labels)), labels]` picks one number from each row.",
        "Minus the mean of these numbers.",
    ],
    minutes=8,
    points=2,
    visible=LOGITS_VISIBLE,
    hidden=logit_hidden,
    mutate=lambda z, y: z - z.amax(1, keepdim=True),
)


def nll(log_prob, labels):
    return -picked(log_prob, labels).mean()


def nll_loop(log_prob, labels):
    total = 0
    for i in range(len(labels)):
        total = total - log_prob[i, labels[i]]
    return total / len(labels)


def nll_hidden(draw):
    values, labels = simplex(draw), labels_of(draw)

    def logs(*shape, **how):
        return values(*shape, **how).log()

    return [
        *class_pairs(draw, logs, labels),
        ("exact zeros", torch.zeros(5, 1), torch.zeros(5, dtype=torch.int64)),
        ("large numbers", -draw.uniform(6, 3, high=1e4), labels(6, 3)),
        ("ties", torch.full((5, 4), 0.25).log(), labels(5, 4)),
        ("one label for all", logs(6, 4), torch.full((6,), draw.integer(0, 4))),
        ("last class", logs(3, 4), torch.full((3,), 3)),
    ]


NLL = exercise(
    nll,
    [
        nll_loop,
        lambda lp, y: lp.gather(-1, y.unsqueeze(-1)).mean().neg(),
        lambda lp, y: -torch.einsum("nc,nc->", lp, one_hot_of(y, lp.shape[1], lp.dtype)) / len(y),
    ],
    {
        **sum_for_mean(lambda lp, y: -picked(lp, y).sum()),
        **both_divisors(lambda lp, y: -picked(lp, y).sum() / lp.numel()),
        **minus_forgotten(lambda lp, y: picked(lp, y).mean()),
        **all_labels(lambda lp, y: -lp[:, y].mean()),
        "logarithm once more": (
            lambda lp, y: -picked(log(lp), y).mean(),
            "`log_prob` holds logarithms already.",
        ),
        "probability instead of its logarithm": (
            lambda lp, y: -picked(lp.exp(), y).mean(),
            "`log_prob` can be used as it is: no `exp`.",
        ),
        "softmax once more": (
            lambda lp, y: -picked(torch.softmax(lp, 1), y).mean(),
            "`log_prob` can be used as it is: no softmax.",
        ),
        "label ignored: the largest one": (
            lambda lp, y: -lp.amax(1).mean(),
            "the log-probability of the true class is asked, which need not be the largest.",
        ),
        "label ignored: all of them": (
            lambda lp, y: -lp.mean(),
            "one number of each row counts: the one in the column of its label.",
        ),
    },
    [
        "It is the last step of your `sparse_cross_entropy`.",
        "`log_prob[torch.arange(len(labels)), labels]`, the mean, and a minus.",
    ],
    minutes=3,
    visible=[
        ("two samples, three classes", t([-0.5, -1.5, -2], [-3, -0.25, -1]), torch.tensor([0, 2])),
        (
            "three samples, two classes, float64",
            t([-0.25, -2], [-0.75, -0.5], [-1, -1.5], dtype=torch.float64),
            torch.tensor([1, 0, 1]),
        ),
        ("one sample, four classes", t([-0.5, -2, -2.5, -3]), torch.tensor([2])),
        ("large numbers", t([-10000, 0], [-0.5, -9000]), torch.tensor([0, 1])),
    ],
    hidden=nll_hidden,
    mutate=lambda lp, y: -lp,
)


def multi_margin(scores, labels, margin=1.0, p=1):
    return raw_multi_margin(scores, labels, margin, p).mean()


def raw_multi_margin(scores, labels, margin, p, rest=0, cut=lambda x: x.clamp(min=0)):
    """Each sample's loss; `rest` is what the true class contributes."""
    gaps = cut(margin - picked(scores, labels)[:, None] + scores) ** p
    gaps[torch.arange(len(labels)), labels] = rest
    return gaps.sum(1) / scores.shape[1]


def multi_margin_loop(scores, labels, margin=1.0, p=1):
    total = 0.0
    for row, y in zip(scores.tolist(), labels.tolist()):
        gaps = [max(0.0, margin - row[y] + s) ** p for i, s in enumerate(row) if i != y]
        total += sum(gaps) / len(row)
    return torch.tensor(total / len(scores), dtype=scores.dtype)


def multi_margin_mask(scores, labels, margin=1.0, p=1):
    others = 1 - one_hot_of(labels, scores.shape[1], scores.dtype)
    gap = torch.relu(margin + scores - scores.gather(1, labels.view(-1, 1)))
    return (others * gap.pow(p)).mean()


def multi_margin_subtract(scores, labels, margin=1.0, p=1):
    s = scores.double()
    gap = (s.T - s[range(len(s)), labels] + margin).clamp(min=0) ** p
    return ((gap.sum(0) - margin**p) / len(gap)).mean().to(scores.dtype)


def logit_options(draw):
    return {}, {"margin": draw.number(0.3, 0.8)}, {"p": 2}, {"margin": draw.number(1.5, 3), "p": 2}


MULTI_MARGIN = exercise(
    multi_margin,
    [multi_margin_loop, multi_margin_mask, multi_margin_subtract],
    {
        "1/C forgotten": (
            lambda s, y, **how: multi_margin(s, y, **how) * s.shape[1],
            "the sum over the wrong classes is divided by C, the number of classes.",
        ),
        "divided by C − 1": (
            lambda s, y, **how: multi_margin(s, y, **how) * s.shape[1] / (s.shape[1] - 1),
            "there are C − 1 wrong classes, but the formula divides by C.",
        ),
        **sum_for_mean(lambda s, y, **how: multi_margin(s, y, **how) * len(s)),
        "true class counted": (
            lambda s, y, margin=1.0, p=1: raw_multi_margin(s, y, margin, p, rest=margin**p).mean(),
            "for i = y the term is max(0, margin − s_y + s_y) = margin: leave the true class out.",
        ),
        "margin ignored": (
            lambda s, y, margin=1.0, p=1: multi_margin(s, y, p=p),
            "this fits margin = 1 only: where does the formula need `margin`?",
        ),
        "p ignored": (
            lambda s, y, margin=1.0, p=1: multi_margin(s, y, margin),
            "each term max(0, …) is taken to the power p.",
        ),
        "power of the sum": (
            lambda s, y, margin=1.0, p=1: (
                (raw_multi_margin(s, y, margin, 1) * s.shape[1]) ** p / s.shape[1]
            ).mean(),
            "each term is taken to the power p on its own; then comes the sum.",
        ),
        "margin outside the cut": (
            lambda s, y, margin=1.0, p=1: (
                raw_multi_margin(s, y, 0.0, p, cut=lambda x: x.clamp(min=0) + margin)
            ).mean(),
            "the margin belongs into max(0, margin − s_y + s_i).",
        ),
        "difference the other way round": (
            lambda s, y, **how: multi_margin(-s, y, **how),
            "it costs when a wrong score s_i comes near s_y: margin − s_y + s_i.",
        ),
        "only the strongest rival": (
            lambda s, y, margin=1.0, p=1: (
                (
                    margin
                    - picked(s, y)
                    + s.masked_fill(one_hot_of(y, s.shape[1], torch.bool), -math.inf).amax(1)
                ).clamp(min=0)
                ** p
                / s.shape[1]
            ).mean(),
            "all wrong classes count that come too near, not only the largest one.",
        ),
        "not cut at 0": (
            lambda s, y, margin=1.0, p=1: raw_multi_margin(s, y, margin, p, cut=lambda x: x).mean(),
            "a wrong class that is far enough below costs nothing: max(0, …).",
        ),
    },
    [
        "First the true score of each sample, as a column: shape (N, 1).",
        "`margin - true + scores` holds all terms, also the one of the true class: make that 0.",
        "Cut at 0, to the power p, sum over the classes, divide by C, mean over the samples.",
    ],
    minutes=15,
    points=2,
    options=({}, {"margin": 0.5}, {"p": 2}, {"margin": 2.0, "p": 2}),
    fresh=logit_options,
    visible=[
        LOGITS_VISIBLE[0],
        LOGITS_VISIBLE[1],
        LOGITS_VISIBLE[2],
        ("two samples, four classes", t([1, 2, 0, 4], [0.5, 0.5, 3, 2]), torch.tensor([1, 2])),
        ("large scores", *LOGITS_VISIBLE[3][1:]),
    ],
    hidden=logit_hidden,
)


def kl_divergence(p, q):
    return (p * (log(p) - log(q))).sum(1).mean()


def kl_loop(p, q):
    total = 0.0
    for row, other in zip(p.tolist(), q.tolist()):
        total += sum(a * math.log(a / max(b, EPS)) for a, b in zip(row, other) if a > 0)
    return torch.tensor(total / len(p), dtype=p.dtype)


def kl_where(p, q):
    return torch.where(p > 0, p * torch.log(p / q.clamp(min=EPS)), 0).sum() / len(p)


def kl_entropies(p, q):
    return (torch.special.entr(p).neg() - torch.xlogy(p, q + EPS)).sum(dim=1).mean()


def kl_range(p, q):
    """Clamping p or adding 1e-12 to it moves each term by at most 3e-11."""
    answer, slack = kl_divergence(p, q), 3e-11 * p.shape[-1]
    return answer - slack, answer + slack


def kl_hidden(draw):
    values = simplex(draw)
    holes = torch.cat([values(4, 2), torch.zeros(4, 2)], 1)[:, torch.tensor([2, 0, 3, 1])]
    double = torch.cat([values(3, 2).double(), torch.zeros(3, 1)], 1)
    near = values(6, 4)
    return [
        *class_pairs(draw, values, values),
        ("equal distributions", near, near.clone()),
        ("p sure", sure(5, 4), values(5, 4)),
        ("zeros in p", holes, values(4, 4)),
        ("zeros in p, float64", double, values(3, 3, torch.float64)),
        ("zeros in q", values(4, 4), holes),
        ("zeros in q, float64", values(3, 3, torch.float64), double),
        ("zeros in both", holes, holes.flip(0)),
        ("ties", torch.full((4, 4), 0.25), values(4, 4)),
    ]


KL_DIVERGENCE = exercise(
    kl_divergence,
    [kl_loop, kl_where, kl_entropies],
    {
        "p and q swapped": (
            lambda p, q: kl_divergence(q, p),
            "KL is not symmetric: the weights are p, and the ratio is p/q.",
        ),
        **both_divisors(lambda p, q: kl_divergence(p, q) / p.shape[-1]),
        **sum_for_mean(lambda p, q: kl_divergence(p, q) * len(p)),
        "0·ln 0 is NaN, and division by 0": (
            lambda p, q: (p * (p / q).log()).sum(-1).mean(),
            "where p is 0 the term is 0, not 0·(−∞) = NaN, and q is at least 1e-12: "
            "clamp both before the logarithm.",
        ),
        "0·ln 0 is NaN": (
            lambda p, q: (p * (p / q.clamp(min=EPS)).log()).sum(-1).mean(),
            "where p is 0 the term is 0: clamp p before the logarithm too, or use `torch.where`.",
        ),
        "q not clamped": (
            lambda p, q: (p * (log(p) - q.log())).sum(-1).mean(),
            "for q = 0 the logarithm is −∞: q is at least 1e-12.",
        ),
        "cross-entropy": (
            lambda p, q: -(p * log(q)).sum(-1).mean(),
            "−Σ p ln q is the cross-entropy; KL takes the entropy of p off, so that p = q costs 0.",
        ),
        "sign the other way round": (
            lambda p, q: -kl_divergence(p, q),
            "KL is never negative: p·ln(p/q), with p above q in the ratio.",
        ),
        "weights q": (
            lambda p, q: (q * (log(p) - log(q))).sum(-1).mean(),
            "each logarithm is weighted with p.",
        ),
        "logarithm to base 2": (
            lambda p, q: kl_divergence(p, q) / math.log(2),
            "that counts in bits; the formula has the natural logarithm.",
        ),
        "weights forgotten": (
            lambda p, q: (log(p) - log(q)).sum(-1).mean(),
            "each logarithm is weighted with p: p·ln(p/q).",
        ),
    },
    [
        "ln(p/q) = ln p − ln q, each with `clamp(min=1e-12)` before it.",
        "Weights p, sum over the last dimension, mean over the batch.",
    ],
    minutes=8,
    visible=[
        (
            "two pairs of distributions",
            t([0.5, 0.25, 0.25], [0.1, 0.1, 0.8]),
            t([0.2, 0.3, 0.5], [0.25, 0.25, 0.5]),
        ),
        (
            "three pairs, float64",
            t([0.5, 0.5], [0.9, 0.1], [0.2, 0.8], dtype=torch.float64),
            t([0.25, 0.75], [0.5, 0.5], [0.2, 0.8], dtype=torch.float64),
        ),
        ("zeros in p", t([0, 1, 0]), t([0.25, 0.5, 0.25])),
        ("zeros in q", t([0.25, 0.75], [0.5, 0.5]), t([0, 1], [1, 0])),
    ],
    hidden=kl_hidden,
    valid=kl_range,
    mutate=lambda p, q: p.clamp(0.1, 0.9),
)


def classification_error(scores, labels):
    return (scores.argmax(1) != labels).to(scores.dtype).mean()


def error_loop(scores, labels):
    wrong = 0
    for row, label in zip(scores, labels):
        wrong += int(torch.argmax(row).item() != label.item())
    return torch.tensor(wrong / len(labels), dtype=scores.dtype)


def error_by_rank(scores, labels):
    """A class with the same score counts as wrong: one of the valid choices for ties."""
    rivals = (scores >= picked(scores, labels)[:, None]).sum(1) - 1
    return (rivals > 0).sum().to(scores.dtype) / scores.shape[0]


def error_range(scores, labels):
    """Where the true class shares the largest score, both verdicts are right."""
    beaten = scores.amax(1) > picked(scores, labels)
    return beaten.to(scores.dtype).mean(), error_by_rank(scores, labels)


def error_hidden(draw):
    n = draw.integer(7, 12)
    labels = labels_of(draw)
    pairs = logit_hidden(draw)
    right = draw.integers(n, high=4)
    peaks = draw.uniform(n, 4) + 3 * one_hot_of(right, 4, torch.float32)
    return [
        *pairs,
        ("all right", peaks, right),
        ("all wrong", peaks, (right + 1) % 4),
        ("all negative scores", peaks - 100, torch.where(torch.arange(n) < 3, 0, right)),
        ("two ties for the lead", t([2, 2, 0], [1, 5, 5], [3, 0, 3]), labels(3, 3)),
        ("three of seven wrong", peaks[:7], (right[:7] + t(1, 0, 0, 2, 0, 0, 3).long()) % 4),
    ]


CLASSIFICATION_ERROR = exercise(
    classification_error,
    [
        error_loop,
        error_by_rank,
        lambda s, y: 1 - (s.max(dim=1).indices == y).sum() / torch.tensor(len(y), dtype=s.dtype),
        lambda s, y: (s.argsort(dim=1)[:, -1] - y).sign().abs().to(s.dtype).mean(),
    ],
    {
        "accuracy": (
            lambda s, y: (s.argmax(-1) == y).to(s.dtype).mean(),
            "that is the share of right answers; the share of wrong ones is asked.",
        ),
        "count instead of share": (
            lambda s, y: (s.argmax(-1) != y).to(s.dtype).sum(),
            "divide by the number of samples.",
        ),
        "percent": (lambda s, y: 100 * classification_error(s, y), "a share lies between 0 and 1."),
        "smallest score": (
            lambda s, y: (s.argmin(-1) != y).to(s.dtype).mean(),
            "the class with the largest score is the answer: `argmax`.",
        ),
        "largest over the samples": (
            lambda s, y: (s.argmax(0) != y).to(s.dtype).mean(),
            "each row is one sample: look for the largest along the last dimension.",
        ),
        "sign of the true score": (
            lambda s, y: (picked(s, y) <= 0).to(s.dtype).mean(),
            "with several classes the largest score wins, whatever its sign.",
        ),
        "one answer for each sample": (
            lambda s, y: (s.argmax(-1) != y).to(s.dtype),
            "the mean over the samples comes last.",
        ),
    },
    [
        "Which class does a row of scores choose?",
        "`scores.argmax(-1) != labels` holds booleans; their mean as numbers is a share.",
        "`.to(scores.dtype)` makes numbers of booleans in the right dtype.",
    ],
    minutes=4,
    visible=[
        (
            "four samples, three classes",
            t([1, 2, 0], [0.5, 0.25, 3], [2, 1, 0], [-3, -1, -2]),
            torch.tensor([1, 0, 0, 1]),
        ),
        (
            "three samples, two classes, float64",
            t([1, -1], [0, 2], [0.5, 0.25], dtype=torch.float64),
            torch.tensor([0, 0, 1]),
        ),
        ("one sample", t([3, 1, 2]), torch.tensor([0])),
        ("a tie for the lead", t([2, 2, 0], [0, 1, 5]), torch.tensor([0, 1])),
    ],
    hidden=error_hidden,
    valid=error_range,
)

# gradients


def bce_logits_grad(logits, target):
    return (torch.sigmoid(logits) - target) / logits.numel()


def bce_logits_grad_loop(logits, target):
    result = torch.zeros_like(logits)
    for i, (z, y) in enumerate(zip(logits.flatten(), target.flatten())):
        result.view(-1)[i] = (1 / (1 + torch.exp(-z)) - y) / logits.numel()
    return result


BCE_LOGITS_GRAD = exercise(
    bce_logits_grad,
    [
        bce_logits_grad_loop,
        lambda z, y: ((1 + torch.tanh(z / 2)) / 2 - y) / torch.ones_like(z).sum(),
        lambda z, y: torch.where(y == 1, -torch.sigmoid(-z), torch.sigmoid(z)) / z.numel(),
    ],
    {
        **mean_forgotten(lambda z, y: torch.sigmoid(z) - y),
        "sign the other way round": (
            lambda z, y: -bce_logits_grad(z, y),
            "for target 0 a larger logit makes the loss larger: the gradient is positive there.",
        ),
        "sigmoid forgotten": (
            lambda z, y: (z - y) / z.numel(),
            "the probability σ(z) is compared with the target, not z itself.",
        ),
        "times σ′, as with the squared error": (
            lambda z, y: bce_logits_grad(z, y) * torch.sigmoid(z) * (1 - torch.sigmoid(z)),
            "with cross-entropy σ′ cancels: (σ − target)/N is all.",
        ),
        "gradient of the probability": (
            lambda z, y: (
                (torch.sigmoid(z) - y) / (torch.sigmoid(z) * (1 - torch.sigmoid(z))) / z.numel()
            ),
            "that is the gradient with respect to σ(z); the chain rule brings σ·(1 − σ).",
        ),
        "1/N of the rows only": (
            lambda z, y: (torch.sigmoid(z) - y) / (len(z) if z.dim() else 1),
            "the mean goes over all elements: N is `logits.numel()`, not the number of rows.",
        ),
        "e^z/(1 + e^z) overflows": (
            lambda z, y: (z.exp() / (1 + z.exp()) - y) / z.numel(),
            "for z = 10 000 this is ∞/∞, NaN: the sigmoid as 1/(1 + e^(−z)) is safe.",
        ),
        "gradient averaged": (
            lambda z, y: (torch.sigmoid(z) - y).mean(),
            "there is one derivative for each logit: the gradient has the shape of `logits`.",
        ),
    },
    [
        "Differentiate ln(1 + e^z) − z·target with respect to z.",
        "σ(z) − target for each element, and 1/N from the mean over all.",
    ],
    minutes=8,
    points=2,
    visible=[
        ("four logits", t(-2, 0.5, 1, 3), t(0, 1, 0, 1)),
        (
            "two rows of three, float64",
            t([-1, 0, 2], [0.5, -3, 1], dtype=torch.float64),
            t([0, 1, 1], [1, 1, 0], dtype=torch.float64),
        ),
        ("one logit", t(-0.5), t(1)),
        ("large logits", t(-10000, 10000, -10000, 10000), t(0, 1, 1, 0)),
    ],
    hidden=bce_logits_hidden,
    mutate=lambda z, y: torch.sigmoid(z),
)


def softmax_cross_entropy_grad(logits, labels):
    return grad_times_n(logits, labels) / len(labels)


def grad_times_n(logits, labels):
    return torch.softmax(logits, 1) - one_hot_of(labels, logits.shape[1], logits.dtype)


def softmax_grad_index(logits, labels):
    grad = torch.exp(logits - logits.logsumexp(1, keepdim=True))
    grad[torch.arange(len(labels)), labels] -= 1
    return grad / logits.shape[0]


def softmax_grad_loop(logits, labels):
    rows = []
    for z, y in zip(logits.tolist(), labels.tolist()):
        powers = [math.exp(x - max(z)) for x in z]
        rows.append([(e / sum(powers) - (i == y)) / len(labels) for i, e in enumerate(powers)])
    return torch.tensor(rows, dtype=logits.dtype)


def subtract_everywhere(logits, labels):
    grad = torch.softmax(logits, -1)
    grad[:, labels] -= 1
    return grad / len(labels)


SOFTMAX_CROSS_ENTROPY_GRAD = exercise(
    softmax_cross_entropy_grad,
    [
        softmax_grad_index,
        softmax_grad_loop,
        lambda z, y: (
            torch.softmax(z, 1)
            .scatter_add(1, y[:, None], -torch.ones(len(y), 1, dtype=z.dtype))
            .div(len(y))
        ),
    ],
    {
        **mean_forgotten(grad_times_n),
        "divided by N·C": (
            lambda z, y: grad_times_n(z, y) / z.numel(),
            "the loss is a mean over the N samples: divide by N, the number of rows.",
        ),
        "sign the other way round": (
            lambda z, y: -softmax_cross_entropy_grad(z, y),
            "a larger logit of a wrong class makes the loss larger: its derivative is positive.",
        ),
        "one-hot forgotten": (
            lambda z, y: torch.softmax(z, -1) / len(y),
            "the true class carries −1 as well, so that each row sums to 0.",
        ),
        "1 taken off in all rows": (
            subtract_everywhere,
            "`grad[:, labels]` means these columns in every row: "
            "`grad[torch.arange(N), labels] -= 1` takes one from each row.",
        ),
        "maximum not subtracted": (
            lambda z, y: (
                (z.exp() / z.exp().sum(1, keepdim=True) - one_hot_of(y, z.shape[1], z.dtype))
                / len(y)
            ),
            "e^10000 is ∞, and ∞/∞ is NaN: subtract the maximum of each row first.",
        ),
        "softmax over the samples": (
            lambda z, y: (torch.softmax(z, 0) - one_hot_of(y, z.shape[1], z.dtype)) / len(y),
            "each row is one sample: the softmax goes over the classes, the last dimension.",
        ),
        "sigmoid instead of softmax": (
            lambda z, y: (torch.sigmoid(z) - one_hot_of(y, z.shape[1], z.dtype)) / len(y),
            "the classes exclude each other: their probabilities come from one softmax.",
        ),
        "logits taken for probabilities": (
            lambda z, y: (z - one_hot_of(y, z.shape[1], z.dtype)) / len(y),
            "the softmax of the logits is compared with the one-hot labels.",
        ),
        "only the true class": (
            lambda z, y: grad_times_n(z, y) * one_hot_of(y, z.shape[1], z.dtype) / len(y),
            "through the sum in the softmax the loss depends on all logits of a row.",
        ),
    },
    [
        "The loss of a row is ln Σ e^z − z_y. What is its derivative with respect to zᵢ?",
        "softmax(z)ᵢ, and −1 more where i is the label.",
        "Take 1 off at [arange(N), labels], then divide by N.",
    ],
    minutes=12,
    points=2,
    visible=LOGITS_VISIBLE,
    hidden=logit_hidden,
    mutate=lambda z, y: torch.softmax(z, 1),
)


def hinge_grad(score, target):
    return -target * (target * score < 1) / score.numel()


def hinge_grad_where(score, target):
    active = 1 - target * score >= 0
    return torch.where(active, -target, torch.zeros_like(target)) / score.numel()


def hinge_grad_loop(score, target):
    both = zip(score.flatten().tolist(), target.flatten().tolist())
    slopes = [-y / score.numel() if y * s < 1 else 0.0 for s, y in both]
    return torch.tensor(slopes, dtype=score.dtype).reshape(score.shape)


def hinge_slopes(score, target):
    """On the margin every slope between 0 and −target/N is a subgradient."""
    slope, edge = hinge_grad(score, target), -target / score.numel()
    other = torch.where(target * score == 1, edge, slope)
    return torch.minimum(slope, other), torch.maximum(slope, other)


HINGE_GRAD = exercise(
    hinge_grad,
    [
        hinge_grad_where,
        hinge_grad_loop,
        lambda s, y: -y * (torch.sign(1 - y * s) + 1) / 2 / s.numel(),
    ],
    {
        **mean_forgotten(lambda s, y: -y * (y * s < 1)),
        "sign the other way round": (
            lambda s, y: y * (y * s < 1) / s.numel(),
            "a larger score of a sample with target +1 makes the loss smaller: the slope is "
            "negative.",
        ),
        "target forgotten": (
            lambda s, y: -1.0 * (y * s < 1).to(s.dtype) / s.numel(),
            "the derivative of 1 − target·score is −target, which is +1 for target −1.",
        ),
        "not cut beyond the margin": (
            lambda s, y: -y / s.numel(),
            "where target·score is above 1 the loss is 0, and so is its slope.",
        ),
        "cut at 0 instead of 1": (
            lambda s, y: -y * (y * s <= 0) / s.numel(),
            "a right score below 1 still costs: the slope is 0 only beyond target·score = 1.",
        ),
        "active side swapped": (
            lambda s, y: -y * (y * s > 1) / s.numel(),
            "the slope is not 0 where the loss is not 0: where target·score is below 1.",
        ),
        "score instead of target": (
            lambda s, y: -s * (y * s < 1) / s.numel(),
            "that is the derivative with respect to the target; of the score it is −target.",
        ),
        "slope grows with the violation": (
            lambda s, y: -y * (1 - y * s).clamp(min=0) / s.numel(),
            "that fits a squared hinge; the hinge loss is a line, with slope −target.",
        ),
        "1/N of the rows only": (
            lambda s, y: -y * (y * s < 1) / (len(s) if s.dim() else 1),
            "the mean goes over all elements: N is `score.numel()`, not the number of rows.",
        ),
    },
    [
        "Two branches: 0 beyond the margin, 1 − target·score before it.",
        "−target where target·score < 1, and 1/N.",
    ],
    minutes=6,
    visible=HINGE_VISIBLE,
    hidden=hinge_hidden,
    valid=hinge_slopes,
    mutate=lambda s, y: s * y,
)

EXERCISES = [
    BINARY_CROSS_ENTROPY,
    BINARY_CROSS_ENTROPY_WITH_LOGITS,
    HINGE,
    SQUARED_HINGE,
    LOG_SOFTMAX,
    CROSS_ENTROPY,
    SPARSE_CROSS_ENTROPY,
    NLL,
    MULTI_MARGIN,
    KL_DIVERGENCE,
    CLASSIFICATION_ERROR,
    BCE_LOGITS_GRAD,
    SOFTMAX_CROSS_ENTROPY_GRAD,
    HINGE_GRAD,
]
