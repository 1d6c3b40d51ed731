"""Hidden tests of the assignment `backprop`."""

from itertools import pairwise

import torch

from course.exercises import Case, Exercise, Misconception

F64 = torch.float64


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def f64(*numbers):
    return torch.tensor(numbers, dtype=F64)


# The network of the slides: X (N, D), W1 (D, H), W2 (H, K)

SMALL = (
    f64([0.0, 0.5], [1.0, 0.25]),
    f64([0.5], [1.0]),
    f64([1.0, -1.0, 0.5], [0.0, 2.0, -1.0]),
    f64([1.0], [-2.0], [0.5]),
)
ONE = (t([1.0, 2.0]), t([0.0]), torch.zeros(2, 2), t([1.0], [-1.0]))
WIDE = (
    t([0.0, 1.0, -1.0], [2.0, 0.5, 0.0], [1.0, 1.0, 1.0], [-1.0, 0.0, 2.0]),
    t([0.0, 1.0], [1.0, 0.0], [0.5, 0.5], [0.25, 1.0]),
    t([1.0, -0.5], [0.5, 0.25], [-1.0, 2.0]),
    t([1.0, -1.0], [0.5, 2.0]),
)


def slides(pick):
    """The visible networks; `pick` chooses arguments from X, y, W1, W2."""
    labels = ("two samples, 2-3-1, float64", "one sample, weights of zero", "four samples, 3-2-2")
    return [Case(label, pick(*network)) for label, network in zip(labels, (SMALL, ONE, WIDE))]


def networks(draw, pick):
    """Random networks with the awkward ones among them."""

    def network(n, d, h, k=1, scale=1.0, dtype=torch.float32):
        X, y = draw.normal(n, d, scale=scale, dtype=dtype), draw.uniform(n, k, dtype=dtype)
        return X, y, draw.normal(d, h, dtype=dtype), draw.normal(h, k, dtype=dtype)

    n = draw.integer(4, 9)
    cases = [
        ("the slide's 2-3-1", network(n, 2, 3)),
        ("float64", network(n, 2, 3, dtype=F64)),
        ("a batch of one", network(1, 3, 4, dtype=F64)),
        ("two outputs", network(n, 4, 3, 2)),
        ("one hidden unit", network(n, 3, 1, 1, dtype=F64)),
        ("one input", network(n, 1, 4, 3, dtype=F64)),
        ("square weights", network(3, 3, 3, 3, dtype=F64)),
        ("many samples", network(40, 5, 6, 1, dtype=F64)),
        ("large inputs, saturated units", network(n, 2, 5, scale=1e3, dtype=F64)),
        ("inputs of zero", (torch.zeros(n, 2), *network(n, 2, 3)[1:])),
    ]
    return [Case(label, pick(*case)) for label, case in cases]


def without_targets(X, y, W1, W2):
    return X, W1, W2


def with_targets(X, y, W1, W2):
    return X, y, W1, W2


sigmoid = torch.sigmoid


def everywhere(function):
    """Mistakes that are possible with every matrix of inputs; `function` is right."""

    def in_place(X, *args):
        result = function(X, *args)
        X.sigmoid_()
        return result

    def in_float32(*args):
        return function(*(arg.float() for arg in args))

    return [
        Misconception(
            "argument changed in place",
            in_place,
            "methods that end in _ (and `-=`, `*=`) write into the caller's tensor: "
            "make a new one.",
        ),
        Misconception(
            "float64 thrown away",
            in_float32,
            "the result has the dtype of the arguments; `.float()` drops half of the digits.",
        ),
    ]


# forward


def forward(X, W1, W2):
    z2 = X @ W1
    a2 = sigmoid(z2)
    z3 = a2 @ W2
    return z2, a2, z3, sigmoid(z3)


def forward_einsum(X, W1, W2):
    z2 = torch.einsum("nd,dh->nh", X, W1)
    a2 = 1 / (1 + torch.exp(-z2))
    z3 = torch.einsum("nh,hk->nk", a2, W2)
    return [z2, a2, z3, 1 / (1 + (-z3).exp())]


def forward_by_sample(X, W1, W2):
    rows = []
    for x in X.double():
        z2 = (x[:, None] * W1.double()).sum(0)
        a2 = 0.5 + 0.5 * torch.tanh(z2 / 2)
        z3 = (a2[:, None] * W2.double()).sum(0)
        rows.append((z2, a2, z3, 0.5 + 0.5 * torch.tanh(z3 / 2)))
    return tuple(torch.stack(parts).to(X.dtype) for parts in zip(*rows))


def forward_with(hidden, output):
    """A forward pass with other activations."""

    def function(X, W1, W2):
        z2 = X @ W1
        a2 = hidden(z2)
        z3 = a2 @ W2
        return z2, a2, z3, output(z3)

    return function


def bias_added(X, W1, W2):
    z2 = X @ W1 + 1
    a2 = sigmoid(z2)
    z3 = a2 @ W2 + 1
    return z2, a2, z3, sigmoid(z3)


def activation_skipped(X, W1, W2):
    z2 = X @ W1
    a2 = sigmoid(z2)
    z3 = z2 @ W2
    return z2, a2, z3, sigmoid(z3)


def hidden_order_mixed(X, W1, W2):
    z2, a2, z3, y_hat = forward(X, W1, W2)
    return a2, z2, y_hat, z3


FORWARD = Exercise(
    name="forward",
    points=1,
    minutes=6,
    reference=forward,
    visible=slides(without_targets),
    hidden=lambda draw: networks(draw, without_targets),
    alternatives=[forward_einsum, forward_by_sample],
    misconceptions=[
        Misconception(
            "no sigmoid at the output",
            forward_with(sigmoid, lambda z: z),
            "the output unit has a sigmoid too: ŷ = σ(z3).",
        ),
        Misconception(
            "no sigmoid in the hidden layer",
            forward_with(lambda z: z, sigmoid),
            "a2 = σ(z2): without it two layers are no more than one.",
        ),
        Misconception(
            "sigmoid computed but not used",
            activation_skipped,
            "the second layer reads the activations a2, not z2.",
        ),
        Misconception(
            "sign missing in the sigmoid",
            forward_with(lambda z: 1 / (1 + z.exp()), lambda z: 1 / (1 + z.exp())),
            "σ(z) = 1/(1 + e^(−z)): a large z gives 1, not 0.",
        ),
        Misconception(
            "tanh instead of the sigmoid",
            forward_with(torch.tanh, torch.tanh),
            "tanh goes from −1 to 1; the slide's network uses σ, from 0 to 1.",
        ),
        Misconception(
            "softmax instead of the sigmoid at the output",
            forward_with(sigmoid, lambda z: torch.softmax(z, -1)),
            "each output has a sigmoid of its own; softmax of a single output is always 1.",
        ),
        Misconception(
            "bias invented",
            bias_added,
            "this network has no biases: z2 = X@W1 and nothing added.",
        ),
        Misconception(
            "results in another order",
            hidden_order_mixed,
            "the order is that of the computation: z2, a2, z3, ŷ.",
        ),
        Misconception(
            "only the prediction returned",
            lambda X, W1, W2: forward(X, W1, W2)[3],
            "backpropagation needs the values on the way too: all four are the result.",
        ),
        *everywhere(forward),
    ],
    hints=[
        "Two layers, and each is a matrix product followed by σ, element by element.",
        "X is (N, D) and W1 is (D, H): `X @ W1` is (N, H), a row a sample.",
    ],
)

