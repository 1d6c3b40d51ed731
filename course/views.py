"""Views: what of an answer is compared, where the answer itself is random.

A view turns the value that a driver returned into plain data. An exercise without one (`same`)
is compared value by value; an initializer is compared by the `moments` of its draws, and the
bounds below say which moments are likely enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

FAILURE_RATE = 1e-9
"""Chance that one bound fails a correct initializer; `tests/test_initializer_bounds.py` adds up."""


def same(value: Any) -> Any:
    """The answer as it is."""
    return value


def moments(value: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Moments of the draws that the `seeded` driver made, and whether the seed decides them.

    `inner` is the share of numbers closer to zero than one root mean square: 0.577 for uniform
    and 0.683 for normal numbers around zero.
    """
    draw = value["draw"]
    numbers = draw.double()
    square = (numbers**2).mean()
    return {
        "shape": list(draw.shape),
        "dtype": str(draw.dtype).removeprefix("torch."),
        "mean": numbers.mean().item(),
        "mean square": square.item(),
        "inner": (numbers.abs() < square.sqrt()).double().mean().item(),
        "min": numbers.min().item(),
        "max": numbers.max().item(),
        "same seed, same numbers": torch.equal(draw, value["again"]),
        "other seed, other numbers": not torch.equal(draw, value["other"]),
    }


def partition(value: dict[str, list[torch.Tensor]]) -> dict[str, Any]:
    """Sizes of the index batches that the `seeded` driver drew, what they cover, and how mixed.

    `mixed` is whether some batch holds an index that does not belong there in order.
    """
    batches = list(value["draw"])
    joined, again, other = (torch.cat(list(value[key])) for key in ("draw", "again", "other"))
    in_order = torch.arange(len(joined)).split([len(batch) for batch in batches])
    return {
        "sizes": [len(batch) for batch in batches],
        "sorted": joined.sort().values,
        "shuffled": not torch.equal(joined, joined.sort().values),
        "mixed": any(not torch.equal(a.sort().values, b) for a, b in zip(batches, in_order)),
        "same seed, same batches": torch.equal(joined, again),
        "other seed, other batches": not torch.equal(joined, other),
    }


def training(value: dict[str, Any]) -> dict[str, Any]:
    """What holds of the runs that the `autoencoder` driver made, whatever was drawn in them."""
    runs = {key: [float(loss) for loss in value[key]] for key in ("losses", "again", "other")}
    losses, again, other = runs.values()
    facts = {key: fact for key, fact in value.items() if key not in runs}
    return {
        "number of losses": len(losses),
        "losses": _trend(losses),
        "same seed, same losses": torch.allclose(torch.tensor(losses), torch.tensor(again)),
        "other seed, other losses": losses != other,
        **facts,
        "brightness": _trend(value["brightness"]),
        "first pixels": [float(loss) for loss in value["first pixels"]],
    }


def _trend(numbers: list[float]) -> str:
    ratio = numbers[-1] / numbers[0] if numbers else 1.0
    return "falling" if ratio < 0.9 else "rising" if ratio > 1.05 else "much the same"


def uniform_moments(low: float, high: float, shape: tuple[int, ...]) -> tuple[dict, dict]:
    """The moments that uniform draws from [low, high] have, as (least, greatest).

    Hoeffding: the mean of n independent numbers within an interval of width w is further than
    w·√(ln(2/q)/2n) from its expectation with a probability below q = `FAILURE_RATE`.
    """
    n = math.prod(shape)
    slack = math.sqrt(math.log(2 / FAILURE_RATE) / (2 * n))
    mean = (low + high) / 2
    square = (low**2 + low * high + high**2) / 3
    widest = max(low**2, high**2)
    narrowest = 0.0 if low <= 0 <= high else min(low**2, high**2)
    root = math.sqrt(square)
    inner = (min(root, high) - max(-root, low)) / (high - low)
    # the root mean square is itself estimated: its own slack moves the share by this much
    drift = 2 * (widest - narrowest) * slack / (root * (high - low))
    # numbers must come within `edge` of both ends: (1 − edge/w)ⁿ = q
    edge = (high - low) * -math.expm1(math.log(FAILURE_RATE) / n)
    return _between(
        shape,
        mean=(mean, (high - low) * slack),
        square=(square, (widest - narrowest) * slack),
        inner=(inner, slack + drift),
        low=(low, min(low + edge, high)),
        high=(max(high - edge, low), high),
    )


def normal_moments(std: float, shape: tuple[int, ...]) -> tuple[dict, dict]:
    """The moments that normal draws N(0, std²) have, as (least, greatest).

    The mean has the exact tail P(|mean| > t) ≤ 2·exp(−n t²/2σ²); the mean square has Laurent and
    Massart's (2000, lemma 1) χ² tails; the extremes have the union bound of n Gaussian tails.
    """
    n = math.prod(shape)
    x = math.log(2 / FAILURE_RATE)
    reach = std * math.sqrt(2 * math.log(2 * n / FAILURE_RATE))
    square_slack = 2 * math.sqrt(x / n) + 2 * x / n
    slack = math.sqrt(x / (2 * n))
    return _between(
        shape,
        mean=(0.0, std * math.sqrt(2 * x / n)),
        square=(std**2, std**2 * square_slack),
        inner=(math.erf(math.sqrt(0.5)), slack + 0.25 * square_slack),
        low=(-reach, 0.0),
        high=(0.0, reach),
    )


def _between(
    shape: tuple[int, ...],
    mean: tuple[float, float],
    square: tuple[float, float],
    inner: tuple[float, float],
    low: tuple[float, float],
    high: tuple[float, float],
) -> tuple[dict, dict]:
    """(least, greatest) of `moments`; the first three are given as centre and slack."""

    def side(sign: int) -> dict[str, Any]:
        edge = (sign + 1) // 2
        return {
            "shape": list(shape),
            "dtype": "float32",
            "mean": mean[0] + sign * mean[1],
            "mean square": square[0] + sign * square[1],
            "inner": inner[0] + sign * inner[1],
            "min": low[edge],
            "max": high[edge],
            "same seed, same numbers": True,
            "other seed, other numbers": True,
        }

    return side(-1), side(+1)


VIEWS: dict[str, Callable[[Any], Any]] = {
    "same": same,
    "moments": moments,
    "partition": partition,
    "training": training,
}
