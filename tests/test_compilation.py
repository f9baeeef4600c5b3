"""Networks compiled block by block: one compilation for all, the weights of the original."""

from functools import partial

import pytest
import torch
from torch._dynamo.utils import counters

from molflow.flow.state import State
from molflow.nn.compilation import compile_blocks, compiled_twin

S, T = torch.tensor([0.1, 0.4]), torch.tensor([0.3, 1.0])


@pytest.fixture(autouse=True)
def traced(monkeypatch):
    """What torch would compile is traced alone: nothing is translated to C++."""
    torch._dynamo.reset()
    counters.clear()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


@pytest.fixture(params=["graphs", "tokens"])
def made(request, perturbed, fresh, tiny_spec, token_spec, normal_like):
    """A network of three blocks, and states that it reads, of two widths."""
    if request.param == "graphs":
        spec = tiny_spec(depth=3)
    else:
        spec = token_spec("abcd", "characters", (0.0,) * 4 + (1.0,), depth=3)
    blanks = [spec.modality.blank(torch.tensor(sizes), max(sizes)) for sizes in ([3, 2], [4, 1])]
    x, wider = (blank.with_values(normal_like(blank, 0)).on_free() for blank in blanks)
    return perturbed(fresh(spec)), x, wider


def same(x: State, y: State) -> bool:
    return all(torch.equal(value, y.values[name]) for name, value in x.values.items())


def test_one_compilation_serves_all_blocks(made):
    net, x, wider = made
    wanted, others = net(x, S, T), net(wider, S, T)
    compile_blocks(net)
    assert same(net(x, S, T), wanted)
    assert counters["stats"]["unique_graphs"] == 1
    assert same(net(wider, S, T), others)
    assert counters["stats"]["unique_graphs"] == 2


def test_a_twin_has_the_weights_of_a_network_that_is_not_compiled(made):
    net, x, _ = made
    twin = compiled_twin(net)
    pairs = zip(net.parameters(), twin.parameters(), strict=True)
    assert all(one is other for one, other in pairs)
    with torch.no_grad():
        net.blocks[1].out.weight += 1
    assert same(twin(x, S, T), net(x, S, T))
    assert counters["stats"]["unique_graphs"] == 1
    net(x, S, T)
    assert counters["stats"]["unique_graphs"] == 1
