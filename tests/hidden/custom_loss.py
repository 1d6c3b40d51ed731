"""Hidden tests of the assignment `custom_loss`."""

import math
from itertools import cycle

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course.exercises import Case, Exercise, Misconception

F64 = torch.float64


def tensor(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def visible(powers=()):
    """Cases that can be checked with pencil and paper."""
    pairs = [
        ("two numbers", tensor(1.0, 2.0), tensor(3.0, 1.0)),
        ("float64", tensor([1, 2], [3, 4], dtype=F64), tensor([1.5, 0], [3, 5], dtype=F64)),
        ("one number, 0-dim", torch.tensor(2.5), torch.tensor(1.0)),
        ("an exact hit", tensor(1.0, 2.0, -1.0), tensor(1.0, 0.5, 1.0)),
        ("a large error", tensor(1000.0, 0.0, dtype=F64), tensor(0.0, 1.0, dtype=F64)),
    ]
    powers = [(power,) for power in powers] or [()]
    return [
        Case(", ".join([label, *(f"p = {p}" for p in power)]), (pred, target, *power))
        for (label, pred, target), power in zip(pairs, cycle(powers))
    ]


def pairs(draw):
    """Random pairs with the awkward ones among them."""
    n = draw.integer(5, 12)
    hit = draw.normal(n, dtype=F64)
    steps = torch.tensor([0.0, 1.0, -1.0, 0.5, -2.0], dtype=F64).repeat(3)[:n]
    return [
        ("a batch", draw.normal(n), draw.normal(n)),
        ("a batch of images", draw.normal(n, 7), draw.normal(n, 7)),
        ("a batch of one", draw.normal(1, n), draw.normal(1, n)),
        ("three dimensions", draw.normal(3, n, 2, dtype=F64), draw.normal(3, n, 2, dtype=F64)),
        ("float64", draw.normal(n, 3, dtype=F64), draw.normal(n, 3, dtype=F64)),
        ("some exact hits", hit + steps, hit),
        ("exact hits only", hit, hit.clone()),
        ("a single number, 0-dim", draw.normal(), draw.normal()),
        ("large errors", draw.normal(n, scale=1e4, dtype=F64), draw.normal(n, dtype=F64)),
        ("small errors", hit + 1e-3 * draw.normal(n, dtype=F64), hit),
    ]


def loss_function(forward, slope, scale=lambda grad_output, n: grad_output / n, both=None):
    """A torch.autograd.Function of errors and power; `slope` is the derivative of one element.

    `both` makes the gradients of pred and target from that of pred.
    """
    both = both or (lambda grad: (grad, -grad))

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(ctx, pred, target, *power):
            ctx.save_for_backward(pred, target)
            ctx.power = power
            return forward(pred - target, *power)

        @staticmethod
        def backward(ctx, grad_output):
            pred, target = ctx.saved_tensors
            grad = scale(grad_output, pred.numel()) * slope(pred - target, *ctx.power)
            return (*both(grad), *(None for _ in ctx.power))

    return Loss


def everywhere(forward, slope):
    """Mistakes that every loss with a backward pass of its own can have."""

    def autograd_only(*args):
        pred, target, *power = args
        return forward(pred - target, *power)

    def in_float32(errors, *power):
        return forward(errors.float(), *power)

    class InPlace(loss_function(forward, slope)):
        @staticmethod
        def forward(ctx, pred, target, *power):
            ctx.save_for_backward(pred.clone(), target)
            ctx.power = power
            return forward(pred.sub_(target), *power)

    return [
        Misconception(
            "sum instead of mean",
            loss_function(lambda e, *p: forward(e, *p) * e.numel(), slope, lambda g, n: g),
            "the loss is the mean over all elements, and its gradient carries 1/N.",
        ),
        Misconception(
            "1/N forgotten in the backward pass",
            loss_function(forward, slope, lambda g, n: g),
            "`forward` takes the mean, so each element of the gradient carries 1/N.",
        ),
        Misconception(
            "grad_output not used",
            loss_function(forward, slope, lambda g, n: 1 / n),
            "the loss may be part of a longer computation: multiply by `grad_output`.",
        ),
        Misconception(
            "sign the other way round",
            loss_function(forward, slope, lambda g, n: -g / n),
            "where `pred` is above its target, raising it raises the loss: its gradient is "
            "positive there.",
        ),
        Misconception(
            "same sign for pred and target",
            loss_function(forward, slope, both=lambda grad: (grad, grad)),
            "the error is pred − target: the gradient of `target` has the opposite sign.",
        ),
        Misconception(
            "no gradient for target",
            loss_function(forward, slope, both=lambda grad: (grad, None)),
            "`target` is an argument like `pred`: its gradient is the negative of that of `pred`.",
        ),
        Misconception(
            "gradient averaged",
            loss_function(
                forward,
                lambda e, *p: slope(e, *p).mean().expand_as(e),
            ),
            "each element has a gradient of its own: no mean in `backward`, only the factor 1/N.",
        ),
        Misconception(
            "argument changed in place",
            InPlace,
            "methods that end in _ write into the caller's tensor: `pred - target` makes another.",
        ),
        Misconception(
            "float64 thrown away",
            loss_function(in_float32, slope),
            "the result has the dtype of the arguments; `.float()` drops half of the digits.",
        ),
        Misconception(
            "no backward pass of its own",
            type("Plain", (), {"apply": staticmethod(autograd_only)}),
            "write a `torch.autograd.Function` with static methods `forward` and `backward`; "
            "`apply` comes with it.",
        ),
    ]


# PowerLoss


class PowerLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pred, target, p):
        e = pred - target
        ctx.save_for_backward(e)
        ctx.p = p
        return e.abs().pow(p).mean()

    @staticmethod
    def backward(ctx, grad_output):
        (e,) = ctx.saved_tensors
        grad = grad_output * ctx.p * e.abs().pow(ctx.p - 1) * e.sign() / e.numel()
        return grad, -grad, None


