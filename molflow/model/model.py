"""A trained model as a value: its network, and all that is known of it beside the weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from molflow.errors import InputError
from molflow.files import CONFIG
from molflow.flow.flow_map import Posterior
from molflow.model.checkpoint import load_weights, read_spec, require_fit
from molflow.model.network import LOSSES, build_network, build_posterior
from molflow.model.place import find_model
from molflow.model.spec import ModelSpec


@dataclass(frozen=True, repr=False)
class Model:
    """A network with everything that sampling needs.

    fingerprint: the sha256 of the file that the weights were loaded from, if they were.
    """

    net: nn.Module
    spec: ModelSpec
    fingerprint: str | None = None

    def __repr__(self) -> str:
        parameters = sum(p.numel() for p in self.net.parameters())
        return (
            f"{type(self).__name__}({parameters:,} parameters on {self.device}, trained on "
            f"{self.spec.dataset.get('name', 'unknown data')}: "
            f"{self.spec.modality.describe(self.spec.max_size)})"
        )

    @property
    def posterior(self) -> Posterior:
        """mu_{s,t}(x_s) of the model."""
        return build_posterior(self.net, self.spec.loss)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.net.parameters()).device


def read_model(checkpoint: str | Path, device: str = "auto") -> Model:
    """The model that ``place.find_model`` finds, on a device that torch knows by this name;
    "auto" is the GPU where there is one. InputError says what is missing, damaged or does not fit.
    """
    place, folder = _device(device), find_model(checkpoint)
    spec = read_spec(folder)
    if spec.loss not in LOSSES:
        known = ", ".join(LOSSES)
        raise InputError(f"{folder / CONFIG}: loss is {spec.loss!r}, this version knows {known}")
    require_fit(folder, spec, build_network)
    net = build_network(spec)
    fingerprint = load_weights(folder, net, spec.vocabulary)
    return Model(net.to(place).eval(), spec, fingerprint)


def _device(name: str) -> torch.device:
    """The device of that name; InputError where torch knows none or cannot compute on it."""
    if str(name).startswith(("auto", "cuda")) and torch.cuda._is_in_bad_fork():
        raise InputError(
            f"device={name!r}: CUDA cannot be used in a process that was forked after it was used; "
            "start processes by multiprocessing.get_context('spawn'), or ask for device='cpu'"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, ImportError, TypeError):
        known = "auto, cpu, cuda or another that torch can use here"
        raise InputError(f"device={name!r}: {known}") from None
    return device
