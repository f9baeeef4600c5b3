"""In ChemNet's last layer the Fréchet ChemNet distance compares molecules.

Preuer et al., J. Chem. Inf. Model. 58, 1736 (2018). The network was trained to predict bioassays
from SMILES. It reads tokens through two convolutions, an LSTM from the end and an LSTM from the
start. The 512 numbers of the latter's last state describe a molecule. Only the weights are taken
from the optional package `fcd`, read as tensors: none of its code runs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from hashlib import file_digest
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import pad, selu

from molflow.errors import InputError
from molflow.progress import progress

Activations = NDArray[np.float32]

WIDTH = 512
LENGTH = 350
WEIGHTS = "ChemNet_v0.13_pretrained.pt"
TOKENS = ("C", "N", "O", "H", "F", "Cl", "P", "B", "Br", "S", "I", "Si", *"#()+-12345678=[]@cnosX.")
CODES = {token: code for code, token in enumerate(TOKENS)}
TOKEN = re.compile("Cl|Br|Si|.", re.DOTALL)


class ChemNet(nn.Module):
    """(B, 35, L) tokens as of `encode` -> (B, 512) activations."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(len(TOKENS), 32, kernel_size=4, stride=2, bias=False)
        self.second = nn.Conv1d(32, 32, kernel_size=4, stride=2, bias=False)
        self.from_end = nn.LSTM(32, 128, batch_first=True)
        self.from_start = nn.LSTM(128, WIDTH, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 35, L) -> (B, 512)."""
        for convolution in (self.first, self.second):
            x = selu(convolution(_padded(x)))
        x = x.transpose(1, 2)
        x = self.from_end(x.flip(1))[0].flip(1)
        return self.from_start(x)[0][:, -1]


def _padded(x: Tensor) -> Tensor:
    """Pad (B, C, L) with zeros on both sides, the odd one behind.

    So a kernel of 4 at stride 2 leaves ceil(L / 2) positions.
    """
    missing = 2 + x.shape[-1] % 2
    return pad(x, (missing // 2, missing - missing // 2))


def encode(smiles: Sequence[str], length: int = LENGTH) -> Tensor:
    """Encode SMILES as (B, 35, length): every token is 1/35 in its channel.

    The end token "." follows, then zeros. A token without a channel of its own is "X".

    Args:
        smiles: B texts.
        length: of the rows.

    Raises:
        ValueError: a SMILES does not fit.
    """
    x = torch.zeros(len(smiles), len(TOKENS), length)
    for row, one in zip(x, smiles, strict=True):
        codes = [CODES.get(token, CODES["X"]) for token in TOKEN.findall(one)] + [CODES["."]]
        if len(codes) > length:
            raise ValueError(f"{len(codes)} tokens, {length} fit: {one[:60]!r}")
        row[codes, range(len(codes))] = 1 / len(TOKENS)
    return x


def activations(
    smiles: Sequence[str], batch_size: int = 256, device: str | torch.device = "cpu"
) -> Activations:
    """Compute the activations of every SMILES in order: (n, 512) float32, 1.5 ms each on a CPU.

    Padding is read like a token, so the length of the padded SMILES matters. It is 350 as in the
    published numbers, and one more than the longest SMILES where that is longer.

    Args:
        smiles: n texts.
        batch_size: SMILES at a time.
        device: of the network.

    Raises:
        InputError: the weights are not installed.
    """
    net = chemnet().to(device)
    length = max(LENGTH, 1 + max(map(len, smiles), default=0))
    rows = [np.zeros((0, WIDTH), np.float32)]
    starts = range(0, len(smiles), batch_size)
    # On a GPU cuDNN would otherwise multiply with ten bits of mantissa.
    exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    with torch.inference_mode(), exact:
        for start in progress(starts, "ChemNet", len(starts), "batches"):
            x = encode(smiles[start : start + batch_size], length)
            rows.append(net(x.to(device)).cpu().numpy())
    return np.concatenate(rows)


def weights_file() -> Path:
    """Find the weights in the installed package `fcd`; InputError where it is not."""
    spec = find_spec("fcd")
    path = Path(spec.origin).with_name(WEIGHTS) if spec and spec.origin else None
    if path is None or not path.is_file():
        raise InputError("FCD needs the weights of ChemNet from the package fcd: pip install fcd")
    return path


@cache
def fingerprint() -> str:
    """Hash the file of weights: its sha256."""
    with weights_file().open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@cache
def chemnet() -> ChemNet:
    """Load the trained network, ready for inference. InputError where its weights are of no use."""
    net = ChemNet()
    path = weights_file()
    try:
        # A list of (kind, (tensors by name, ...)), one entry a layer.
        layers = torch.load(path, map_location="cpu", weights_only=True)
        for layer, (_, (tensors, *_)) in zip(net.children(), layers, strict=True):
            layer.load_state_dict(tensors)
    # Damage shows as whatever the archive, its contents or the layers stumble over.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not the weights of ChemNet that FCD needs: {reason}") from error
    return net.eval().requires_grad_(False)