class PowerLossReady(torch.autograd.Function):
    """The slope is ready after the forward pass."""

    @staticmethod
    def forward(ctx, pred, target, p):
        distance = torch.where(pred > target, pred - target, target - pred)
        up = torch.where(pred > target, 1.0, -1.0).to(pred.dtype)
        slope = up * p * distance ** (p - 1) / distance.numel()
        ctx.save_for_backward(slope, -slope)
        return (distance**p).sum() / distance.numel()

    @staticmethod
    def backward(ctx, grad_output):
        return *(grad_output * slope for slope in ctx.saved_tensors), None


class PowerLossByElement(torch.autograd.Function):
    """Loops and float64 inside, with the context set up apart."""

    @staticmethod
    def forward(pred, target, p):
        pairs = zip(pred.flatten().tolist(), target.flatten().tolist())
        mean = math.fsum(abs(a - b) ** p for a, b in pairs) / pred.numel()
        return torch.tensor(mean, dtype=pred.dtype)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.pred, ctx.target, ctx.p = inputs

    @staticmethod
    def backward(ctx, upstream):
        slopes = []
        for a, b in zip(ctx.pred.flatten().tolist(), ctx.target.flatten().tolist()):
            steep = ctx.p * abs(a - b) ** (ctx.p - 1) if a != b or ctx.p == 1 else 0.0
            slopes.append(upstream.item() * (steep if a >= b else -steep) / ctx.pred.numel())
        grad = torch.tensor(slopes, dtype=ctx.pred.dtype).reshape(ctx.pred.shape)
        return grad, grad.neg(), None