# cost


def cost(X, y, W1, W2):
    y_hat = forward(X, W1, W2)[3]
    return 0.5 * ((y - y_hat) ** 2).sum()


def cost_dot(X, y, W1, W2):
    e = (y - forward(X, W1, W2)[3]).flatten()
    return e.dot(e) / 2


def cost_loop(X, y, W1, W2):
    J = torch.zeros((), dtype=F64)
    for x, wanted in zip(X.double(), y.double()):
        guess = sigmoid(sigmoid(x @ W1.double()) @ W2.double())
        for difference in wanted - guess:
            J += difference**2 / 2
    return J.to(X.dtype)


def errors(X, y, W1, W2):
    return y - forward(X, W1, W2)[3]


COST = Exercise(
    name="cost",
    points=1,
    minutes=4,
    reference=cost,
    visible=slides(with_targets),
    hidden=lambda draw: networks(draw, with_targets),
    alternatives=[cost_dot, cost_loop],
    misconceptions=[
        Misconception(
            "½ forgotten",
            lambda *network: (errors(*network) ** 2).sum(),
            "J has a ½ in front, so that the 2 of the derivative cancels.",
        ),
        Misconception(
            "mean instead of sum",
            lambda *network: 0.5 * (errors(*network) ** 2).mean(),
            "J of the slides is a sum over the samples, not a mean.",
        ),
        Misconception(
            "mean without the ½",
            lambda *network: (errors(*network) ** 2).mean(),
            "that is MSE; J of the slides is half the sum of the squares.",
        ),
        Misconception(
            "absolute value instead of square",
            lambda *network: 0.5 * errors(*network).abs().sum(),
            "each error is squared.",
        ),
        Misconception(
            "square of the summed error",
            lambda *network: 0.5 * errors(*network).sum() ** 2,
            "errors of different sign cancel in the sum: square first, then add.",
        ),
        Misconception(
            "one cost for each output",
            lambda *network: 0.5 * (errors(*network) ** 2).sum(0),
            "J is one number: sum over samples and outputs, without `dim`.",
        ),
        Misconception(
            "z3 taken for the prediction",
            lambda X, y, W1, W2: 0.5 * ((y - forward(X, W1, W2)[2]) ** 2).sum(),
            "ŷ = σ(z3) is the fourth result of `forward`.",
        ),
        *everywhere(cost),
    ],
    hints=["`forward` gives ŷ.", "Half the sum of the squares of y − ŷ."],
)

# cost_grads


def slope(a):
    """σ′(z) from a = σ(z)."""
    return a * (1 - a)


def cost_grads(X, y, W1, W2):
    _, a2, _, y_hat = forward(X, W1, W2)
    delta3 = (y_hat - y) * slope(y_hat)
    delta2 = delta3 @ W2.T * slope(a2)
    return X.T @ delta2, a2.T @ delta3


def cost_grads_einsum(X, y, W1, W2):
    z2, a2, z3, y_hat = forward(X, W1, W2)
    s2, s3 = 1 / (2 + z2.exp() + (-z2).exp()), 1 / (2 + z3.exp() + (-z3).exp())
    delta3 = -(y - y_hat) * s3
    dW1 = torch.einsum("nd,nk,hk,nh->dh", X, delta3, W2, s2)
    return [dW1, torch.einsum("nh,nk->hk", a2, delta3)]


def cost_grads_by_sample(X, y, W1, W2):
    dW1, dW2 = torch.zeros_like(W1), torch.zeros_like(W2)
    for x, wanted in zip(X, y):
        a2 = sigmoid(x @ W1)
        guess = sigmoid(a2 @ W2)
        d3 = (guess - wanted) * guess * (1 - guess)
        d2 = torch.mv(W2, d3) * a2 * (1 - a2)
        dW2 += torch.outer(a2, d3)
        dW1 += torch.outer(x, d2)
    return dW1, dW2


def cost_grads_like(
    error=lambda y_hat, y: y_hat - y,
    out=lambda z, a: slope(a),
    hid=lambda z, a: slope(a),
    back=lambda delta3, W2: delta3 @ W2.T,
    result=lambda dW1, dW2, n: (dW1, dW2),
):
    """The gradients with one part replaced."""

    def function(X, y, W1, W2):
        z2, a2, z3, y_hat = forward(X, W1, W2)
        delta3 = error(y_hat, y) * out(z3, y_hat)
        delta2 = back(delta3, W2) * hid(z2, a2)
        return result(X.T @ delta2, a2.T @ delta3, len(X))

    return function


def first_activations(X, y, W1, W2):
    z2, a2, _, y_hat = forward(X, W1, W2)
    delta3 = (y_hat - y) * slope(y_hat)
    return X.T @ (delta3 @ W2.T * slope(a2)), z2.T @ delta3


COST_GRADS = Exercise(
    name="cost_grads",
    points=3,
    minutes=20,
    reference=cost_grads,
    visible=slides(with_targets),
    hidden=lambda draw: networks(draw, with_targets),
    alternatives=[cost_grads_einsum, cost_grads_by_sample],
    misconceptions=[
        Misconception(
            "sign the other way round",
            cost_grads_like(error=lambda y_hat, y: y - y_hat),
            "∂J/∂ŷ = −(y − ŷ): the minus comes from the inside of the square.",
        ),
        Misconception(
            "σ′ of the output forgotten",
            cost_grads_like(out=lambda z, a: 1.0),
            "the error passes the output's sigmoid first: δ3 = (ŷ − y)·σ′(z3).",
        ),
        Misconception(
            "σ′ of the hidden layer forgotten",
            cost_grads_like(hid=lambda z, a: 1.0),
            "on its way to W1 the error passes the hidden sigmoids: multiply by σ′(z2).",
        ),
        Misconception(
            "σ instead of σ′",
            cost_grads_like(out=lambda z, a: a, hid=lambda z, a: a),
            "the derivative of σ is σ(1 − σ).",
        ),
        Misconception(
            "σ′ taken of the activation",
            cost_grads_like(out=lambda z, a: slope(sigmoid(a)), hid=lambda z, a: slope(sigmoid(a))),
            "σ′(z) = a(1 − a) with a = σ(z); σ′(a) would apply the sigmoid twice.",
        ),
        Misconception(
            "z in place of a in a(1 − a)",
            cost_grads_like(out=lambda z, a: z * (1 - z), hid=lambda z, a: z * (1 - z)),
            "σ′(z) = a(1 − a) with the activation a = σ(z), not with z.",
        ),
        Misconception(
            "divided by N",
            cost_grads_like(result=lambda dW1, dW2, n: (dW1 / n, dW2 / n)),
            "J is a sum over the samples, so there is no 1/N in its gradient.",
        ),
        Misconception(
            "factor 2 left over",
            cost_grads_like(error=lambda y_hat, y: 2 * (y_hat - y)),
            "the 2 of the square cancels with the ½ in front.",
        ),
        Misconception(
            "gradients transposed",
            cost_grads_like(result=lambda dW1, dW2, n: (dW1.T, dW2.T)),
            "a gradient has the shape of its weights, so that W − lr·dW works.",
        ),
        Misconception(
            "gradients in the wrong order",
            cost_grads_like(result=lambda dW1, dW2, n: (dW2, dW1)),
            "backpropagation finds dW2 first, but the result is (dJ/dW1, dJ/dW2).",
        ),
        Misconception(
            "W2 skipped on the way back",
            cost_grads_like(back=lambda delta3, W2: delta3.sum(1, keepdim=True)),
            "the error goes back through the weights it came through: δ3 @ W2ᵀ.",
        ),
        Misconception(
            "W2 not transposed",
            cost_grads_like(back=lambda delta3, W2: delta3 @ W2),
            "δ3 is (N, K) and W2 is (H, K): going back takes W2ᵀ. Where H = K the shapes fit "
            "without it, and the result is wrong.",
        ),
        Misconception(
            "z2 where a2 belongs",
            first_activations,
            "what the second layer was fed is a2: dJ/dW2 = a2ᵀ @ δ3.",
        ),
        *everywhere(cost_grads),
    ],
    hints=[
        "Walk backwards: first δ3 = ∂J/∂z3, then δ2 = ∂J/∂z2, each of the shape of its z.",
        "δ3 = (ŷ − y)·ŷ(1 − ŷ), and dJ/dW2 = a2ᵀ @ δ3.",
        "δ2 = (δ3 @ W2ᵀ)·a2(1 − a2), and dJ/dW1 = Xᵀ @ δ2.",
    ],
)

