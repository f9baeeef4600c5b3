"""A network is compiled block by block: its blocks share their code, so one is compiled for all.

The whole network would be unrolled, which takes the longer the deeper it is.
"""

from __future__ import annotations

from copy import copy

from torch import nn


def compile_blocks(net: nn.Module) -> None:
    """Compile ``net.blocks`` in place, once for every shape that they meet."""
    for block in net.blocks:  # type: ignore[union-attr]
        block.compile(dynamic=False)


def compiled_twin(net: nn.Module) -> nn.Module:
    """Make a network with the weights of ``net`` and compiled blocks; ``net`` is not changed."""
    twin = copy(net)
    twin._modules = dict(net._modules)
    twin.blocks = nn.ModuleList(copy(block) for block in net.blocks)  # type: ignore[union-attr]
    compile_blocks(twin)
    return twin