def power_range(pred, target, p):
    """At a hit |e| has any slope from −1 to 1 (for p = 1; the others are flat there)."""
    e = pred - target
    slope = p * e.abs().pow(p - 1) * e.sign() / e.numel()
    room = torch.where(e == 0, 1.0 / e.numel(), 0.0).to(e.dtype) if p == 1 else 0 * e

    def side(sign):
        grads = [slope + sign * room, -slope + sign * room]
        return {
            "value": e.abs().pow(p).mean(),
            "own backward": True,
            "gradients": grads,
            "gradients of 3·L": [3 * grad for grad in grads],
        }

    return side(-1), side(+1)


def power_pairs(draw):
    powers = [2, 3, draw.number(1.2, 1.9), 4, draw.number(2.1, 3.9), 1, 3, 1.5, 2.5, 1]
    return [
        Case(f"{label}, p = {p}", (pred, target, p))
        for (label, pred, target), p in [
            *zip(pairs(draw), powers),
            *zip(pairs(draw)[:6], [1, 2.5, 3, 1.5, 2, 4]),
        ]
    ]


def power(e, p):
    return e.abs().pow(p).mean()


def power_slope(e, p):
    return p * e.abs().pow(p - 1) * e.sign()


POWER_LOSS = Exercise(
    name="PowerLoss",
    points=4,
    minutes=25,
    reference=PowerLoss,
    driver="autograd",
    valid=power_range,
    visible=visible(powers=[2, 3, 1.5, 3, 1]),
    hidden=power_pairs,
    alternatives=[PowerLossReady, PowerLossByElement],
    misconceptions=[
        Misconception(
            "absolute value forgotten",
            loss_function(
                lambda e, p: e.pow(p).mean(),
                lambda e, p: p * e.pow(p - 1),
            ),
            "a negative error to the power 3 is negative, to the power 1.5 it is NaN: |e| first.",
        ),
        Misconception(
            "absolute value forgotten in the backward pass",
            loss_function(power, lambda e, p: p * e.pow(p - 1)),
            "the slope is p·|e|^(p−1)·sign(e): a negative error to a broken power is NaN.",
        ),
        Misconception(
            "sign of the error forgotten",
            loss_function(power, lambda e, p: p * e.abs().pow(p - 1)),
            "below the target the slope is negative: multiply by sign(e).",
        ),
        Misconception(
            "p forgotten in front",
            loss_function(power, lambda e, p: e.abs().pow(p - 1) * e.sign()),
            "the derivative of x^p is p·x^(p−1).",
        ),
        Misconception(
            "exponent p instead of p − 1",
            loss_function(power, lambda e, p: p * e.abs().pow(p) * e.sign()),
            "the derivative of x^p is p·x^(p−1).",
        ),
        Misconception(
            "|e|^p / e, which is 0/0 at an exact hit",
            loss_function(power, lambda e, p: p * e.abs().pow(p) / e),
            "at e = 0 this is NaN: p·|e|^(p−1)·sign(e) is not.",
        ),
        Misconception(
            "p = 2 whatever p is",
            loss_function(lambda e, p: power(e, 2), lambda e, p: power_slope(e, 2)),
            "the power is an argument: keep it for the backward pass, `ctx.p = p`.",
        ),
        Misconception(
            "root taken",
            loss_function(
                lambda e, p: power(e, p) ** (1 / p),
                lambda e, p: (
                    power_slope(e, p) * (power(e, p) + (power(e, p) == 0)) ** (1 / p - 1) / p
                ),
            ),
            "the mean of |e|^p is the loss; the root belongs to the p-norm.",
        ),
        *everywhere(power, power_slope),
    ],
    hints=[
        "`forward` computes the number, and keeps what `backward` needs: "
        "`ctx.save_for_backward(…)` for tensors, `ctx.p = p` for the rest.",
        "The derivative of |e|^p is p·|e|^(p−1)·sign(e); the mean adds 1/N.",
        "`backward` returns three things: grad_output times the gradient of pred, "
        "the negative of it for target, and None for p.",
    ],
    allow=("torch.autograd",),
    forbidden=("dist", "cdist", "pdist", "pairwise_distance"),
)