# numerical_gradient


def numerical_gradient(f, theta, epsilon=1e-4):
    gradient = torch.zeros_like(theta)
    for i in range(len(theta)):
        shift = torch.zeros_like(theta)
        shift[i] = epsilon
        gradient[i] = (f(theta + shift) - f(theta - shift)) / (2 * epsilon)
    return gradient


def numerical_gradient_eye(f, theta, epsilon=1e-4):
    shifts = epsilon * torch.eye(theta.numel(), dtype=theta.dtype)
    return torch.stack([(f(theta + s) - f(theta - s)) / epsilon / 2 for s in shifts])


def numerical_gradient_restored(f, theta, epsilon=1e-4):
    slopes = []
    for i in range(theta.shape[0]):
        kept = theta[i].clone()
        theta[i] = kept + epsilon
        above = f(theta).item()
        theta[i] = kept - epsilon
        below = f(theta).item()
        theta[i] = kept
        slopes.append((above - below) / (2 * epsilon))
    return torch.tensor(slopes, dtype=theta.dtype)


def numerical_range(f, theta, epsilon=1e-4):
    """The exact central difference; in float32 with room for the rounding of f."""
    exact = numerical_gradient(FUNCTIONS[f], theta.double(), epsilon).to(theta.dtype)
    room = 0.0 if theta.dtype == F64 else 1e-2
    return exact - room, exact + room


FUNCTIONS = {
    "function:quadratic": lambda theta: (theta**2).sum(),
    "function:wavy": lambda theta: (theta.sin() * theta).sum(),
    "function:chain": lambda theta: theta.cumsum(0).sin().sum(),
}


def differences(draw):
    def theta(n, scale=1.0, dtype=F64):
        return draw.normal(n, scale=scale, dtype=dtype)

    n = draw.integer(4, 9)
    wide = {"epsilon": draw.number(0.2, 0.9)}
    small = {"epsilon": 0.01}
    return [
        Case("a bowl", ("function:quadratic", theta(n))),
        Case("a wavy function", ("function:wavy", theta(n))),
        Case("every entry matters for the next", ("function:chain", theta(n))),
        Case("a large epsilon", ("function:wavy", theta(n)), wide),
        Case("a large epsilon, chain", ("function:chain", theta(n)), wide),
        Case("one entry", ("function:chain", theta(1))),
        Case("exact zeros", ("function:quadratic", torch.zeros(n, dtype=F64))),
        Case("large entries", ("function:wavy", theta(n, scale=30.0)), small),
        Case("float32", ("function:chain", theta(n, dtype=torch.float32)), {"epsilon": 0.05}),
    ]


def forward_difference(f, theta, epsilon=1e-4):
    shifts = epsilon * torch.eye(theta.numel(), dtype=theta.dtype)
    return torch.stack([(f(theta + s) - f(theta)) / epsilon for s in shifts])


def backward_difference(f, theta, epsilon=1e-4):
    shifts = epsilon * torch.eye(theta.numel(), dtype=theta.dtype)
    return torch.stack([(f(theta) - f(theta - s)) / epsilon for s in shifts])


def all_at_once(f, theta, epsilon=1e-4):
    slope = (f(theta + epsilon) - f(theta - epsilon)) / (2 * epsilon)
    return torch.full_like(theta, slope.item())


def shift_kept(f, theta, epsilon=1e-4):
    theta, gradient = theta.clone(), torch.zeros_like(theta)
    for i in range(len(theta)):
        theta[i] += epsilon
        above = f(theta)
        theta[i] -= 2 * epsilon
        gradient[i] = (above - f(theta)) / (2 * epsilon)
    return gradient


def theta_left_shifted(f, theta, epsilon=1e-4):
    gradient = numerical_gradient(f, theta, epsilon)
    theta -= epsilon
    return gradient


def scaled(factor):
    return lambda f, theta, epsilon=1e-4: factor(epsilon) * numerical_gradient(f, theta, epsilon)


NUMERICAL_GRADIENT = Exercise(
    name="numerical_gradient",
    points=2,
    minutes=12,
    reference=numerical_gradient,
    driver="with_function",
    valid=numerical_range,
    tolerance=10.0,
    visible=[
        Case("sum of squares at (1, −2, 0.5)", ("function:quadratic", f64(1.0, -2.0, 0.5))),
        Case("Σ θ sin θ", ("function:wavy", f64(0.0, 1.0, -2.0, 3.0))),
        Case("Σ θ sin θ, epsilon = 0.5", ("function:wavy", f64(1.0, -2.0)), {"epsilon": 0.5}),
        Case(
            "sine of running sums, epsilon = 0.25",
            ("function:chain", f64(0.5, 1.0, -0.25)),
            {"epsilon": 0.25},
        ),
    ],
    hidden=differences,
    alternatives=[numerical_gradient_eye, numerical_gradient_restored],
    misconceptions=[
        Misconception(
            "forward difference",
            forward_difference,
            "central means one step to each side: (f(θ + ε) − f(θ − ε))/2ε.",
        ),
        Misconception(
            "backward difference",
            backward_difference,
            "central means one step to each side: (f(θ + ε) − f(θ − ε))/2ε.",
        ),
        Misconception(
            "divided by ε instead of 2ε",
            scaled(lambda epsilon: 2.0),
            "between θ − ε and θ + ε lie 2ε.",
        ),
        Misconception(
            "not divided",
            scaled(lambda epsilon: 2 * epsilon),
            "a slope is a difference divided by the distance, 2ε.",
        ),
        Misconception(
            "multiplied by ε: brackets missing",
            scaled(lambda epsilon: epsilon**2),
            "`/ 2 * epsilon` divides by 2 and multiplies by epsilon: write `/ (2 * epsilon)`.",
        ),
        Misconception(
            "sign the other way round",
            scaled(lambda epsilon: -1.0),
            "the value on the right, f(θ + ε), comes first.",
        ),
        Misconception(
            "all entries shifted at once",
            all_at_once,
            "one entry at a time: the partial derivative holds all others fixed.",
        ),
        Misconception(
            "shift not taken back",
            shift_kept,
            "before the next entry comes, this one has to be what it was.",
        ),
        Misconception(
            "epsilon ignored",
            lambda f, theta, epsilon=1e-4: numerical_gradient(f, theta),
            "the caller chooses how far to step: use `epsilon`.",
        ),
        Misconception(
            "theta left changed",
            theta_left_shifted,
            "`theta[i] += epsilon` writes into the caller's tensor: work on `theta.clone()`.",
        ),
        Misconception(
            "float64 thrown away",
            lambda f, theta, epsilon=1e-4: numerical_gradient(f, theta.float(), epsilon),
            "the result has the dtype of `theta`; differences of near numbers need all digits.",
        ),
    ],
    hints=[
        "One entry at a time: how do you shift only entry i?",
        "A vector of zeros with epsilon at place i, added once and subtracted once.",
        "gradient[i] = (f(theta + shift) − f(theta − shift)) / (2·epsilon)",
    ],
)

