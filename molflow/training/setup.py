"""The training of a configuration: laws of times and self-distillations by name, and the module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from molflow.config import FlowConfig, TrainConfig
from molflow.errors import InputError
from molflow.flow.distillation import (
    ECLD_DERIVED,
    ECLD_GRAPH,
    ECLD_TEXT,
    csd_loss,
    csd_official_loss,
    ecld_loss,
    psd_loss,
)
from molflow.flow.joint_loss import Distillation, JointLoss, Loss, SelfDistillation
from molflow.flow.state import Fields, State
from molflow.flow.times import (
    PairLaw,
    TimeLaw,
    logit_normal,
    triangle,
    uniform,
    with_corner,
    with_ends,
)
from molflow.model.network import LOSSES
from molflow.model.spec import ModelSpec
from molflow.plugins import Table
from molflow.training.module import FlowModule, Stream
from molflow.training.optimisation import Optimisation

TIME_LAWS = Table[Callable[[FlowConfig], TimeLaw]](
    "time_laws",
    {
        "uniform": lambda c: uniform,
        "logit_normal": lambda c: logit_normal(c.time_mean, c.time_spread),
    },
)
PAIR_LAWS = Table[Callable[[TimeLaw], tuple[PairLaw, TimeLaw]]](
    "pair_laws",
    {
        "triangle": lambda law: (triangle, uniform),
        "ends": lambda law: (with_ends(law), law),
    },
)
"""The law of (s, t), and that of the times between them, by the law of the times t = s."""

DISTILLATIONS = Table[SelfDistillation](
    "distillations",
    {
        "csd": lambda net, teacher, x, s, t, r: csd_loss(net, teacher, x, s, t),
        "csd_official": lambda net, teacher, x, s, t, r: csd_official_loss(net, teacher, x, s, t),
        "ecld": lambda net, teacher, x, s, t, r: ecld_loss(net, teacher, x, s, t, ECLD_DERIVED),
        "ecld_graph": lambda net, teacher, x, s, t, r: ecld_loss(net, teacher, x, s, t, ECLD_GRAPH),
        "ecld_text": lambda net, teacher, x, s, t, r: ecld_loss(net, teacher, x, s, t, ECLD_TEXT),
        "psd": psd_loss,
    },
)
CORNER = 0.15
"""The usual share of the pairs (s, t) that are (0, 1), where the loss says something there."""
WITHOUT_DERIVATIVE = ("none", "psd")
"""Choices of ``flow.distill`` that do not differentiate the network along time.

With the others it takes many minutes to compile.
"""


def distillation_of(flow: FlowConfig) -> SelfDistillation:
    """The loss of ``flow.distill`` with its options."""
    if flow.euler_below > 0:
        return partial(psd_loss, euler_below=flow.euler_below)
    return DISTILLATIONS[flow.distill]


def corner_of(flow: FlowConfig) -> float:
    """The share of the pairs (s, t) that are (0, 1).

    By default it is 0 where a derivative along time is taken, whose factor (1-t) is 0 at t = 1. The
    equation that is left, mu_01 = mu_11(mu_01), holds at every clean state, whichever the noise
    leads to.
    """
    if flow.corner is not None:
        return flow.corner
    return CORNER if flow.distill in WITHOUT_DERIVATIVE else 0.0


@dataclass(frozen=True)
class OwnParts:
    """Parts of a training that are the caller's own.

    Attributes:
        net: makes the network of a model, (x_s, s, t) -> logits, which ``model`` keys then do not.
        loss: (logits, x_1) -> field -> (B,), in place of that of ``flow.loss``.

    Raises:
        InputError: a part is no function.
    """

    net: Callable[[ModelSpec], nn.Module] | None = None
    loss: Loss | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and (isinstance(value, nn.Module) or not callable(value)):
                raise InputError(f"{name}={value!r}: a function is needed, see molflow.train")


def build_module(
    config: TrainConfig,
    net: nn.Module,
    stream: Stream,
    workers: int = 0,
    own_loss: Loss | None = None,
) -> FlowModule:
    """The Lightning module of one training run.

    Args:
        config: of the run.
        net: the network.
        stream: of training batches.
        workers: processes that prepare batches.
        own_loss: in place of that of ``flow.loss``, without label smoothing.
    """
    flow, trainer = config.flow, config.trainer
    time_law, distillation = TIME_LAWS[flow.time_law](flow), None
    if flow.distill != "none":
        pairs, middle = PAIR_LAWS[flow.pairs](time_law)
        distillation = Distillation(
            loss=distillation_of(flow),
            times=with_corner(pairs, corner_of(flow)),
            middle=middle,
            fraction=flow.distill_share,
            weight=flow.distill_weight,
            average_teacher=flow.teacher == "average",
            derivative=flow.distill not in WITHOUT_DERIVATIVE,
        )
    smoothing = {"smoothing": flow.label_smoothing} if flow.loss == "cross_entropy" else {}
    usual = LOSSES[flow.loss]

    def loss(output: State, x_1: State) -> Fields:
        return usual(output, x_1, **smoothing) if own_loss is None else own_loss(output, x_1)

    joint_loss = JointLoss(
        loss=loss,
        weights={"atoms": 1.0, "pairs": flow.pair_weight, "tokens": 1.0},
        time_law=time_law,
        prior_scale=flow.prior_scale,
        distillation=distillation,
        withheld=flow.condition_dropout,
    )
    optimisation = Optimisation(
        steps=trainer.steps,
        max_minutes=trainer.max_minutes,
        learning_rate=trainer.learning_rate,
        weight_decay=trainer.weight_decay,
        warmup=trainer.warmup,
        gradient_clip=trainer.gradient_clip,
        ema_decay=trainer.ema_decay,
        schedule=trainer.schedule,
    )
    return FlowModule(net, stream, joint_loss, optimisation, config.seed, workers)
