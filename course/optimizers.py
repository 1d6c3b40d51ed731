"""The optimizers: torch's own, fused where it can, and the registry `OPTIMIZERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import optim

from course.registry import Registry

Parameters = Iterable[torch.Tensor]


@dataclass(frozen=True)
class OptimizerEntry:
    """One optimizer: a builder `(parameters, lr, …) -> torch.optim.Optimizer` and its update rule.

    `typical_lr` is a learning rate that works on this course's networks; the range between
    optimizers is 10,000-fold, so one rate for all compares nothing.
    """

    name: str
    function: Callable[..., optim.Optimizer]
    title: str
    formula: str
    typical_lr: float
    reference: str


def _fused(params: Parameters) -> tuple[list[torch.Tensor], dict[str, bool]]:
    tensors = list(params)
    return tensors, {"fused": all(tensor.device.type in ("cpu", "cuda") for tensor in tensors)}


def gradient_descent(params: Parameters, lr: float) -> optim.Optimizer:
    """Build w ← w − lr·g.

    >>> w = torch.tensor([1.0], requires_grad=True); w.grad = torch.tensor([2.0])
    >>> gradient_descent([w], lr=0.25).step(); w.detach()
    tensor([0.5000])

    Source: Cauchy, C. R. Acad. Sci. Paris 25, 536 (1847).
    """
    tensors, fused = _fused(params)
    return optim.SGD(tensors, lr=lr, **fused)


def momentum(params: Parameters, lr: float, gamma: float = 0.9) -> optim.Optimizer:
    """Build v ← γv + g, w ← w − lr·v.

    >>> w = torch.tensor([1.0], requires_grad=True); w.grad = torch.tensor([2.0])
    >>> momentum([w], lr=0.25).step(); w.detach()
    tensor([0.5000])

    Source: Polyak, USSR Comput. Math. 4, 1 (1964), doi:10.1016/0041-5553(64)90137-5.
    """
    tensors, fused = _fused(params)
    return optim.SGD(tensors, lr=lr, momentum=gamma, **fused)


def nesterov(params: Parameters, lr: float, gamma: float = 0.9) -> optim.Optimizer:
    """Build v ← γv + g, w ← w − lr·(g + γv).

    >>> w = torch.tensor([1.0], requires_grad=True); w.grad = torch.tensor([2.0])
    >>> nesterov([w], lr=0.25, gamma=0.5).step(); w.detach()
    tensor([0.2500])

    Source: Sutskever et al., ICML (2013), after Nesterov (1983).
    """
    tensors, fused = _fused(params)
    return optim.SGD(tensors, lr=lr, momentum=gamma, nesterov=True, **fused)


def adagrad(params: Parameters, lr: float) -> optim.Optimizer:
    """Build s ← s + g², w ← w − lr·g/(√s + ε).

    >>> w = torch.tensor([1.0], requires_grad=True); w.grad = torch.tensor([2.0])
    >>> adagrad([w], lr=0.25).step(); w.detach()
    tensor([0.7500])

    Source: Duchi, Hazan and Singer, J. Mach. Learn. Res. 12, 2121 (2011).
    """
    tensors = list(params)
    fused = all(tensor.device.type == "cpu" for tensor in tensors)
    return optim.Adagrad(tensors, lr=lr, fused=fused)


def rmsprop(params: Parameters, lr: float, gamma: float = 0.99) -> optim.Optimizer:
    """Build s ← γs + (1−γ)g², w ← w − lr·g/(√s + ε).

    >>> w = torch.tensor([1.0], requires_grad=True); w.grad = torch.tensor([2.0])
    >>> rmsprop([w], lr=0.01, gamma=0.75).step(); w.detach()
    tensor([0.9800])

    Source: Tieleman and Hinton, Neural Networks for Machine Learning, lecture 6.5 (2012).
    """
    return optim.RMSprop(params, lr=lr, alpha=gamma)


def adadelta(params: Parameters, lr: float, rho: float = 0.9) -> optim.Optimizer:
    """Build w ← w − lr·(RMS of past updates / RMS of gradients)·g; lr = 1 in the paper.

    >>> w = torch.tensor([1.0], requires_grad=True); w.grad = torch.tensor([2.0])
    >>> adadelta([w], lr=1.0).step(); bool(0 < 1 - w < 0.01)
    True

    Source: Zeiler, arXiv:1212.5701 (2012).
    """
    return optim.Adadelta(params, lr=lr, rho=rho)


def adam(
    params: Parameters, lr: float, beta1: float = 0.9, beta2: float = 0.999
) -> optim.Optimizer:
    """Build w ← w − lr·m̂/(√v̂ + ε) from bias-corrected averages of g and g².

    >>> w = torch.tensor([1.0], requires_grad=True); w.grad = torch.tensor([2.0])
    >>> adam([w], lr=0.25).step(); w.detach()
    tensor([0.7500])

    Source: Kingma and Ba, ICLR (2015), arXiv:1412.6980.
    """
    tensors, fused = _fused(params)
    return optim.Adam(tensors, lr=lr, betas=(beta1, beta2), **fused)


def adamw(params: Parameters, lr: float, weight_decay: float = 0.01) -> optim.Optimizer:
    """Build Adam with w ← w − lr·λw beside its step, λ the weight decay.

    >>> w = torch.tensor([1.0], requires_grad=True); w.grad = torch.tensor([2.0])
    >>> adamw([w], lr=0.25, weight_decay=0.0).step(); w.detach()
    tensor([0.7500])

    Source: Loshchilov and Hutter, ICLR (2019), arXiv:1711.05101.
    """
    tensors, fused = _fused(params)
    return optim.AdamW(tensors, lr=lr, weight_decay=weight_decay, **fused)


OPTIMIZERS: Registry[OptimizerEntry] = Registry(
    "optimizer",
    [
        OptimizerEntry(
            "gradient_descent",
            gradient_descent,
            "Gradient descent",
            r"w \leftarrow w-\eta g",
            0.1,
            "Cauchy 1847",
        ),
        OptimizerEntry(
            "momentum",
            momentum,
            "Momentum",
            r"v\leftarrow\gamma v+g,\quad w\leftarrow w-\eta v",
            0.05,
            "Polyak 1964",
        ),
        OptimizerEntry(
            "nesterov",
            nesterov,
            "Nesterov",
            r"v\leftarrow\gamma v+g,\quad w\leftarrow w-\eta(g+\gamma v)",
            0.05,
            "Sutskever et al. 2013",
        ),
        OptimizerEntry(
            "adagrad",
            adagrad,
            "Adagrad",
            r"s\leftarrow s+g^2,\quad w\leftarrow w-\eta\,g/(\sqrt s+\epsilon)",
            0.01,
            "Duchi et al. 2011",
        ),
        OptimizerEntry(
            "rmsprop",
            rmsprop,
            "RMSProp",
            r"s\leftarrow\gamma s+(1-\gamma)g^2,\quad w\leftarrow w-\eta\,g/(\sqrt s+\epsilon)",
            1e-4,
            "Tieleman and Hinton 2012",
        ),
        OptimizerEntry(
            "adadelta",
            adadelta,
            "Adadelta",
            r"\Delta w=-\eta\,\frac{\sqrt{d+\epsilon}}{\sqrt{s+\epsilon}}\,g,\quad"
            r" d\leftarrow\rho d+(1-\rho)\Delta w^2",
            1.0,
            "Zeiler 2012",
        ),
        OptimizerEntry(
            "adam",
            adam,
            "Adam",
            r"w\leftarrow w-\eta\,\hat m/(\sqrt{\hat v}+\epsilon)",
            1e-4,
            "Kingma and Ba 2015",
        ),
        OptimizerEntry(
            "adamw",
            adamw,
            "AdamW",
            r"w\leftarrow w-\eta\,(\hat m/(\sqrt{\hat v}+\epsilon)+\lambda w)",
            1e-4,
            "Loshchilov and Hutter 2019",
        ),
    ],
)