# relative_error


def relative_error(a, b):
    difference, total = torch.linalg.vector_norm(a - b), torch.linalg.vector_norm(a + b)
    return (difference / total).item() if total > 0 else 0.0


def relative_error_sums(a, b):
    if not a.any() and not b.any():
        return torch.zeros((), dtype=a.dtype)
    return ((a - b) ** 2).sum().sqrt() / ((a + b) ** 2).sum().sqrt()


def relative_error_python(a, b):
    pairs = list(zip(a.flatten().tolist(), b.flatten().tolist()))
    below = sum((x + y) ** 2 for x, y in pairs) ** 0.5
    above = sum((x - y) ** 2 for x, y in pairs) ** 0.5
    return above / below if below else above


def norm(x):
    return x.double().pow(2).sum().sqrt()


def error_like(function):
    """A wrong formula that gets zeros right."""
    return lambda a, b: 0.0 if not (a.any() or b.any()) else function(a, b).item()


def errors_to_compare(draw):
    n = draw.integer(4, 9)
    a, b = draw.normal(n, dtype=F64), draw.normal(n, dtype=F64)
    near = 1 + 0.01 * draw.uniform(n, dtype=F64)
    zeros = torch.zeros(n, dtype=F64)
    return [
        Case("two vectors", (a, b)),
        Case("near each other", (a, a * near)),
        Case("equal", (a, a.clone())),
        Case("float32", (a.float(), b.float())),
        Case("matrices", (draw.normal(n, 3, dtype=F64), draw.normal(n, 3, dtype=F64))),
        Case("three times as large", (a, 3 * a)),
        Case("both zero", (zeros, zeros.clone())),
        Case("one of them zero", (zeros, b)),
        Case("one number each", (draw.normal(1, dtype=F64), draw.normal(1, dtype=F64))),
        Case("tiny numbers", (1e-6 * a, 1e-6 * b)),
        Case("large numbers", (1e6 * a, 1e6 * b)),
    ]


RELATIVE_ERROR = Exercise(
    name="relative_error",
    points=1,
    minutes=6,
    reference=relative_error,
    visible=[
        Case("(3, 0) and (0, 4)", (f64(3.0, 0.0), f64(0.0, 4.0))),
        Case("(1, 2) and (3, 6)", (t(1.0, 2.0), t(3.0, 6.0))),
        Case("equal", (f64(1.0, -2.0), f64(1.0, -2.0))),
        Case("both zero", (f64(0.0, 0.0), f64(0.0, 0.0))),
        Case("a matrix", (f64([1, 2], [3, 4]), f64([1, 2], [3, 5]))),
        Case("1 and 0.5", (f64(1.0), f64(0.5))),
    ],
    hidden=errors_to_compare,
    alternatives=[relative_error_sums, relative_error_python],
    misconceptions=[
        Misconception(
            "0/0 where both are zero",
            lambda a, b: norm(a - b) / norm(a + b),
            "where both gradients are zero they agree: the result is 0 there.",
        ),
        Misconception(
            "not divided",
            error_like(lambda a, b: norm(a - b)),
            "whether a difference is large depends on the numbers: divide by ‖a + b‖.",
        ),
        Misconception(
            "difference in the denominator",
            error_like(lambda a, b: norm(a + b) / (norm(a - b) + 1e-30)),
            "equal gradients must give 0: ‖a − b‖ belongs on top.",
        ),
        Misconception(
            "sum of the norms",
            error_like(lambda a, b: norm(a - b) / (norm(a) + norm(b))),
            "another common form, but here the denominator is the norm of the sum, ‖a + b‖.",
        ),
        Misconception(
            "norm of one alone",
            error_like(lambda a, b: norm(a - b) / (norm(a) + 1e-30)),
            "the denominator treats both alike: ‖a + b‖.",
        ),
        Misconception(
            "squares without the root",
            error_like(lambda a, b: norm(a - b) ** 2 / norm(a + b) ** 2),
            "a norm is the root of the sum of squares.",
        ),
        Misconception(
            "absolute values instead of squares",
            error_like(lambda a, b: (a - b).abs().sum() / (a + b).abs().sum()),
            "‖·‖ is the Euclidean norm: root of the sum of squares.",
        ),
        Misconception(
            "element by element",
            lambda a, b: torch.where(a + b == 0, 0 * a, (a - b).abs() / (a + b).abs()).mean(),
            "first the two norms, then one division.",
        ),
        Misconception(
            "norms subtracted",
            error_like(lambda a, b: (norm(a) - norm(b)).abs() / norm(a + b)),
            "two vectors of one length may point anywhere: take the norm of the difference.",
        ),
        Misconception(
            "argument changed in place",
            lambda a, b: (relative_error(a, b), a.sub_(b))[0],
            "methods that end in _ (and `-=`) write into the caller's tensor; "
            "`a - b` makes a new one.",
        ),
    ],
    hints=[
        "`torch.linalg.vector_norm` is ‖·‖ of all elements together.",
        "Ask whether the denominator is 0 before you divide.",
    ],
)

# output_delta


def output_delta(kind, a, y):
    if kind == "mse_sigmoid":
        return (a - y) * a * (1 - a)
    if kind in ("bce_sigmoid", "cce_softmax"):
        return a - y
    raise ValueError(f"unknown kind {kind!r}")


def output_delta_chain(kind, a, y):
    """∂L/∂a·∂a/∂z where that is defined; the Jacobian of the softmax written out."""
    if kind == "mse_sigmoid":
        return -(y - a) * (a - a**2)
    if kind == "bce_sigmoid":
        inner = (a > 0) & (a < 1)
        safe = torch.where(inner, a, torch.full_like(a, 0.5))
        chained = (-y / safe + (1 - y) / (1 - safe)) * safe * (1 - safe)
        return torch.where(inner, chained, a - y)
    if kind == "cce_softmax":
        return a * y.sum(-1, keepdim=True) - y
    raise ValueError("kind?")


def output_delta_table(kind, a, y):
    factors = {"mse_sigmoid": a * (1 - a), "bce_sigmoid": 1.0, "cce_softmax": 1.0}
    if kind not in factors:
        raise ValueError(list(factors))
    return torch.sub(a.double(), y.double()).to(a.dtype) * factors[kind]


def delta_like(**replaced):
    """Output deltas with some kinds replaced."""

    def function(kind, a, y):
        return replaced[kind](a, y) if kind in replaced else output_delta(kind, a, y)

    return function


