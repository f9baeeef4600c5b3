"""A state of the flow has named fields of categorical variables, each relaxed to a point of R^K.

The flow of variational flow matching (Eijkelboom et al. 2024, "Variational Flow Matching for Graph
Generation") runs on a product of simplices. The meaning of the variables (atoms, bonds, tokens) is
nobody's business here. A field is a name and a tensor (B, D, K), and every formula is written once
and mapped over the fields.

Legend: B examples, D variables of a field, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

Fields = dict[str, Tensor]


def per_example(factor: float | Tensor, like: Tensor) -> float | Tensor:
    """Shape a number per example, (B,), to multiply ``like`` (B, ...); plain numbers pass."""
    if not isinstance(factor, Tensor) or factor.dim() == 0:
        return factor
    return factor.reshape(-1, *(1 for _ in range(like.dim() - 1)))


@dataclass(frozen=True, eq=False)
class State:
    """A state has named fields of D variables with K classes for B examples.

    Arithmetic acts on the values. It keeps the masks and the context of the left operand.

    Attributes:
        values: field -> (B, D, K), a point of R^K for every variable.
        exists: field -> (B, D) bool, False on padding; values are 0 there.
        given: field -> (B, D) bool, variables held at their clean value at every time (a scaffold,
            a prompt). They are a subset of ``exists``.
        context: (B, C), further knowledge of each example, nan where there is none; None: nothing
            is known. The flow does not move it and no formula looks at it; the network does.
    """

    values: Fields
    exists: Fields
    given: Fields
    context: Tensor | None = None

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    @property
    def device(self) -> torch.device:
        """Name the device of the values."""
        return next(iter(self.values.values())).device

    def everywhere(self, time: float) -> Tensor:
        """Repeat a time for every example, (B,), in the type and on the device of the values."""
        values = next(iter(self.values.values()))
        return torch.full((len(self),), time, dtype=values.dtype, device=values.device)

    @property
    def free(self) -> Fields:
        """Tell which variables the flow moves: field -> (B, D) bool."""
        return {name: self.exists[name] & ~self.given[name] for name in self.values}

    def with_values(self, values: Fields) -> State:
        """Put the same variables at another point."""
        return replace(self, values=values)

    def knowing(self, context: Tensor | None) -> State:
        """Give the same state another ``context``."""
        return replace(self, context=context)

    def map(self, function: Callable[[Tensor], Tensor]) -> State:
        """Apply ``function`` to the (B, D, K) of every field."""
        return self.with_values({name: function(x) for name, x in self.values.items()})

    def __add__(self, other: State) -> State:
        return self.with_values({name: x + other.values[name] for name, x in self.values.items()})

    def __sub__(self, other: State) -> State:
        return self.with_values({name: x - other.values[name] for name, x in self.values.items()})

    def __mul__(self, factor: float | Tensor) -> State:
        """Scale by one number, or by one number per example: (B,)."""
        return self.map(lambda x: x * per_example(factor, x))

    __rmul__ = __mul__

    def dot(self, other: State) -> Fields:
        """Take the inner product over the classes: field -> (B, D)."""
        return {name: (x * other.values[name]).sum(-1) for name, x in self.values.items()}

    def where(self, chosen: Tensor, other: State) -> State:
        """Take the values of ``self`` in the examples ``chosen``, (B,) bool, else of ``other``."""
        rows = chosen[:, None, None]
        return self.with_values(
            {name: torch.where(rows, x, other.values[name]) for name, x in self.values.items()}
        )

    def on_free(self) -> State:
        """Keep the values of the free variables and put 0 elsewhere."""
        free = self.free
        return self.with_values(
            {name: x * free[name][..., None] for name, x in self.values.items()}
        )

    def where_free(self, other: State) -> State:
        """Take the values of ``self`` on the free variables, those of ``other`` elsewhere."""
        free = self.free
        return self.with_values(
            {
                name: torch.where(free[name][..., None], x, other.values[name])
                for name, x in self.values.items()
            }
        )

    def softmax(self) -> State:
        """mu = softmax(logits): a point of the simplex for every variable."""
        return self.map(lambda x: x.softmax(-1))

    def argmax(self) -> Fields:
        """Give the likeliest class of every variable: field -> (B, D) int64."""
        return {name: x.argmax(-1) for name, x in self.values.items()}

    def hold(self, given: Fields) -> State:
        """Hold the variables of ``given``, field -> (B, D) bool."""
        return replace(self, given={name: given[name] & self.exists[name] for name in self.values})

    def to(self, *args: object, **kwargs: object) -> State:
        """Pass values and context through ``Tensor.to``; the masks follow to the device."""
        values = {name: x.to(*args, **kwargs) for name, x in self.values.items()}  # type: ignore[call-overload]
        device = next(iter(values.values())).device
        return State(
            values,
            {name: m.to(device) for name, m in self.exists.items()},
            {name: m.to(device) for name, m in self.given.items()},
            None if self.context is None else self.context.to(*args, **kwargs),  # type: ignore[call-overload]
        )

    def __getitem__(self, index: slice | Tensor) -> State:
        """Take the examples at ``index``."""
        return State(
            {name: x[index] for name, x in self.values.items()},
            {name: m[index] for name, m in self.exists.items()},
            {name: m[index] for name, m in self.given.items()},
            None if self.context is None else self.context[index],
        )


def mean_over_free(field: Fields, x: State) -> Fields:
    """(sum over the free variables) / (their number), 0 over none: field (B, D) -> (B,)."""
    free = x.free
    return {
        name: (value * free[name]).sum(-1) / free[name].sum(-1).clamp(min=1)
        for name, value in field.items()
    }
