"""A prompt gives the tokens that a string is to have at some positions, clean at every time.

It is a text in which "_" stands for a free position: "the quick ___ fox", or "CC(=O)O____".
Positions behind it are free too. The vocabulary has no "_" of its own in any data set of the
project. Where one has, a prompt cannot hold it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from molflow.flow.state import State
from molflow.sequence.state import token_state
from molflow.sequence.vocabulary import TokenVocabulary, UnknownSymbol

FREE = "_"


@dataclass(frozen=True, eq=False)
class Prompt:
    """A prompt is read into classes.

    Attributes:
        text: as it was given.
        classes: (m,), at the positions 0 to m - 1, -1 where one is free.
    """

    text: str
    classes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.classes)


def read_prompt(text: str, vocabulary: TokenVocabulary, max_length: int) -> Prompt:
    """Read the classes of a prompt.

    Args:
        text: the prompt.
        vocabulary: of the model.
        max_length: positions of the model.

    Raises:
        ValueError: a symbol that the vocabulary has not, with its column; or a prompt that is empty
            or longer than ``max_length`` positions.
    """
    parts: list[NDArray[np.int64]] = []
    column = 0
    for number, part in enumerate(text.split(FREE)):
        if number > 0:
            parts.append(np.array([-1]))
        try:
            parts.append(vocabulary.encode(part) if part else np.zeros(0, np.int64))
        except UnknownSymbol as error:
            where = column + error.column
            raise UnknownSymbol(error.symbol, where, "is not in the vocabulary") from None
        column += len(part) + 1
    classes = np.concatenate(parts)
    if len(classes) == 0:
        raise ValueError("it is empty")
    if len(classes) > max_length:
        raise ValueError(f"{len(classes)} positions, and the model has {max_length}")
    return Prompt(text, classes)


def conditioned(law: NDArray[np.float64], prompt: Prompt) -> NDArray[np.float64]:
    """Condition the law of lengths (L + 1,) on room for the prompt; it sums to 1.

    Args:
        law: of lengths.
        prompt: the tokens that are held.

    Raises:
        ValueError: the law makes no such length.
    """
    kept = np.where(np.arange(len(law)) >= len(prompt), law, 0.0)
    if kept.sum() <= 0:
        raise ValueError(f"{len(prompt)} positions, longer than what this model was trained on")
    return np.asarray(kept / kept.sum())


def held_state(prompt: Prompt, lengths: NDArray[np.int64], length: int, classes: int) -> State:
    """Make strings whose given tokens are one-hot.

    The values of free ones are meaningless, because noise goes there.

    Args:
        prompt: the tokens that are held.
        lengths: (B,).
        length: L, to which they are padded.
        classes: K.
    """
    m = len(prompt)
    ids, given = np.zeros((len(lengths), length), np.int64), np.zeros((len(lengths), length), bool)
    ids[:, :m], given[:, :m] = np.maximum(prompt.classes, 0), prompt.classes >= 0
    state = token_state(torch.from_numpy(ids), torch.from_numpy(lengths), classes)
    return state.hold({"tokens": torch.from_numpy(given)})


def kept(ids: NDArray[np.int64], prompt: Prompt) -> bool:
    """Tell whether a string of classes has every given token."""
    asked = prompt.classes >= 0
    return len(ids) >= len(prompt) and bool((ids[: len(prompt)] == prompt.classes)[asked].all())