def deltas_at_outputs(draw):
    n = draw.integer(4, 9)

    def binary(*shape, dtype=torch.float32):
        return draw.uniform(*shape, dtype=dtype), draw.integers(*shape, high=2).to(dtype)

    def classes(n, c, dtype=torch.float32):
        a = torch.softmax(draw.normal(n, c, dtype=dtype), -1)
        return a, torch.eye(c, dtype=dtype)[draw.integers(n, high=c)]

    edge = f64([0.0], [1.0], [1.0], [0.0]), f64([0.0], [0.0], [1.0], [1.0])
    cases = []
    for kind in ("mse_sigmoid", "bce_sigmoid"):
        cases += [
            Case(f"{kind}, a batch", (kind, *binary(n, 1))),
            Case(f"{kind}, float64", (kind, *binary(n, 3, dtype=F64))),
            Case(f"{kind}, a batch of one", (kind, *binary(1, 4))),
            Case(f"{kind}, outputs of exactly 0 and 1", (kind, *edge)),
            Case(f"{kind}, targets in between", (kind, binary(n, 2)[0], draw.uniform(n, 2))),
        ]
    return [
        *cases,
        Case("cce_softmax, a batch", ("cce_softmax", *classes(n, 4))),
        Case("cce_softmax, float64", ("cce_softmax", *classes(n, 3, F64))),
        Case("cce_softmax, a batch of one", ("cce_softmax", *classes(1, 5))),
        Case("cce_softmax, perfect", ("cce_softmax", torch.eye(3), torch.eye(3))),
        Case("an unknown kind", ("mse_softmax", *binary(n, 2))),
        Case("an empty kind", ("", *binary(n, 2))),
    ]


ONE_HOT = f64([0, 0, 1], [0, 1, 0])
OUTPUT_DELTA = Exercise(
    name="output_delta",
    points=2,
    minutes=12,
    reference=output_delta,
    visible=[
        Case("mse_sigmoid", ("mse_sigmoid", t([0.5], [0.75], [0.25]), t([1.0], [1.0], [0.0]))),
        Case("bce_sigmoid", ("bce_sigmoid", t([0.5], [0.75], [0.25]), t([1.0], [1.0], [0.0]))),
        Case(
            "bce_sigmoid, quite sure and wrong",
            ("bce_sigmoid", f64([1.0], [0.0]), f64([0.0], [1.0])),
        ),
        Case("cce_softmax", ("cce_softmax", f64([0.5, 0.25, 0.25], [0.125, 0.75, 0.125]), ONE_HOT)),
        Case("an unknown kind", ("mae_sigmoid", t([0.5]), t([1.0]))),
    ],
    hidden=deltas_at_outputs,
    alternatives=[output_delta_chain, output_delta_table],
    misconceptions=[
        Misconception(
            "σ′ forgotten behind MSE",
            delta_like(mse_sigmoid=lambda a, y: a - y),
            "nothing cancels σ′ behind a squared error: δ = (a − y)·a(1 − a).",
        ),
        Misconception(
            "σ′ kept behind BCE",
            delta_like(bce_sigmoid=lambda a, y: (a - y) * a * (1 - a)),
            "BCE's 1/(a(1 − a)) cancels σ′: δ = a − y.",
        ),
        Misconception(
            "∂L/∂a instead of ∂L/∂z for BCE",
            delta_like(bce_sigmoid=lambda a, y: -y / a + (1 - y) / (1 - a)),
            "δ is ∂L/∂z: multiply by σ′(z) = a(1 − a), and nearly all cancels.",
        ),
        Misconception(
            "∂L/∂a instead of ∂L/∂z for softmax",
            delta_like(cce_softmax=lambda a, y: -y / a),
            "δ is ∂L/∂z: with the Jacobian of the softmax −y/a becomes a − y.",
        ),
        Misconception(
            "a(1 − a) behind the softmax",
            delta_like(cce_softmax=lambda a, y: (a - y) * a * (1 - a)),
            "the Jacobian of the softmax is more than a(1 − a), and with cross-entropy it "
            "leaves a − y.",
        ),
        Misconception(
            "sign the other way round",
            lambda kind, a, y: -output_delta(kind, a, y),
            "an output above its target has a positive δ: raising z raises the loss.",
        ),
        Misconception(
            "factor 2 for MSE",
            delta_like(mse_sigmoid=lambda a, y: 2 * (a - y) * a * (1 - a)),
            "L = ½(a − y)²: the 2 and the ½ cancel.",
        ),
        Misconception(
            "averaged over the samples",
            lambda kind, a, y: output_delta(kind, a, y) / len(a),
            "δ is asked per sample: no 1/N here.",
        ),
        Misconception(
            "sigmoid applied to a again",
            delta_like(mse_sigmoid=lambda a, y: (a - y) * slope(sigmoid(a))),
            "a is the output of the sigmoid already: σ′(z) = a(1 − a).",
        ),
        Misconception(
            "unknown kinds accepted",
            lambda kind, a, y: output_delta(kind if kind == "mse_sigmoid" else "bce_sigmoid", a, y),
            "a kind that is none of the three has to raise `ValueError`.",
        ),
        Misconception(
            "unknown kinds raise KeyError",
            lambda kind, a, y: {
                "mse_sigmoid": (a - y) * slope(a),
                "bce_sigmoid": a - y,
                "cce_softmax": a - y,
            }[kind],
            "a look-up in a dict raises `KeyError`: ask for the kind first, raise `ValueError`.",
        ),
        Misconception(
            "argument changed in place",
            lambda kind, a, y: (output_delta(kind, a, y), a.sub_(y))[0],
            "`a -= y` writes into the caller's tensor; `a - y` makes a new one.",
        ),
    ],
    hints=[
        "δ = ∂L/∂a·∂a/∂z, and ∂a/∂z = a(1 − a) for a sigmoid.",
        "BCE: ∂L/∂a = (a − y)/(a(1 − a)). What is left after the product?",
        "Two of the three kinds have the same δ.",
    ],
)

# backward: a network of any depth


def layers(X, weights, biases):
    """The activations of every layer, the input first; the last ones are logits."""
    activations = [X]
    for W, b in zip(weights[:-1], biases[:-1]):
        activations.append(sigmoid(activations[-1] @ W + b))
    return [*activations, activations[-1] @ weights[-1] + biases[-1]]


def backward(X, labels, weights, biases):
    *activations, logits = layers(X, weights, biases)
    rows = torch.arange(len(X))
    log_prob = logits - logits.logsumexp(1, keepdim=True)
    loss = -log_prob[rows, labels].mean()
    delta = log_prob.exp()
    delta[rows, labels] -= 1
    delta = delta / len(X)
    dWs, dbs = [], []
    for W, a in zip(reversed(weights), reversed(activations)):
        dWs.insert(0, a.T @ delta)
        dbs.insert(0, delta.sum(0))
        delta = delta @ W.T * slope(a)
    return loss.item(), dWs, dbs