# LogCoshLoss

LN2 = math.log(2)


class LogCoshLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pred, target):
        e = pred - target
        ctx.save_for_backward(e)
        size = e.abs()
        return (size + torch.log1p(torch.exp(-2 * size)) - LN2).mean()

    @staticmethod
    def backward(ctx, grad_output):
        (e,) = ctx.saved_tensors
        grad = grad_output * torch.tanh(e) / e.numel()
        return grad, -grad


class LogCoshAdd(torch.autograd.Function):
    @staticmethod
    def forward(ctx, pred, target):
        ctx.error = pred.detach() - target.detach()
        return torch.logaddexp(ctx.error, -ctx.error).mean() - LN2

    @staticmethod
    def backward(ctx, grad_output):
        slope = 2 * torch.sigmoid(2 * ctx.error) - 1
        return grad_output * slope / slope.numel(), -grad_output * slope / slope.numel()


class LogCoshDouble(torch.autograd.Function):
    """Near 0 by cosh itself, beyond by the line; float64 inside."""

    @staticmethod
    def forward(ctx, pred, target):
        ctx.save_for_backward(pred, target)
        e = (pred.double() - target.double()).abs()
        half = torch.sinh(e.clamp(max=10) / 2)
        near = torch.log1p(2 * half * half)
        return torch.where(e < 10, near, e - LN2 + torch.exp(-2 * e)).mean().to(pred.dtype)

    @staticmethod
    def backward(ctx, grad_output):
        pred, target = ctx.saved_tensors
        e = pred.double() - target.double()
        small = torch.exp(-2 * e.abs())
        grad = (e.sign() * (1 - small) / (1 + small) / e.numel() * grad_output).to(pred.dtype)
        return grad, -grad


def log_cosh(e):
    size = e.abs()
    return (size + torch.log1p(torch.exp(-2 * size)) - LN2).mean()


LOG_COSH = Exercise(
    name="LogCoshLoss",
    points=3,
    minutes=15,
    reference=LogCoshLoss,
    driver="autograd",
    visible=[
        *visible(),
        Case("errors of ±10 000", (tensor(1e4, -1e4), tensor(0.0, 0.0))),
    ],
    hidden=lambda draw: [
        *(Case(label, (pred, target)) for label, pred, target in pairs(draw)),
        Case("large errors, float32", (draw.normal(6, scale=1e4), draw.normal(6))),
        Case("large errors upwards", (1e4 + draw.normal(5, dtype=F64), draw.normal(5, dtype=F64))),
        Case("only large errors", (1e4 * draw.signs(5), draw.normal(5))),
    ],
    alternatives=[LogCoshAdd, LogCoshDouble],
    misconceptions=[
        Misconception(
            "cosh overflows",
            loss_function(lambda e: e.cosh().log().mean(), torch.tanh),
            "cosh of 1000 is infinite: ln cosh e = |e| + ln(1 + e^(−2|e|)) − ln 2.",
        ),
        Misconception(
            "sinh/cosh overflows",
            loss_function(log_cosh, lambda e: e.sinh() / e.cosh()),
            "∞/∞ is NaN for an error of 1000: sinh/cosh is tanh, and `torch.tanh` is stable.",
        ),
        Misconception(
            "overflow both ways",
            loss_function(lambda e: e.cosh().log().mean(), lambda e: e.sinh() / e.cosh()),
            "cosh of 1000 is infinite: |e| + ln(1 + e^(−2|e|)) − ln 2 forward, tanh backward.",
        ),
        Misconception(
            "ln 2 forgotten",
            loss_function(lambda e: log_cosh(e) + LN2, torch.tanh),
            "a perfect prediction must cost 0: ln cosh 0 = 0.",
        ),
        Misconception(
            "no absolute value in the stable form",
            loss_function(lambda e: (e + torch.log1p(torch.exp(-2 * e)) - LN2).mean(), torch.tanh),
            "for e = −1000 the exponential overflows: cosh is even, so take |e| first.",
        ),
        Misconception(
            "derivative of tanh",
            loss_function(log_cosh, lambda e: 1 - torch.tanh(e) ** 2),
            "that is the second derivative; the first one is tanh e.",
        ),
        Misconception(
            "error in place of tanh",
            loss_function(log_cosh, lambda e: e),
            "far out the loss is a line: its slope tanh e never goes beyond ±1.",
        ),
        Misconception(
            "sign in place of tanh",
            loss_function(log_cosh, torch.sign),
            "near 0 the loss is a parabola, and its slope tanh e fades.",
        ),
        Misconception(
            "absolute value in the backward pass",
            loss_function(log_cosh, lambda e: torch.tanh(e.abs())),
            "below the target the slope is negative: tanh of e, not of |e|.",
        ),
        *everywhere(log_cosh, torch.tanh),
    ],
    hints=[
        "ln cosh e = |e| + ln(1 + e^(−2|e|)) − ln 2: no term of it overflows.",
        "The derivative of ln cosh is sinh/cosh, which has a name of its own.",
    ],
    allow=("torch.autograd",),
)

