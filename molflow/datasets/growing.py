"""A packed data set that is made part by part, so that nothing is held twice."""

from __future__ import annotations

import numpy as np

from molflow.chem.molecule import Vocabulary
from molflow.datasets.store import CLASS_LIMIT, Packed


class Growing:
    """A packed data set to which parts are added: each is copied once and may then be forgotten.

    Attributes:
        names: the atom names that occur, in the order in which they came.
    """

    def __init__(self, charged: bool) -> None:
        self.charged = charged
        self.names: dict[str, int] = {}
        self._sizes, self._atoms, self._pairs, self._ids = (bytearray() for _ in range(4))
        self._text = bytearray()

    def __len__(self) -> int:
        return len(self._ids) // np.dtype(np.int64).itemsize

    def add(self, part: Packed) -> None:
        """Append the molecules of `part`.

        Raises:
            ValueError: the atom classes would be more than int8 can count. Nothing is added then.
        """
        occurring = np.unique(part.atoms).tolist()
        news = [part.vocabulary.atoms[a] for a in occurring]
        names = dict.fromkeys([*self.names, *news])
        if len(names) > CLASS_LIMIT:
            raise ValueError(f"{len(names)} atom classes, at most {CLASS_LIMIT} fit")
        self.names = {name: i for i, name in enumerate(names)}
        table = np.zeros(len(part.vocabulary.atoms), np.int8)
        table[occurring] = [self.names[name] for name in news]
        if len(part):
            self._text += (b"\n" if len(self) else b"") + part.text
        self._sizes += part.sizes.tobytes()
        self._atoms += table[part.atoms].tobytes()
        self._pairs += part.pairs.tobytes()
        self._ids += part.ids.tobytes()

    def packed(self) -> Packed:
        """Pack all molecules over the vocabulary of the atoms that occur; `dropped` is empty.

        The arrays are views of the grown bytes, so nothing more can be added.

        Raises:
            ValueError: there is no molecule.
        """
        vocabulary = Vocabulary.infer(self.names, self.charged)
        table = np.array([vocabulary.atom_class[name] for name in self.names], np.int8)
        return Packed(
            vocabulary=vocabulary,
            sizes=np.frombuffer(self._sizes, np.int16),
            atoms=table[np.frombuffer(self._atoms, np.int8)],
            pairs=np.frombuffer(self._pairs, np.int8),
            ids=np.frombuffer(self._ids, np.int64),
            text=bytes(self._text),
            dropped={},
        )