def backward_by_sample(X, labels, weights, biases):
    dWs, dbs = [torch.zeros_like(W) for W in weights], [torch.zeros_like(b) for b in biases]
    total = torch.zeros((), dtype=X.dtype)
    for x, label in zip(X, labels.tolist()):
        activations = [x]
        for depth, (W, b) in enumerate(zip(weights, biases)):
            z = W.T @ activations[-1] + b
            activations.append(sigmoid(z) if depth < len(weights) - 1 else z)
        z = activations.pop()
        z = z - z.max()
        total = total + z.exp().sum().log() - z[label]
        delta = torch.softmax(z, 0)
        delta[label] = delta[label] - 1
        for i in range(len(weights) - 1, -1, -1):
            dWs[i] += torch.outer(activations[i], delta) / len(X)
            dbs[i] += delta / len(X)
            delta = (weights[i] @ delta) * activations[i] * (1 - activations[i])
    return total / len(X), dWs, dbs


def backward_recursive(X, labels, weights, biases):
    n = len(X)
    one_hot = torch.eye(weights[-1].shape[1], dtype=F64)[labels]

    def descend(a, depth):
        z = torch.einsum("ni,io->no", a, weights[depth].double()) + biases[depth].double()
        if depth == len(weights) - 1:
            log_prob = torch.log_softmax(z, dim=1)
            loss, delta = -(one_hot * log_prob).sum() / n, (log_prob.exp() - one_hot) / n
            dWs, dbs = [], []
        else:
            out = 1 / (1 + torch.exp(-z))
            loss, before, dWs, dbs = descend(out, depth + 1)
            delta = before * out * (1 - out)
        own_W = torch.einsum("ni,no->io", a, delta).to(X.dtype)
        own_b = delta.sum(dim=0).to(X.dtype)
        return loss, delta @ weights[depth].double().T, [own_W, *dWs], [own_b, *dbs]

    loss, _, dWs, dbs = descend(X.double(), 0)
    return loss.to(X.dtype), tuple(dWs), tuple(dbs)


def backward_like(
    hidden=lambda a: slope(a),
    output=lambda delta, n: delta / n,
    back=lambda delta, W: delta @ W.T,
    logits_of=layers,
):
    """`backward` with one part replaced; the loss is right unless the forward pass is not."""

    def function(X, labels, weights, biases):
        *activations, logits = logits_of(X, weights, biases)
        log_prob = logits - logits.logsumexp(1, keepdim=True)
        one_hot = torch.eye(logits.shape[1], dtype=X.dtype)[labels]
        delta = output(log_prob.exp() - one_hot, len(X))
        dWs, dbs = [], []
        for W, a in zip(reversed(weights), reversed(activations)):
            dWs.insert(0, a.T @ delta)
            dbs.insert(0, delta.sum(0))
            delta = back(delta, W) * hidden(a)
        return -(one_hot * log_prob).sum().item() / len(X), dWs, dbs

    return function


def layers_without_biases(X, weights, biases):
    return layers(X, weights, [0.0 * b for b in biases])


def layers_with(activation):
    def function(X, weights, biases):
        activations = [X]
        for W, b in zip(weights[:-1], biases[:-1]):
            activations.append(activation(activations[-1] @ W + b))
        return [*activations, activations[-1] @ weights[-1] + biases[-1]]

    return function


def loss_changed(change):
    def function(X, labels, weights, biases):
        loss, dWs, dbs = backward(X, labels, weights, biases)
        return change(loss, len(X)), dWs, dbs

    return function


def grads_changed(change_W=lambda dWs: dWs, change_b=lambda dbs, n: dbs):
    def function(X, labels, weights, biases):
        loss, dWs, dbs = backward(X, labels, weights, biases)
        return loss, change_W(dWs), change_b(dbs, len(X))

    return function


def one_hot_missing(X, labels, weights, biases):
    """δ without the − one-hot: the gradient of the log-sum-exp alone."""
    logits = layers(X, weights, biases)[-1]
    one_hot = torch.eye(logits.shape[1], dtype=X.dtype)[labels]
    return backward_like(output=lambda delta, n: (delta + one_hot) / n)(X, labels, weights, biases)


def plain_softmax(X, labels, weights, biases):
    logits = layers(X, weights, biases)[-1]
    prob = logits.exp() / logits.exp().sum(1, keepdim=True)
    loss = -prob[torch.arange(len(X)), labels].log().mean().item()
    one_hot = torch.eye(logits.shape[1], dtype=X.dtype)[labels]
    return loss, *backward_like(output=lambda _, n: (prob - one_hot) / n)(
        X, labels, weights, biases
    )[1:]


def stack(draw, sizes, scale=1.0, dtype=torch.float32):
    """Random weights and biases of a network."""
    pairs = list(pairwise(sizes))
    weights = [draw.normal(i, o, scale=scale, dtype=dtype) for i, o in pairs]
    return weights, [draw.normal(o, scale=0.5, dtype=dtype) for _, o in pairs]


def problem(draw, n, sizes, scale=1.0, dtype=torch.float32):
    X, labels = draw.normal(n, sizes[0], dtype=dtype), draw.integers(n, high=sizes[-1])
    return X, labels, *stack(draw, sizes, scale, dtype)


def depths(draw):
    n = draw.integer(4, 9)
    sure = problem(draw, n, (3, 4, 3), dtype=F64)
    sure[2][-1].mul_(2e3)
    return [
        Case("one hidden layer", problem(draw, n, (3, 4, 3))),
        Case("no hidden layer", problem(draw, n, (4, 3), dtype=F64)),
        Case("two hidden layers, float64", problem(draw, n, (3, 5, 4, 3), dtype=F64)),
        Case("four hidden layers", problem(draw, n, (2, 3, 4, 3, 5, 2), 2.0, dtype=F64)),
        Case("a batch of one", problem(draw, 1, (3, 4, 2), dtype=F64)),
        Case("square weights", problem(draw, 3, (3, 3, 3), dtype=F64)),
        Case("ten classes", problem(draw, 3 * n, (6, 5, 10))),
        Case("one hidden unit", problem(draw, n, (4, 1, 3), dtype=F64)),
        Case("logits of thousands", sure),
        Case(
            "weights of zero",
            (draw.normal(n, 2), draw.integers(n, high=3), [torch.zeros(2, 3)], [torch.zeros(3)]),
        ),
    ]


def one_layer():
    return (
        t([1.0, 0.0], [0.0, 2.0]),
        torch.tensor([0, 2]),
        [torch.zeros(2, 3)],
        [torch.zeros(3)],
    )


def two_layers():
    return (
        f64([1.0, 0.0], [0.5, -1.0], [0.0, 1.0]),
        torch.tensor([1, 0, 1]),
        [f64([1.0, -1.0], [0.5, 2.0]), f64([1.0, -1.0], [0.0, 1.0])],
        [f64(0.0, 0.5), f64(0.25, -0.25)],
    )


def three_layers():
    return (
        f64([0.5, -0.5]),
        torch.tensor([2]),
        [
            f64([1.0, 0.0, -1.0], [0.5, 1.0, 2.0]),
            f64([1.0, -1.0], [0.5, 0.5], [-1.0, 2.0]),
            f64([1.0, 0.0, -1.0], [-0.5, 1.0, 0.5]),
        ],
        [f64(0.0, 0.5, -0.5), f64(0.25, 0.0), f64(0.0, 0.0, 0.5)],
    )


def huge_logits():
    return t([1000.0, -1000.0]), torch.tensor([1]), [torch.eye(2)], [torch.zeros(2)]


