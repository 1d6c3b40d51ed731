"""Hidden tests of the assignment `perceptron`."""

import torch

from course.exercises import Case, Exercise, Misconception

XOR = ([1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1])


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def visible(**options):
    """Cases that can be checked with pencil and paper; the first input of a sample is 1."""
    X = t([1, 2, 1], [1, -1, 3], [1, 0, -2], [1, 4, 0])
    y = t(1, 1, -1, -1)
    lines = [
        ("four points, two misclassified", t(1.0, 1.0, -1.0)),
        ("a point exactly on the line", t(-3.0, 1.0, 1.0)),
        ("theta = 0, every score is 0", t(0.0, 0.0, 0.0)),
        ("nothing misclassified", t(0.5, -1.0, 2.0)),
        ("theta in float64", t(1.0, 1.0, -1.0, dtype=torch.float64)),
    ]
    return [Case(label, (th, X.to(th.dtype), y.to(th.dtype)), options) for label, th in lines]


def eighths(draw, *shape):
    """Random multiples of 1/8: sums of their products are exact, so a score of 0 is one."""
    return draw.integers(*shape, low=-24, high=25) / 8


def hidden(draw, options=lambda draw: {}):
    """Random points with the awkward ones among them."""
    n, d = draw.integer(6, 14), draw.integer(2, 6)
    sizes = {
        "a batch": (n, d),
        "many inputs": (n, 40),
        "one input": (n, 1),
        "one sample": (1, d),
    }
    cases = [
        (label, eighths(draw, size[1]), eighths(draw, *size), draw.signs(size[0]))
        for label, size in sizes.items()
    ]
    first = torch.eye(d)[0]
    X, y = eighths(draw, n, d), draw.signs(n)
    on_line = X.clone()
    on_line[: n // 2, 0] = 0
    far, double = X + 100 * y[:, None] * first, {"dtype": torch.float64}
    cases += [
        ("points exactly on the line", first, on_line, y),
        ("theta = 0", torch.zeros(d), X, y),
        ("nothing misclassified", first, far, y),
        ("everything misclassified", -first, far, y),
        ("large numbers", 8192 * eighths(draw, d), 8192 * X, y),
        ("float64", draw.normal(d, **double), draw.normal(n, d, **double), draw.signs(n, **double)),
        ("one class only", eighths(draw, d), X, torch.ones(n)),
    ]
    return [Case(label, args, options(draw)) for label, *args in cases]


def everywhere(function):
    """Mistakes that are possible in each exercise; `function` is right."""

    def in_place(theta, X, y, *args, **kwargs):
        result = function(theta, X, y, *args, **kwargs)
        X.mul_(y[:, None])
        return result

    return [
        Misconception(
            "argument changed in place",
            in_place,
            "methods that end in _ (and `*=`, `+=`) write into the caller's tensor: "
            "`X * y[:, None]` makes a new one.",
        ),
        Misconception(
            "float64 thrown away",
            lambda *args, **kwargs: function(*args, **kwargs).float(),
            "`.float()` makes float32 of whatever comes; the result has the dtype of the "
            "arguments: `.to(X.dtype)`.",
        ),
    ]


def scores(theta, X, y):
    """y·(X@theta) of each sample: negative on the wrong side."""
    return y * (X @ theta)


# zero_one_loss


def zero_one_loss(theta, X, y):
    return (y * (X @ theta) <= 0).to(X.dtype).mean()


def zero_one_loss_loop(theta, X, y):
    wrong = 0
    for x, label in zip(X, y):
        if float(label * torch.dot(x, theta)) <= 0:
            wrong += 1
    return torch.tensor(wrong / len(y), dtype=X.dtype)


def zero_one_loss_sign(theta, X, y):
    agree = torch.sign(torch.einsum("nd,d->n", X, theta)) == y
    return 1 - torch.where(agree, torch.ones_like(y), torch.zeros_like(y)).mean()


ZERO_ONE_LOSS = Exercise(
    name="zero_one_loss",
    points=1,
    minutes=5,
    reference=zero_one_loss,
    visible=visible(),
    hidden=hidden,
    alternatives=[zero_one_loss_loop, zero_one_loss_sign],
    misconceptions=[
        Misconception(
            "number instead of share",
            lambda theta, X, y: (scores(theta, X, y) <= 0).to(X.dtype).sum(),
            "the count grows with N; the loss is the share: divide by N.",
        ),
        Misconception(
            "points on the line not counted",
            lambda theta, X, y: (scores(theta, X, y) < 0).to(X.dtype).mean(),
            "a score of exactly 0 is on neither side: it counts as wrong, so ≤ and not <.",
        ),
        Misconception(
            "share of right answers",
            lambda theta, X, y: (scores(theta, X, y) > 0).to(X.dtype).mean(),
            "that is the accuracy; a loss counts what is wrong.",
        ),
        Misconception(
            "labels left out",
            lambda theta, X, y: (X @ theta <= 0).to(X.dtype).mean(),
            "a negative score is right for a sample of class −1: multiply by y first.",
        ),
        Misconception(
            "one answer a sample",
            lambda theta, X, y: (scores(theta, X, y) <= 0).to(X.dtype),
            "the loss is one number: the mean over the samples.",
        ),
        *everywhere(zero_one_loss),
    ],
    hints=[
        "Which sign does y·(X@theta) have where the line is right?",
        "`y * (X @ theta) <= 0` is True for each misclassified sample.",
        "Make numbers of True and False with `.to(X.dtype)`; their mean is the share.",
    ],
    tolerance=100,
)

# perceptron_loss


def perceptron_loss(theta, X, y):
    s = y * (X @ theta)
    return -s[s <= 0].sum()


def perceptron_loss_clamp(theta, X, y):
    return (-y * torch.mv(X, theta)).clamp(min=0).sum()


def perceptron_loss_loop(theta, X, y):
    total = torch.zeros((), dtype=X.dtype)
    for i in range(len(y)):
        s = (X[i] * theta).sum()
        if s * y[i] < 0:
            total = total + s.abs()
    return total


PERCEPTRON_LOSS = Exercise(
    name="perceptron_loss",
    points=1,
    minutes=8,
    reference=perceptron_loss,
    visible=visible(),
    hidden=hidden,
    alternatives=[perceptron_loss_clamp, perceptron_loss_loop],
    misconceptions=[
        Misconception(
            "sign the other way round",
            lambda theta, X, y: -perceptron_loss(theta, X, y),
            "on the wrong side y·(X@theta) is negative; the minus in front makes a distance of it.",
        ),
        Misconception(
            "sum over all samples",
            lambda theta, X, y: -scores(theta, X, y).sum(),
            "samples on the right side cost nothing: sum over the misclassified ones only.",
        ),
        Misconception(
            "sum over the right samples",
            lambda theta, X, y: scores(theta, X, y).clamp(min=0).sum(),
            "these are the samples on the right side; the cost counts those on the wrong one.",
        ),
        Misconception(
            "mean over all samples",
            lambda theta, X, y: perceptron_loss(theta, X, y) / len(y),
            "this cost is a sum: no division by N.",
        ),
        Misconception(
            "number instead of distance",
            lambda theta, X, y: (scores(theta, X, y) <= 0).to(X.dtype).sum(),
            "that counts the mistakes; here each one costs how far it is on the wrong side.",
        ),
        Misconception(
            "labels left out",
            lambda theta, X, y: (X @ theta).neg().clamp(min=0).sum(),
            "a negative score is right for a sample of class −1: multiply by y first.",
        ),
        *everywhere(perceptron_loss),
    ],
    hints=[
        "Start with y·(X@theta). Which of these numbers count, and with which sign?",
        "A Boolean mask picks elements: `s[s <= 0]`.",
        "Or let `clamp(min=0)` set the right samples to 0, after a minus.",
    ],
)

# perceptron_grad


def perceptron_grad(theta, X, y):
    wrong = y * (X @ theta) <= 0
    return -(y[wrong] @ X[wrong])


def perceptron_grad_loop(theta, X, y):
    grad = torch.zeros_like(theta)
    for x, label in zip(X, y):
        if not label * (x @ theta) > 0:
            grad -= label * x
    return grad


def perceptron_grad_einsum(theta, X, y):
    wrong = torch.where(torch.sign(X @ theta) == y, 0.0, 1.0).double()
    return -torch.einsum("n,n,nd->d", wrong, y.double(), X.double()).to(X.dtype)


def pulls(theta, X, y):
    """−y·x of each misclassified sample."""
    wrong = scores(theta, X, y) <= 0
    return -y[wrong, None] * X[wrong]


def grad_of_first(theta, X, y):
    rows = pulls(theta, X, y)
    return rows[0] if len(rows) else torch.zeros_like(theta)


PERCEPTRON_GRAD = Exercise(
    name="perceptron_grad",
    points=2,
    minutes=12,
    reference=perceptron_grad,
    visible=visible(),
    hidden=hidden,
    alternatives=[perceptron_grad_loop, perceptron_grad_einsum],
    misconceptions=[
        Misconception(
            "sign the other way round",
            lambda theta, X, y: -perceptron_grad(theta, X, y),
            "that is the way downhill; the gradient points uphill: −Σ y·x.",
        ),
        Misconception(
            "sum over all samples",
            lambda theta, X, y: -(y @ X),
            "samples on the right side cost nothing, so they don't pull: "
            "sum over the misclassified ones only.",
        ),
        Misconception(
            "points on the line left out",
            lambda theta, X, y: -(y * (scores(theta, X, y) < 0)) @ X,
            "a score of exactly 0 counts as wrong. At theta = 0 every score is 0: with < instead "
            "of ≤ the training could never start.",
        ),
        Misconception(
            "mean instead of sum",
            lambda theta, X, y: perceptron_grad(theta, X, y) / len(y),
            "the loss is a sum over samples without 1/N, and so is its gradient.",
        ),
        Misconception(
            "mean over the misclassified samples",
            lambda theta, X, y: perceptron_grad(theta, X, y) / max(1, len(pulls(theta, X, y))),
            "the loss is a sum over the misclassified samples, and so is its gradient.",
        ),
        Misconception(
            "labels left out",
            lambda theta, X, y: -X[scores(theta, X, y) <= 0].sum(0),
            "a misclassified sample of class −1 pulls the other way: y·x, not x.",
        ),
        Misconception(
            "one row a sample",
            pulls,
            "there is one slope for each element of theta: add up the rows, shape (D,).",
        ),
        Misconception(
            "first misclassified sample only",
            grad_of_first,
            "every misclassified sample adds its −y·x, not only the first one.",
        ),
        *everywhere(perceptron_grad),
    ],
    hints=[
        "The derivative of −y·(x@theta) with respect to theta is −y·x.",
        "With a mask `wrong`, `X[wrong]` holds the misclassified rows and `y[wrong]` their labels.",
        "A vector of labels times a matrix of rows, `y[wrong] @ X[wrong]`, adds the rows up.",
    ],
)

# perceptron_step


def perceptron_step(theta, X, y, lr):
    return theta - lr * perceptron_grad(theta, X, y)


def perceptron_step_toward(theta, X, y, lr):
    new = theta.clone()
    for x, label in zip(X, y):
        if label * torch.dot(x, theta) <= 0:
            new += lr * label * x
    return new


def perceptron_step_masked(theta, X, y, lr):
    wrong = (torch.sign(X @ theta) != y).to(X.dtype)
    return torch.stack([theta, lr * (X.T @ (wrong * y))]).sum(dim=0)


def step_in_place(theta, X, y, lr):
    theta -= lr * perceptron_grad(theta, X, y)
    return theta


def step_by_step(theta, X, y, lr):
    theta = theta.clone()
    for x, label in zip(X, y):
        if label * (x @ theta) <= 0:
            theta = theta + lr * label * x
    return theta


def with_lr(draw):
    return {"lr": draw.number(0.05, 0.9)}


PERCEPTRON_STEP = Exercise(
    name="perceptron_step",
    points=1,
    minutes=5,
    reference=perceptron_step,
    visible=visible(lr=0.5),
    hidden=lambda draw: hidden(draw, with_lr),
    alternatives=[perceptron_step_toward, perceptron_step_masked],
    misconceptions=[
        Misconception(
            "uphill",
            lambda theta, X, y, lr: theta + lr * perceptron_grad(theta, X, y),
            "the gradient points where the loss grows: subtract it.",
        ),
        Misconception(
            "lr left out",
            lambda theta, X, y, lr: theta - perceptron_grad(theta, X, y),
            "this fits lr = 1 only: multiply the gradient by `lr`.",
        ),
        Misconception(
            "the update alone",
            lambda theta, X, y, lr: -lr * perceptron_grad(theta, X, y),
            "asked is the new theta: the old one plus this update.",
        ),
        Misconception(
            "theta changed in place",
            step_in_place,
            "`-=` writes into the caller's theta, who may still need it: "
            "`theta - …` makes a new tensor.",
        ),
        Misconception(
            "one sample after another",
            step_by_step,
            "all samples are judged by the same theta, the old one; here the later ones are "
            "judged by a theta that has already moved.",
        ),
        Misconception(
            "step along all samples",
            lambda theta, X, y, lr: theta + lr * (y @ X),
            "only the misclassified samples pull: use your `perceptron_grad`.",
        ),
        *everywhere(perceptron_step),
    ],
    hints=["Your `perceptron_grad` gives the direction.", "theta − lr · gradient, in one line."],
)

# fit_perceptron


def fit_perceptron(X, y, lr=1.0, max_epochs=100):
    theta = X.new_zeros(X.shape[1])
    for _ in range(max_epochs):
        if zero_one_loss(theta, X, y) == 0:
            break
        theta = perceptron_step(theta, X, y, lr)
    return theta


def fit_perceptron_while(X, y, lr=1.0, max_epochs=100):
    theta, epoch = torch.zeros(X.size(1), dtype=X.dtype), 0
    while bool((y * (X @ theta) <= 0).any()) and epoch < max_epochs:
        theta = theta - lr * perceptron_grad(theta, X, y)
        epoch += 1
    return theta


def fit_perceptron_all_epochs(X, y, lr=1.0, max_epochs=100):
    theta = torch.zeros_like(X[0])
    for _ in range(max_epochs):
        wrong = (torch.sign(X @ theta) != y).to(X.dtype)
        theta = theta + lr * ((wrong * y)[:, None] * X).sum(dim=0)
    return theta


def separable(draw, n, d, **how):
    """Points with a first input of 1 that some line through them parts, a line drawn first."""
    X = draw.normal(n, d, **how) if how else eighths(draw, n, d)
    X[:, 0] = 1
    true = draw.normal(d, dtype=torch.float64)
    return X, torch.where(X.double() @ true > 0, 1.0, -1.0).to(X.dtype)


def hidden_fits(draw):
    n, d = draw.integer(8, 16), draw.integer(3, 5)
    mixed = eighths(draw, 24, 3), draw.signs(24)
    X, y = separable(draw, n, d)
    with_zero = X.clone()
    with_zero[0] = 0
    double = {"dtype": torch.float64}
    return [
        Case("points that a line separates", (X, y)),
        Case("more of them, lr = 0.25", separable(draw, 30, 3), {"lr": 0.25}),
        Case("float64", separable(draw, n, d, **double), {"lr": draw.number(0.05, 0.9)}),
        Case("no line separates them", mixed),
        Case("few epochs", mixed, {"max_epochs": draw.integer(3, 20), "lr": 0.5}),
        Case("a single epoch", separable(draw, n, d), {"max_epochs": 1}),
        Case("no epoch at all", (X, y), {"max_epochs": 0}),
        Case("XOR", (t(*XOR), t(-1, 1, 1, -1)), {"max_epochs": draw.integer(5, 40)}),
        Case("one sample", separable(draw, 1, d)),
        Case("a sample of zeros", (with_zero, y), {"max_epochs": draw.integer(3, 9)}),
    ]


ROW = t([1, 1], [1, 2], [1, 4])
VISIBLE_FITS = [
    Case("two points", (t([1, 2], [1, -1]), t(1, -1))),
    Case("two points, lr = 0.5", (t([1, 2], [1, -1]), t(1, -1)), {"lr": 0.5}),
    Case("four points", (t([1, 2, 1], [1, -1, 3], [1, 0, -2], [1, 4, 0]), t(1, 1, -1, -1))),
    Case("no line separates them, 5 epochs", (ROW, t(1, -1, 1)), {"max_epochs": 5}),
    Case("float64", (t([1, 3], [1, 1], dtype=torch.float64), t(1, -1, dtype=torch.float64))),
]


def fit(X, y, lr, max_epochs, step=perceptron_step, start=0.0):
    """The training with a step or a start of its own."""
    theta = torch.full_like(X[0], start)
    for _ in range(max_epochs):
        if not (scores(theta, X, y) <= 0).any():
            break
        theta = step(theta, X, y, lr)
    return theta


def fit_into_argument(X, y, lr=1.0, max_epochs=100):
    theta = fit(X, y, lr, max_epochs)
    X[:, 0] = 1
    X.mul_(y[:, None])
    return theta


FIT_PERCEPTRON = Exercise(
    name="fit_perceptron",
    points=3,
    minutes=15,
    reference=fit_perceptron,
    visible=VISIBLE_FITS,
    hidden=hidden_fits,
    alternatives=[fit_perceptron_while, fit_perceptron_all_epochs],
    misconceptions=[
        Misconception(
            "theta never leaves zero",
            lambda X, y, lr=1.0, max_epochs=100: torch.zeros_like(X[0]),
            "`perceptron_step` returns the new theta: keep it. And stop by the 0/1 loss: "
            "at theta = 0 the perceptron loss is 0, although everything is misclassified.",
        ),
        Misconception(
            "one step only",
            lambda X, y, lr=1.0, max_epochs=100: fit(X, y, lr, min(1, max_epochs)),
            "one step is seldom enough: repeat until nothing is misclassified.",
        ),
        Misconception(
            "one sample after another",
            lambda X, y, lr=1.0, max_epochs=100: fit(X, y, lr, max_epochs, step_by_step),
            "this is Rosenblatt's rule; asked is one `perceptron_step` with all samples an epoch.",
        ),
        Misconception(
            "started from ones",
            lambda X, y, lr=1.0, max_epochs=100: fit(X, y, lr, max_epochs, start=1.0),
            "theta starts from zeros.",
        ),
        Misconception(
            "lr not passed on",
            lambda X, y, lr=1.0, max_epochs=100: fit(X, y, 1.0, max_epochs),
            "`perceptron_step` needs the `lr` that the caller gave.",
        ),
        Misconception(
            "max_epochs not passed on",
            lambda X, y, lr=1.0, max_epochs=100: fit(X, y, lr, 100),
            "this makes 100 steps whatever `max_epochs` is.",
        ),
        Misconception(
            "one step too many",
            lambda X, y, lr=1.0, max_epochs=100: fit(X, y, lr, max_epochs + 1),
            "with `max_epochs=5` there are at most 5 steps: `range(max_epochs)`.",
        ),
        Misconception(
            "the step uphill",
            lambda X, y, lr=1.0, max_epochs=100: fit(X, y, -lr, max_epochs),
            "theta moves away from a good line: is the sign of the step right?",
        ),
        Misconception(
            "theta in float32 whatever X is",
            lambda X, y, lr=1.0, max_epochs=100: fit_perceptron(
                X, y, lr + 0 * (X @ torch.zeros(X.shape[1])).sum(), max_epochs
            ),
            "`torch.zeros(D)` is float32: give it `dtype=X.dtype`, or use `zeros_like(X[0])`.",
        ),
        Misconception(
            "argument changed in place",
            fit_into_argument,
            "X belongs to the caller: `X * y[:, None]` makes a new tensor, `*=` does not.",
        ),
    ],
    hints=[
        "A `for` loop over epochs, with a way out. When is the training done?",
        "Leave the loop when your `zero_one_loss` is 0; otherwise take your `perceptron_step`.",
        "Start with `torch.zeros(X.shape[1], dtype=X.dtype)`; after the loop give theta back.",
    ],
)

EXERCISES = [ZERO_ONE_LOSS, PERCEPTRON_LOSS, PERCEPTRON_GRAD, PERCEPTRON_STEP, FIT_PERCEPTRON]
