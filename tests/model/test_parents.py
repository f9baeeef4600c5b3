"""A model that starts from a trained one: deeper at first does the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from molflow.errors import InputError
from molflow.flow.state import State
from molflow.generator import Generator
from molflow.model.checkpoint import save_model
from molflow.model.network import build_network
from molflow.model.parents import load_parent
from molflow.model.spec import ModelSpec
from molflow.sampling.sampler import start


@pytest.fixture(params=["graphs", "strings"])
def spec(request: pytest.FixtureRequest, tiny_spec, token_spec) -> ModelSpec:
    if request.param == "graphs":
        return tiny_spec()
    return token_spec("ab", "characters", (0.0, 0.0, 0.0, 1.0), depth=2)


@pytest.fixture
def parent(spec: ModelSpec, fresh, perturbed, tmp_path: Path) -> nn.Module:
    net = perturbed(fresh(spec), seed=1, size=0.3).eval()
    save_model(tmp_path, net, spec)
    return net


def logits(net: nn.Module, spec: ModelSpec) -> State:
    """Of the first evaluation of five samples."""
    generator = Generator(net, spec)
    x = start(generator, generator.crowd(range(5), seed=0))
    with torch.inference_mode():
        return net(x, torch.full((5,), 0.25), torch.ones(5))


def test_blocks_that_are_added_pass_on_what_they_get(
    spec: ModelSpec, parent: nn.Module, tmp_path: Path, fresh: Callable[[ModelSpec], nn.Module]
) -> None:
    deep = replace(spec, depth=spec.depth + 2)
    net = fresh(deep).eval()
    load_parent(str(tmp_path), net, deep)
    made, known = logits(net, deep), logits(parent, spec)
    for name, value in known.values.items():
        assert torch.equal(made.values[name], value)
        assert value.std() > 0.01
    # What is added learns: every one of its branches has a gradient at its gate.
    net.train()
    generator = Generator(net, deep)
    x = start(generator, generator.crowd(range(5), seed=0))
    out = net(x, torch.full((5,), 0.25), torch.ones(5))
    sum(value.square().sum() for value in out.values.values()).backward()
    gates = {
        name: parameter.grad.abs().max()
        for block in range(spec.depth, deep.depth)
        for name, parameter in net.blocks[block].named_parameters(prefix=str(block))
        if "gate_" in name and "bias" in name
    }
    assert len(gates) >= 4
    assert min(gates.values()) > 0


def test_a_shallower_model_does_not_start_from_a_deep_one(
    spec: ModelSpec, parent: nn.Module, tmp_path: Path
) -> None:
    shallow = replace(spec, depth=spec.depth - 1)
    with pytest.raises(InputError) as error:
        load_parent(str(tmp_path), build_network(shallow), shallow)
    assert str(error.value) == (
        f"checkpoint={tmp_path}: depth is {spec.depth} there and {shallow.depth} here: "
        "blocks are only added"
    )