BACKWARD = Exercise(
    name="backward",
    points=4,
    minutes=30,
    reference=backward,
    visible=[
        Case("no hidden layer, weights of zero", one_layer()),
        Case("one hidden layer, float64", two_layers()),
        Case("two hidden layers, one sample", three_layers()),
        Case("logits of ±1000", huge_logits()),
    ],
    hidden=depths,
    alternatives=[backward_by_sample, backward_recursive],
    tolerance=2.0,
    misconceptions=[
        Misconception(
            "1/N forgotten in the gradients",
            backward_like(output=lambda delta, n: delta),
            "the loss is a mean over the samples, so δ carries 1/N.",
        ),
        Misconception(
            "sum instead of mean in the loss",
            loss_changed(lambda loss, n: loss * n),
            "the loss is the mean over the samples.",
        ),
        Misconception(
            "minus forgotten in the loss",
            loss_changed(lambda loss, n: -loss),
            "the logarithm of a probability is negative: cross-entropy is its negative.",
        ),
        Misconception(
            "σ′ forgotten on the way back",
            backward_like(hidden=lambda a: torch.ones_like(a)),
            "at each hidden layer the error passes the sigmoid: multiply by a(1 − a).",
        ),
        Misconception(
            "σ′ taken of the activation",
            backward_like(hidden=lambda a: slope(sigmoid(a))),
            "a is σ(z) already: σ′(z) = a(1 − a).",
        ),
        Misconception(
            "a(1 − a) at the softmax output",
            backward_like(output=lambda delta, n: delta * delta.abs() * (1 - delta.abs()) / n),
            "softmax with cross-entropy leaves δ = prob − one-hot, and no further factor.",
        ),
        Misconception(
            "one-hot forgotten",
            one_hot_missing,
            "δ at the output is prob − one-hot: subtract 1 at the right class.",
        ),
        Misconception(
            "sign the other way round",
            backward_like(output=lambda delta, n: -delta / n),
            "δ at the output is prob − one-hot, in that order.",
        ),
        Misconception(
            "weights not transposed on the way back",
            backward_like(
                back=lambda delta, W: (
                    delta @ (W if W.shape[0] == W.shape[1] else W.reshape(W.shape[::-1]))
                )
            ),
            "W is (fan_in, fan_out), δ is (N, fan_out): back goes δ @ Wᵀ. `reshape` is not a "
            "transpose.",
        ),
        Misconception(
            "biases forgotten in the forward pass",
            backward_like(logits_of=layers_without_biases),
            "each layer computes a @ W + b.",
        ),
        Misconception(
            "bias gradient averaged",
            grads_changed(change_b=lambda dbs, n: [db / n for db in dbs]),
            "δ carries 1/N already: the bias's gradient is the sum of δ over the samples.",
        ),
        Misconception(
            "bias gradient not summed over the samples",
            lambda X, labels, weights, biases: (
                lambda loss, dWs, dbs: (loss, dWs, [db.expand(len(X), -1).clone() for db in dbs])
            )(*backward(X, labels, weights, biases)),
            "every sample pulls at the same bias: db = δ.sum(0), of shape (fan_out,).",
        ),
        Misconception(
            "weight gradients transposed",
            grads_changed(change_W=lambda dWs: [dW.T for dW in dWs]),
            "a gradient has the shape of its weights: aᵀ @ δ is (fan_in, fan_out).",
        ),
        Misconception(
            "lists in backward order",
            grads_changed(lambda dWs: dWs[::-1], lambda dbs, n: dbs[::-1]),
            "backpropagation finds the last layer first; the lists begin with the first layer.",
        ),
        Misconception(
            "tanh in the hidden layers",
            backward_like(logits_of=layers_with(torch.tanh), hidden=lambda a: 1 - a**2),
            "the hidden layers are sigmoids here.",
        ),
        Misconception(
            "softmax overflows",
            plain_softmax,
            "e^1000 is infinite: subtract the greatest logit of each sample first, "
            "or use `logsumexp`.",
        ),
        Misconception(
            "argument changed in place",
            lambda X, labels, weights, biases: (
                backward(X, labels, weights, biases),
                [W.sub_(1) for W in weights],
            )[0],
            "`backward` only computes and leaves the weights as they are; `W -= …` changes them.",
        ),
        Misconception(
            "float64 thrown away",
            lambda X, labels, weights, biases: backward(
                X.float(), labels, [W.float() for W in weights], [b.float() for b in biases]
            ),
            "the results have the dtype of the arguments; `.float()` drops half of the digits.",
        ),
    ],
    hints=[
        "Forward first, and keep the activations of every layer, the input included.",
        "At the output δ = (prob − one-hot)/N. Per layer: dW = aᵀ @ δ, db = δ.sum(0).",
        "One layer back: δ ← (δ @ Wᵀ)·a(1 − a), with the activation a of that layer.",
        "log prob = logits − logits.logsumexp(1, keepdim=True) stays finite.",
    ],
)

# MLP


class MLP:
    def __init__(self, weights, biases):
        self.weights = [W.clone() for W in weights]
        self.biases = [b.clone() for b in biases]

    def predict(self, X):
        return torch.softmax(layers(X, self.weights, self.biases)[-1], 1)

    def step(self, X, labels, lr):
        loss, dWs, dbs = backward(X, labels, self.weights, self.biases)
        self.weights = [W - lr * dW for W, dW in zip(self.weights, dWs)]
        self.biases = [b - lr * db for b, db in zip(self.biases, dbs)]
        return loss


class MLPInPlace:
    """Own copies, moved in place."""

    def __init__(self, weights, biases):
        self.parameters = [
            (W.detach().clone(), b.detach().clone()) for W, b in zip(weights, biases)
        ]

    @property
    def weights(self):
        return tuple(W for W, _ in self.parameters)

    @property
    def biases(self):
        return tuple(b for _, b in self.parameters)

    def predict(self, X):
        z = layers(X, self.weights, self.biases)[-1]
        z = (z - z.max(dim=1, keepdim=True).values).exp()
        return z / z.sum(dim=1, keepdim=True)

    def step(self, X, labels, lr):
        loss, dWs, dbs = backward_by_sample(X, labels, self.weights, self.biases)
        for (W, b), dW, db in zip(self.parameters, dWs, dbs):
            W -= lr * dW
            b.add_(db, alpha=-lr)
        return loss


