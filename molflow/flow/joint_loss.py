"""The joint loss of a flow map is cross-entropy on the diagonal and self-distillation off it.

A batch is split. Its first part is at two times s <= t and learns from the network's own
predictions to jump from s to t (``distillation``). The rest is at one time s = t and learns the
posterior of x_1 given x_t (``losses``). Both are means over examples and fields. The caller draws
the random numbers:

>>> noise = {name: torch.randn_like(x) for name, x in x_1.values.items()}  # doctest: +SKIP
>>> drawn = Draws(torch.rand(4, len(x_1)), noise)                          # doctest: +SKIP
>>> loss = JointLoss(vfm_loss, {"tokens": 1.0}, uniform, prior_scale=0.5)  # doctest: +SKIP
>>> total, parts = loss(net, net, x_1, drawn)                              # doctest: +SKIP
>>> total.backward()                                                       # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from molflow.flow.conditioning import withhold
from molflow.flow.flow_map import Network
from molflow.flow.interpolant import interpolate, prior
from molflow.flow.state import Fields, State
from molflow.flow.times import PairLaw, TimeLaw

Loss = Callable[[State, State], Fields]
"""(output of the network at (x_t, t, t), x_1) -> field -> (B,)."""

SelfDistillation = Callable[[Network, Network, State, Tensor, Tensor, Tensor], Fields]
"""(net, teacher, x_s, s, t, r) -> field -> (B,); r (B,) in [0, 1] places a time between s and t."""


@dataclass(frozen=True)
class Distillation:
    """This loss teaches the flow map off the diagonal, on the first ``fraction`` of every batch.

    Attributes:
        loss: the residual.
        times: the law of (s, t).
        middle: the law of the times between s and t, by its own share of the interval.
        fraction: of the batch, in [0, 1].
        weight: of this loss beside that of the diagonal.
        average_teacher: whether the averaged weights teach, or the live ones under stop-gradient.
        derivative: whether the loss differentiates ``net``; one that does not asks it once, for
            mu_st(x_s).
    """

    loss: SelfDistillation
    times: PairLaw
    middle: TimeLaw
    fraction: float
    weight: float
    average_teacher: bool
    derivative: bool


@dataclass(frozen=True)
class Draws:
    """These are the random numbers of one batch.

    Attributes:
        uniform: (4, B), behind the times.
        noise: field -> (B, D, K), standard normal.
        context: (B, C + 1), uniform; they decide which of the C numbers of a context are withheld.
    """

    uniform: Tensor
    noise: Fields
    context: Tensor | None = None

    def to(self, *args: object, **kwargs: object) -> Draws:
        """Pass all of them through ``Tensor.to``."""
        return Draws(
            self.uniform.to(*args, **kwargs),  # type: ignore[call-overload]
            {name: noise.to(*args, **kwargs) for name, noise in self.noise.items()},  # type: ignore[call-overload]
            None if self.context is None else self.context.to(*args, **kwargs),  # type: ignore[call-overload]
        )


@dataclass(frozen=True)
class JointLoss:
    """Training minimises this: ``loss`` averaged over examples, its fields added with ``weights``.

    Attributes:
        loss: of the diagonal.
        weights: field -> weight.
        time_law: the law of t on the diagonal.
        prior_scale: the standard deviation of the noise x_0.
        distillation: the loss off the diagonal; without it the network learns s = t alone.
        withheld: the fraction of the examples with a context that are shown without any of it
            (``flow.conditioning.withhold``).
    """

    loss: Loss
    weights: dict[str, float]
    time_law: TimeLaw
    prior_scale: float
    distillation: Distillation | None = None
    withheld: float = 0.0

    def __call__(
        self, net: Network, teacher: Network, x_1: State, drawn: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the scalar to minimise, and the means that it is made of.

        Args:
            net: the network that learns.
            teacher: the network that tells where a jump should end; no gradient goes through it.
            x_1: B clean states.
            drawn: the random numbers of the batch.

        Returns:
            The scalar, and by name the mean of every field, ``map_`` before those off the diagonal.
        """
        distillation = self.distillation
        off = 0 if distillation is None else round(distillation.fraction * len(x_1))
        x_1 = _told(x_1, drawn, self.withheld)
        s, t = self._times(drawn, off)
        x_s = interpolate(prior(x_1, drawn.noise, self.prior_scale), x_1, s)

        # One call for both parts: on a CPU two small batches cost far more than a large one. A loss
        # that differentiates the network calls it itself.
        first = off if distillation is not None and distillation.derivative else 0
        output = net(x_s[first:], s[first:], t[first:])

        parts = _means(self.loss(output[off - first :], x_1[off:]))
        total = self._weighted(parts)
        if distillation is not None and off > 0:
            student = net if distillation.derivative else lambda *_: output[:off]
            x_s, s, t = x_s[:off], s[:off], t[:off]
            r = distillation.middle.place(s, t, drawn.uniform[3, :off])
            gaps = _means(distillation.loss(student, teacher, x_s, s, t, r))
            total = total + distillation.weight * self._weighted(gaps)
            parts |= {f"map_{name}": gap for name, gap in gaps.items()}
        return total, parts

    def _times(self, drawn: Draws, off: int) -> tuple[Tensor, Tensor]:
        """(s, t), both (B,): pairs for the first ``off`` examples, s = t for the others."""
        t = self.time_law(drawn.uniform[0])
        if self.distillation is None or off == 0:
            return t, t
        pair = self.distillation.times(*drawn.uniform[1:3, :off])
        s, t = (torch.cat([time, t[off:]]) for time in pair)
        return s, t

    def _weighted(self, means: dict[str, Tensor]) -> Tensor:
        return torch.stack([self.weights[name] * mean for name, mean in means.items()]).sum()


def _told(x_1: State, drawn: Draws, withheld: float) -> State:
    """Show the states with a random part of their context."""
    if x_1.context is None or drawn.context is None:
        return x_1
    return x_1.knowing(withhold(x_1.context, drawn.context, withheld))


def _means(parts: Fields) -> dict[str, Tensor]:
    return {name: part.mean() for name, part in parts.items()}
