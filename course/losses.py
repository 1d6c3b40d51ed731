"""The losses: torch's own where it has one, ours where it has none, and the registry `LOSSES`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from course.registry import Registry


@dataclass(frozen=True)
class Loss:
    """One loss: what it computes, what it expects and where it comes from.

    `family` is `regression`, `binary` or `multi-class`; `expects` and `target` name what the
    first and second argument are. A loss fits every task whose name is in `tasks`.
    """

    name: str
    function: Callable[..., Tensor]
    title: str
    formula: str
    family: str
    expects: str
    target: str
    domain: str
    tasks: tuple[str, ...]
    reference: str


def _check(pred: Tensor, target: Tensor) -> None:
    if pred.shape != target.shape:
        raise ValueError(
            f"prediction and target must have one shape, got {tuple(pred.shape)} and "
            f"{tuple(target.shape)}; reshape one of them (broadcasting would hide the mistake)"
        )


def mse(pred: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error mean((pred − target)²); any equal shapes, 0-dim result.

    >>> mse(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(2.5000)

    Source: Gauss, Theoria motus (1809), §179.
    """
    _check(pred, target)
    return F.mse_loss(pred, target)


def l1(pred: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute error mean|pred − target|; any equal shapes, 0-dim result.

    >>> l1(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(1.5000)

    Source: Boscovich (1757); see Stigler, The History of Statistics (1986), ch. 1.
    """
    _check(pred, target)
    return F.l1_loss(pred, target)


def rmse(pred: Tensor, target: Tensor) -> Tensor:
    """Return √mean((pred − target)²), in the units of the data; its gradient at zero error is 0.

    >>> rmse(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(1.4142)

    Source: Hodson, Geosci. Model Dev. 15, 5481 (2022), doi:10.5194/gmd-15-5481-2022.
    """
    _check(pred, target)
    return torch.linalg.vector_norm(pred - target) / math.sqrt(pred.numel())


def msle(pred: Tensor, target: Tensor) -> Tensor:
    """Return mean((log(1 + pred) − log(1 + target))²) for values above −1.

    >>> msle(torch.tensor([0.0]), torch.tensor([math.e - 1]))
    tensor(1.)

    Source: scikit-learn, User Guide, section on the mean squared logarithmic error.
    """
    _check(pred, target)
    return F.mse_loss(torch.log1p(pred), torch.log1p(target))


def huber(pred: Tensor, target: Tensor, delta: float = 1.0) -> Tensor:
    """Return the mean of ½e² where |e| ≤ δ and δ|e| − ½δ² beyond, e = pred − target, δ > 0.

    >>> huber(torch.tensor([0.5, 3.0]), torch.tensor([0.0, 0.0]))
    tensor(1.3125)

    Source: Huber, Ann. Math. Statist. 35, 73 (1964), doi:10.1214/aoms/1177703732.
    """
    _check(pred, target)
    return F.huber_loss(pred, target, delta=delta)


def pseudo_huber(pred: Tensor, target: Tensor, delta: float = 1.0) -> Tensor:
    """Return mean(δ²(√(1 + (e/δ)²) − 1)): Huber's loss with every derivative continuous, δ > 0.

    >>> pseudo_huber(torch.tensor([0.0, math.sqrt(3.0)]), torch.tensor([0.0, 0.0]))
    tensor(0.5000)

    Source: Charbonnier et al., IEEE Trans. Image Process. 6, 298 (1997), doi:10.1109/83.551699.
    """
    _check(pred, target)
    ratio = (pred - target) / delta
    # x²/(√(1+x²)+1) is √(1+x²)−1 without the cancellation near 0
    return delta**2 * (ratio.square() / (torch.sqrt(1 + ratio.square()) + 1)).mean()


def log_cosh(pred: Tensor, target: Tensor) -> Tensor:
    """Return mean(log cosh(pred − target)), computed as |e| + softplus(−2|e|) − log 2.

    >>> log_cosh(torch.tensor([0.0, 1000.0]), torch.tensor([0.0, 0.0]))
    tensor(499.6534)

    Source: Saleh and Saleh, arXiv:2208.04564 (2022).
    """
    _check(pred, target)
    error = (pred - target).abs()
    return (error + F.softplus(-2 * error) - math.log(2)).mean()


def lp(pred: Tensor, target: Tensor, p: float = 3.0) -> Tensor:
    """Return (Σ|pred − target|^p)^(1/p) over all elements, without a mean; p ≥ 1.

    Raises `ValueError` for p < 1, where it is no norm.

    >>> lp(torch.tensor([3.0, 4.0]), torch.tensor([0.0, 0.0]), p=2)
    tensor(5.)

    Source: F. Riesz, Math. Ann. 69, 449 (1910), doi:10.1007/BF01457637.
    """
    _check(pred, target)
    if not p >= 1:
        raise ValueError(f"lp needs p >= 1, got p={p}; below 1 it is no norm")
    return torch.linalg.vector_norm(pred - target, ord=p)


def bce(prob: Tensor, target: Tensor) -> Tensor:
    """Return the mean of −(t log q + (1 − t) log(1 − q)) for probabilities q and targets in [0, 1].

    Torch limits each logarithm at −100, so probabilities of exactly 0 and 1 stay finite.

    >>> bce(torch.tensor([0.5, 0.5]), torch.tensor([0.0, 1.0]))
    tensor(0.6931)

    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.90.
    """
    _check(prob, target)
    return F.binary_cross_entropy(prob, target)


def bce_logits(logits: Tensor, target: Tensor) -> Tensor:
    """Return binary cross-entropy of σ(logits), stable at any logit; targets in [0, 1].

    >>> bce_logits(torch.tensor([0.0, 1e4]), torch.tensor([1.0, 1.0]))
    tensor(0.3466)

    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.90.
    """
    _check(logits, target)
    return F.binary_cross_entropy_with_logits(logits, target)


def hinge(score: Tensor, target: Tensor) -> Tensor:
    """Return mean(max(0, 1 − target·score)) for targets −1 and +1.

    >>> hinge(torch.tensor([2.0, 0.0]), torch.tensor([1.0, -1.0]))
    tensor(0.5000)

    Source: Cortes and Vapnik, Machine Learning 20, 273 (1995), doi:10.1007/BF00994018.
    """
    _check(score, target)
    return F.relu(1 - target * score).mean()


def squared_hinge(score: Tensor, target: Tensor) -> Tensor:
    """Return mean(max(0, 1 − target·score)²) for targets −1 and +1.

    >>> squared_hinge(torch.tensor([2.0, -1.0]), torch.tensor([1.0, 1.0]))
    tensor(2.)

    Source: Lee and Lin, Neural Comput. 25, 1302 (2013), doi:10.1162/NECO_a_00434.
    """
    _check(score, target)
    return F.relu(1 - target * score).square().mean()


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over samples of −log softmax(logits)[label]; (N, C) logits, (N,) labels.

    >>> cross_entropy(torch.zeros(1, 2), torch.tensor([1]))
    tensor(0.6931)

    Source: Bridle, in Neurocomputing (1990), 227, doi:10.1007/978-3-642-76153-9_28.
    """
    return F.cross_entropy(logits, labels)


def nll(log_prob: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over samples of −log_prob[label]; (N, C) log-probabilities, (N,) labels.

    >>> nll(torch.log(torch.tensor([[0.25, 0.75]])), torch.tensor([0]))
    tensor(1.3863)

    Source: Fisher, Phil. Trans. R. Soc. A 222, 309 (1922), doi:10.1098/rsta.1922.0009.
    """
    return F.nll_loss(log_prob, labels)


def multi_margin(scores: Tensor, labels: Tensor, margin: float = 1.0) -> Tensor:
    """Return the mean over samples of Σ_{i≠y} max(0, margin − s_y + s_i) / C.

    The division by the number of classes C is torch's; the slide-style SVM loss has none.

    >>> multi_margin(torch.tensor([[0.0, 0.5]]), torch.tensor([0]))
    tensor(0.7500)

    Source: Crammer and Singer, J. Mach. Learn. Res. 2, 265 (2001).
    """
    return F.multi_margin_loss(scores, labels, margin=margin)


def kl(log_prob: Tensor, prob: Tensor) -> Tensor:
    """Return KL(p‖q) = Σ p log(p/q), mean over the batch, from log q and the target p.

    >>> kl(torch.log(torch.tensor([[0.5, 0.5]])), torch.tensor([[1.0, 0.0]]))
    tensor(0.6931)

    Source: Kullback and Leibler, Ann. Math. Statist. 22, 79 (1951), doi:10.1214/aoms/1177729694.
    """
    _check(log_prob, prob)
    return F.kl_div(log_prob, prob, reduction="batchmean")


def _regression(
    name: str,
    function: Callable[..., Tensor],
    title: str,
    formula: str,
    reference: str,
    domain: str = "any real values",
) -> Loss:
    return Loss(
        name,
        function,
        title,
        formula,
        "regression",
        "values",
        "values",
        domain,
        ("autoencoder",),
        reference,
    )


BOTH = ("autoencoder", "classifier")

LOSSES: Registry[Loss] = Registry(
    "loss",
    [
        _regression("mse", mse, "Mean squared error", r"\frac1n\sum_i e_i^2", "Gauss 1809"),
        _regression("l1", l1, "Mean absolute error", r"\frac1n\sum_i |e_i|", "Boscovich 1757"),
        _regression(
            "rmse", rmse, "Root mean squared error", r"\sqrt{\frac1n\sum_i e_i^2}", "Hodson 2022"
        ),
        _regression(
            "msle",
            msle,
            "Mean squared log error",
            r"\frac1n\sum_i (\log(1+\hat y_i)-\log(1+y_i))^2",
            "scikit-learn",
            "values above −1",
        ),
        _regression(
            "huber",
            huber,
            "Huber",
            r"\frac1n\sum_i \begin{cases}\tfrac12 e_i^2 & |e_i|\le\delta\\"
            r"\delta|e_i|-\tfrac12\delta^2 & |e_i|>\delta\end{cases}",
            "Huber 1964",
        ),
        _regression(
            "pseudo_huber",
            pseudo_huber,
            "Pseudo-Huber",
            r"\frac1n\sum_i \delta^2(\sqrt{1+(e_i/\delta)^2}-1)",
            "Charbonnier et al. 1997",
        ),
        _regression(
            "log_cosh",
            log_cosh,
            "Log-cosh",
            r"\frac1n\sum_i \log\cosh e_i",
            "Saleh and Saleh 2022",
        ),
        _regression("lp", lp, "Lp norm", r"(\sum_i |e_i|^p)^{1/p}", "Riesz 1910"),
        Loss(
            "bce",
            bce,
            "Binary cross-entropy",
            r"-\frac1n\sum_i [y_i\log q_i+(1-y_i)\log(1-q_i)]",
            "binary",
            "probabilities",
            "zero_one",
            "probabilities and targets in [0, 1]",
            BOTH,
            "Bishop 2006",
        ),
        Loss(
            "bce_logits",
            bce_logits,
            "Binary cross-entropy with logits",
            r"\frac1n\sum_i [\log(1+e^{z_i})-y_i z_i]",
            "binary",
            "logits",
            "zero_one",
            "any logits, targets in [0, 1]",
            BOTH,
            "Bishop 2006",
        ),
        Loss(
            "hinge",
            hinge,
            "Hinge",
            r"\frac1n\sum_i \max(0,1-y_i s_i)",
            "binary",
            "scores",
            "signs",
            "any scores, targets −1 and +1",
            ("classifier",),
            "Cortes and Vapnik 1995",
        ),
        Loss(
            "squared_hinge",
            squared_hinge,
            "Squared hinge",
            r"\frac1n\sum_i \max(0,1-y_i s_i)^2",
            "binary",
            "scores",
            "signs",
            "any scores, targets −1 and +1",
            ("classifier",),
            "Lee and Lin 2013",
        ),
        Loss(
            "cross_entropy",
            cross_entropy,
            "Cross-entropy",
            r"-\frac1N\sum_n \log\mathrm{softmax}(z_n)_{y_n}",
            "multi-class",
            "logits",
            "labels",
            "any logits, integer labels",
            ("classifier",),
            "Bridle 1990",
        ),
        Loss(
            "nll",
            nll,
            "Negative log-likelihood",
            r"-\frac1N\sum_n \log q_{n,y_n}",
            "multi-class",
            "log_probabilities",
            "labels",
            "log-probabilities, integer labels",
            ("classifier",),
            "Fisher 1922",
        ),
        Loss(
            "multi_margin",
            multi_margin,
            "Multi-class margin",
            r"\frac1N\sum_n\frac1C\sum_{i\neq y_n}\max(0,m-s_{n,y_n}+s_{n,i})",
            "multi-class",
            "scores",
            "labels",
            "any scores, integer labels",
            ("classifier",),
            "Crammer and Singer 2001",
        ),
        Loss(
            "kl",
            kl,
            "Kullback-Leibler divergence",
            r"\frac1N\sum_n\sum_i p_{n,i}\log\frac{p_{n,i}}{q_{n,i}}",
            "multi-class",
            "log_probabilities",
            "one_hot",
            "log-probabilities, target probabilities",
            ("classifier",),
            "Kullback and Leibler 1951",
        ),
    ],
)


def losses_for(task: str) -> list[str]:
    """Return the names of the losses that fit a task, `"autoencoder"` or `"classifier"`.

    >>> losses_for("autoencoder")[:3]
    ['mse', 'l1', 'rmse']
    """
    return [name for name, entry in LOSSES.items() if task in entry.tasks]