class MLPFlat:
    """All parameters in one float64 vector; gradient by the recursive pass."""

    def __init__(self, weights, biases):
        self.shapes = [p.shape for p in (*weights, *biases)]
        self.dtype = weights[0].dtype
        self.theta = torch.cat([p.double().flatten() for p in (*weights, *biases)])

    def parts(self):
        sizes = [shape.numel() for shape in self.shapes]
        parts = [p.reshape(s) for p, s in zip(self.theta.split(sizes), self.shapes)]
        return parts[: len(parts) // 2], parts[len(parts) // 2 :]

    weights = property(lambda self: [W.to(self.dtype) for W in self.parts()[0]])
    biases = property(lambda self: [b.to(self.dtype) for b in self.parts()[1]])

    def predict(self, X):
        return torch.softmax(layers(X.double(), *self.parts())[-1], -1).to(X.dtype)

    def step(self, X, labels, lr):
        loss, dWs, dbs = backward_recursive(X.double(), labels, *self.parts())
        self.theta = self.theta - lr * torch.cat([g.flatten() for g in (*dWs, *dbs)])
        return loss.item()


class Wrong(MLP):
    """An MLP with one part to replace."""

    def move(self, dWs, dbs, lr):
        self.weights = [W - lr * dW for W, dW in zip(self.weights, dWs)]
        self.biases = [b - lr * db for b, db in zip(self.biases, dbs)]

    def step(self, X, labels, lr):
        loss, dWs, dbs = backward(X, labels, self.weights, self.biases)
        self.move(dWs, dbs, lr)
        return loss


class LossAfter(MLP):
    def step(self, X, labels, lr):
        super().step(X, labels, lr)
        return backward(X, labels, self.weights, self.biases)[0]


class LogitsPredicted(MLP):
    def predict(self, X):
        return layers(X, self.weights, self.biases)[-1]


class LabelsPredicted(MLP):
    def predict(self, X):
        return super().predict(X).argmax(1)


class SoftmaxOverSamples(MLP):
    def predict(self, X):
        return torch.softmax(layers(X, self.weights, self.biases)[-1], 0)


class SigmoidOutput(MLP):
    def predict(self, X):
        return sigmoid(layers(X, self.weights, self.biases)[-1])


class Uphill(Wrong):
    def move(self, dWs, dbs, lr):
        super().move(dWs, dbs, -lr)


class BiasesFixed(Wrong):
    def move(self, dWs, dbs, lr):
        super().move(dWs, [0 * db for db in dbs], lr)


class RateForgotten(Wrong):
    def move(self, dWs, dbs, lr):
        super().move(dWs, dbs, 1.0)


class LastLayerOnly(Wrong):
    def move(self, dWs, dbs, lr):
        super().move(
            [*(0 * dW for dW in dWs[:-1]), dWs[-1]], [*(0 * db for db in dbs[:-1]), dbs[-1]], lr
        )


class NeverMoves(Wrong):
    def move(self, dWs, dbs, lr):
        pass


class LossMissing(MLP):
    def step(self, X, labels, lr):
        super().step(X, labels, lr)


class CallersTensors(Wrong):
    def __init__(self, weights, biases):
        self.weights, self.biases = weights, biases

    def move(self, dWs, dbs, lr):
        for p, g in zip((*self.weights, *self.biases), (*dWs, *dbs)):
            p -= lr * g


class PredictionOverflows(Wrong):
    """Takes e^z of the logits as they are."""

    def predict(self, X):
        powers = layers(X, self.weights, self.biases)[-1].exp()
        return powers / powers.sum(1, keepdim=True)


class LayerByLayer(Wrong):
    """Moves each layer before the error passes on through it."""

    def step(self, X, labels, lr):
        loss, dWs, dbs = backward(X, labels, self.weights, self.biases)
        for i in reversed(range(len(dWs))):
            _, dWs, dbs = backward(X, labels, self.weights, self.biases)
            self.weights[i] = self.weights[i] - lr * dWs[i]
            self.biases[i] = self.biases[i] - lr * dbs[i]
        return loss


def trainings(draw):
    def training(n, sizes, lr, steps, dtype=torch.float32):
        X, labels, weights, biases = problem(draw, n, sizes, 1.0, dtype)
        return weights, biases, X, labels, lr, steps

    n = draw.integer(5, 9)
    X, labels, weights, biases = problem(draw, n, (4, 3), 1.0, F64)
    return [
        Case("one hidden layer", training(n, (3, 4, 3), draw.number(0.2, 0.8), 3)),
        Case("float64", training(n, (2, 5, 3), draw.number(0.2, 0.8), 5, F64)),
        Case("two hidden layers", training(n, (3, 4, 5, 2), draw.number(1.5, 3), 4, F64)),
        Case("no hidden layer", training(n, (4, 3), draw.number(0.2, 0.8), 3, F64)),
        Case("a batch of one", training(1, (3, 3, 3), draw.number(0.2, 0.8), 2, F64)),
        Case("no step", training(n, (3, 4, 3), 0.5, 0, F64)),
        Case("large logits, no step", ([1e3 * W for W in weights], biases, X, labels, 0.5, 0)),
    ]


def visible_training(network, lr, steps):
    X, labels, weights, biases = network
    return weights, biases, X, labels, lr, steps


MLP_EXERCISE = Exercise(
    name="MLP",
    points=3,
    minutes=20,
    reference=MLP,
    driver="mlp",
    tolerance=5.0,
    visible=[
        Case("no hidden layer, one step", visible_training(one_layer(), 0.5, 1)),
        Case("one hidden layer, three steps", visible_training(two_layers(), 0.5, 3)),
        Case("two hidden layers, two steps", visible_training(three_layers(), 2.0, 2)),
    ],
    hidden=trainings,
    alternatives=[MLPInPlace, MLPFlat],
    misconceptions=[
        Misconception(
            "probabilities of large logits overflow",
            PredictionOverflows,
            "e^1000 is no float: subtract the largest logit of each sample first, or take "
            "`torch.softmax`.",
        ),
        Misconception(
            "loss after the step",
            LossAfter,
            "`step` returns the loss as it was before the parameters moved.",
        ),
        Misconception(
            "loss not returned",
            LossMissing,
            "`step` returns the loss as it was before the parameters moved.",
        ),
        Misconception(
            "logits predicted",
            LogitsPredicted,
            "`predict` gives probabilities: the softmax of the last layer.",
        ),
        Misconception(
            "classes predicted",
            LabelsPredicted,
            "`predict` gives all class probabilities, (N, C); `argmax` is for the caller.",
        ),
        Misconception(
            "softmax over the samples",
            SoftmaxOverSamples,
            "the probabilities of one sample add up to 1: softmax along the classes, dim 1.",
        ),
        Misconception(
            "sigmoid at the output",
            SigmoidOutput,
            "classes exclude each other: softmax at the output, sigmoids in the hidden layers.",
        ),
        Misconception(
            "uphill",
            Uphill,
            "the gradient points uphill: subtract lr times it.",
        ),
        Misconception(
            "biases never move",
            BiasesFixed,
            "the biases are parameters too: b ← b − lr·db.",
        ),
        Misconception(
            "learning rate forgotten",
            RateForgotten,
            "the step is lr times the gradient.",
        ),
        Misconception(
            "only the last layer learns",
            LastLayerOnly,
            "every layer takes its step, the first one too.",
        ),
        Misconception(
            "parameters not renewed",
            NeverMoves,
            "`W = W - lr * dW` in a loop binds a new name; store the result in `self.weights`.",
        ),
        Misconception(
            "caller's tensors changed",
            CallersTensors,
            "the network trains its own parameters: keep copies, `W.clone()`, in `__init__`.",
        ),
        Misconception(
            "layers moved one after the other",
            LayerByLayer,
            "all gradients are taken at the same parameters: first all of them, then all moves.",
        ),
    ],
    hints=[
        "`__init__` keeps copies, `step` calls your `backward`, `predict` ends with a softmax.",
        "After `loss, dWs, dbs = backward(…)` each parameter p becomes p − lr·dp.",
        "Store the new tensors in `self.weights` and `self.biases`; the loss is the result.",
    ],
)

EXERCISES = [
    FORWARD,
    COST,
    COST_GRADS,
    NUMERICAL_GRADIENT,
    RELATIVE_ERROR,
    OUTPUT_DELTA,
    BACKWARD,
    MLP_EXERCISE,
]