# train_autoencoder


def autoencoder(hidden=400, last=nn.Sigmoid):
    return nn.Sequential(nn.Linear(784, hidden), nn.Tanh(), nn.Linear(hidden, 784), last())


def train_autoencoder(loss_fn, X, epochs, lr, generator=None):
    model = autoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(X), generator=generator).split(100):
            optimizer.zero_grad()
            loss = loss_fn(model(X[rows]), X[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(X))
    return losses


class Squeeze(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(784, 400), nn.Linear(400, 784)

    def forward(self, X):
        return torch.sigmoid(self.decode(torch.tanh(self.encode(X))))


def train_with_loader(loss_fn, X, epochs, lr, generator=None):
    loader = DataLoader(TensorDataset(X), batch_size=100, shuffle=True, generator=generator)
    model = Squeeze()
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr)
    history = []
    for _ in range(epochs):
        total = torch.zeros(())
        for (images,) in loader:
            loss = loss_fn(model(images), images)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(images)
        history.append(total / len(X))
    return history


def train_by_hand(loss_fn, X, epochs, lr, generator=None):
    """Own weights, own Adam, and the loss of all images after each epoch."""
    sizes = (784, 400), (400, 784)
    W1, W2 = (torch.randn(*size, generator=generator) / size[0] ** 0.5 for size in sizes)
    parameters = [p.requires_grad_() for p in (W1, torch.zeros(400), W2, torch.zeros(784))]
    m, v = ([torch.zeros_like(p) for p in parameters] for _ in range(2))

    def model(images):
        W1, b1, W2, b2 = parameters
        return (((images @ W1 + b1).tanh() @ W2 + b2).neg().exp() + 1).reciprocal()

    losses, t = [], 0
    for _ in range(epochs):
        order = torch.rand(len(X), generator=generator).argsort()
        for start in range(0, len(X), 64):
            images = X[order[start : start + 64]]
            grads = torch.autograd.grad(loss_fn(model(images), images), parameters)
            t += 1
            with torch.no_grad():
                for p, g, first, second in zip(parameters, grads, m, v):
                    first.lerp_(g, 0.1)
                    second.lerp_(g * g, 0.001)
                    p -= lr * (first / (1 - 0.9**t)) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
        with torch.no_grad():
            losses.append(loss_fn(model(X), X).item())
    return losses


def training_facts(samples, epochs, lr, seed):
    """What every right training has in common."""
    learns = lr > 1e-4

    facts = {
        "number of losses": epochs,
        "losses": "falling" if learns else "much the same",
        "same seed, same losses": True,
        "other seed, other losses": True,
        "every image once an epoch": True,
        "loss_fn(pred, target)": True,
        "of shape (batch, 784)": True,
        "pixels between 0 and 1": True,
        "hidden units": 400,
        "brightness": "falling" if learns else "much the same",
        "gradients of one batch alone": True,
        "X unchanged": True,
        "first pixels": [0.5] * epochs,
    }
    return facts, facts


def training_like(
    report=lambda parts, sizes, N: sum(p * n for p, n in zip(parts, sizes)) / N,
    model=autoencoder,
    call=lambda loss_fn, pred, images: loss_fn(pred, images),
    batches=lambda order: order.split(100),
    sign=1.0,
    steps=True,
    fresh=True,
    shuffle=lambda N, generator: torch.randperm(N, generator=generator),
):
    """A training with one part replaced."""

    def function(loss_fn, X, epochs, lr, generator=None):
        network = model()
        mover = torch.optim.Adam(network.parameters(), lr=lr)
        losses = []
        for _ in range(epochs):
            parts, sizes = [], []
            for rows in batches(shuffle(len(X), generator)):
                loss = call(loss_fn, network(X[rows]), X[rows])
                if fresh:
                    mover.zero_grad()
                (sign * loss).backward()
                if steps:
                    mover.step()
                parts.append(loss.item())
                sizes.append(len(rows))
            losses.append(report(parts, sizes, len(X)))
        return losses

    return function


def squared_error(loss_fn, pred, images):
    return ((pred - images) ** 2).mean()


def trained_by_squares(loss_fn, pred, images):
    """The value of the loss given, and the gradient of the squared error."""
    told = loss_fn(pred, images).detach()
    error = ((pred - images) ** 2).mean()
    return error - error.detach() + told


def model_made_anew(loss_fn, X, epochs, lr, generator=None):
    return [train_autoencoder(loss_fn, X, 1, lr, generator)[0] for _ in range(epochs)]


def centred_in_place(loss_fn, X, epochs, lr, generator=None):
    losses = train_autoencoder(loss_fn, X, epochs, lr, generator)
    X -= X.mean(0)
    return losses


TRAIN = Exercise(
    name="train_autoencoder",
    points=4,
    minutes=25,
    reference=train_autoencoder,
    driver="autoencoder",
    view="training",
    valid=training_facts,
    visible=[
        Case("200 images, 2 epochs", (200, 2, 0.015, 1)),
        Case("130 images, a tiny learning rate", (130, 2, 1e-5, 2)),
    ],
    hidden=lambda draw: [
        Case("whole batches", (200, 2, draw.number(0.012, 0.02), draw.integer(0, 10**6))),
        Case("a short last batch", (130, 2, 1e-5, draw.integer(0, 10**6))),
    ],
    alternatives=[train_with_loader, train_by_hand],
    misconceptions=[
        Misconception(
            "sum of the batch losses",
            training_like(report=lambda parts, sizes, N: sum(parts)),
            "the loss of an epoch is a mean: with twice as many batches it must not double.",
        ),
        Misconception(
            "batch losses added up and divided by N",
            training_like(report=lambda parts, sizes, N: sum(parts) / N),
            "each batch loss is a mean already: times the batch's size first, then divide by N.",
        ),
        Misconception(
            "mean of the batch means",
            training_like(report=lambda parts, sizes, N: sum(parts) / len(parts)),
            "a short batch counts less: each batch loss times the size of its batch, then divide "
            "by the number of images.",
        ),
        Misconception(
            "loss of the last batch only",
            training_like(report=lambda parts, sizes, N: parts[-1]),
            "the loss of an epoch is the mean over all its images, not what the last batch had.",
        ),
        Misconception(
            "losses of the batches instead of the epochs",
            lambda loss_fn, X, epochs, lr, generator=None: [
                loss
                for parts in training_like(report=lambda parts, sizes, N: parts)(
                    loss_fn, X, epochs, lr, generator
                )
                for loss in parts
            ],
            "one number an epoch: the mean of the losses of its batches.",
        ),
        Misconception(
            "squared error instead of loss_fn",
            training_like(call=squared_error),
            "train with the function that is given: `loss = loss_fn(pred, images)`.",
        ),
        Misconception(
            "loss_fn reported but not learned",
            training_like(call=trained_by_squares),
            "`backward()` belongs to the loss that `loss_fn` returned.",
        ),
        Misconception(
            "arguments of loss_fn swapped",
            training_like(call=lambda loss_fn, pred, images: loss_fn(images, pred)),
            "first the prediction, then the target: `loss_fn(model(images), images)`.",
        ),
        Misconception(
            "no step of the optimizer",
            training_like(steps=False),
            "`loss.backward()` finds the gradients; `optimizer.step()` moves the weights.",
        ),
        Misconception(
            "gradients never set back to zero",
            training_like(fresh=False),
            "`backward()` adds to the gradients that are there: `optimizer.zero_grad()` first.",
        ),
        Misconception(
            "uphill",
            training_like(sign=-1.0),
            "the optimizer goes downhill by itself: no minus in front of the loss.",
        ),
        Misconception(
            "no sigmoid at the output",
            training_like(model=lambda: autoencoder(last=nn.Identity)),
            "pixels lie between 0 and 1: the output layer ends with a sigmoid.",
        ),
        Misconception(
            "another number of hidden units",
            training_like(model=lambda: autoencoder(hidden=128)),
            "the autoencoder of lecture 22a squeezes 784 pixels through 400 numbers.",
        ),
        Misconception(
            "last batch dropped",
            training_like(batches=lambda order: order[: len(order) // 100 * 100].split(100)),
            "the last batch may be short: every image comes once an epoch.",
        ),
        Misconception(
            "one batch an epoch",
            training_like(
                batches=lambda order: [order[:100]],
                report=lambda parts, sizes, N: parts[0],
            ),
            "an epoch goes once through all images, batch by batch.",
        ),
        Misconception(
            "generator not used",
            training_like(shuffle=lambda N, generator: torch.randperm(N)),
            "hand `generator` on to the draw that shuffles the images.",
        ),
        Misconception(
            "a new network in every epoch",
            model_made_anew,
            "make the network and the optimizer once, before the epochs begin.",
        ),
        Misconception(
            "learning rate ignored",
            lambda loss_fn, X, epochs, lr, generator=None: train_autoencoder(
                loss_fn, X, epochs, 1e-2, generator
            ),
            "the caller chooses the rate: `torch.optim.Adam(model.parameters(), lr=lr)`.",
        ),
        Misconception(
            "one epoch too many",
            lambda loss_fn, X, epochs, lr, generator=None: train_autoencoder(
                loss_fn, X, epochs + 1, lr, generator
            ),
            "as many passes through the images, and as many losses, as `epochs` says.",
        ),
        Misconception(
            "losses not returned",
            lambda *args, **kwargs: [train_autoencoder(*args, **kwargs), None][1],
            "the result is the list of the epochs' losses.",
        ),
        Misconception(
            "images changed in place",
            centred_in_place,
            "`X -= …` writes into the caller's images.",
        ),
    ],
    hints=[
        "`nn.Sequential(nn.Linear(784, 400), nn.Tanh(), nn.Linear(400, 784), nn.Sigmoid())` "
        "and `torch.optim.Adam`.",
        "Each epoch: `torch.randperm(len(X), generator=generator).split(100)`; for each of these "
        "rows zero_grad, loss, backward, step.",
        "The epoch's loss: add up loss.item()·len(rows), and divide by len(X) at the end.",
    ],
    allow=("torch.nn", "torch._C._nn", "torch.optim", "torch.autograd"),
    seconds=20.0,
)

EXERCISES = [POWER_LOSS, LOG_COSH, TRAIN]
