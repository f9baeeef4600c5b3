"""A token class means a symbol, cut from a text by a scheme.

- characters: every character is a symbol.
- smiles: the symbols are the tokens of SMILES (Schwaller et al. 2018, "Found in Translation"), so
  that Cl, Br, [nH], @@ and %12 are one symbol. Further tokens that RDKit writes (dative bonds, ring
  closures above 99) are added.
- selfies: the text is SMILES all the same. The optional package ``selfies`` (Krenn et al. 2020)
  translates it, and it is cut there. Every string of its symbols decodes to a molecule, so that
  validity says nothing under this scheme.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMILES_TOKEN = re.compile(
    r"\[[^\[\]]+\]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|->|<-|@@?|[-().=#+\\/:~?>*$]"
    r"|%[0-9]{2}|%\([0-9]{1,5}\)|[0-9]"
)
SELFIES_TOKEN = re.compile(r"\[[^\[\]]+\]|\.")
CHARACTER = re.compile(r".", re.DOTALL)
TOKENS = {"characters": CHARACTER, "smiles": SMILES_TOKEN, "selfies": SELFIES_TOKEN}
SHOWN = 40
"""An error names so many symbols of a vocabulary."""


class UnknownSymbol(ValueError):
    """A part of a text has no class; the error names the column, from 1, at which it begins."""

    def __init__(self, symbol: str, column: int, reason: str) -> None:
        super().__init__(f"column {column}: {symbol!r} {reason}")
        self.symbol = symbol
        self.column = column


@dataclass(frozen=True)
class TokenVocabulary:
    """A vocabulary says which symbols the classes of a token stand for.

    Attributes:
        symbols: symbols[k] is the text of class k.
        scheme: characters, smiles or selfies.
        end: whether one more class, the last, ends a text; it fills the positions behind it.
        symbol_class: symbol -> class.
    """

    symbols: tuple[str, ...]
    scheme: str
    end: bool = False
    symbol_class: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        token = _token(self.scheme)
        if not self.symbols or len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"symbols {self.symbols}: at least one, and no symbol twice")
        for symbol in self.symbols:
            if token.fullmatch(symbol) is None:
                raise ValueError(f"symbol {symbol!r}: not one symbol of {self.scheme}")
        object.__setattr__(self, "symbol_class", {s: k for k, s in enumerate(self.symbols)})

    @property
    def classes(self) -> int:
        """Count the classes K: the symbols, and the end if there is one."""
        return len(self.symbols) + self.end

    @property
    def end_class(self) -> int | None:
        """Name the class that ends a text, or None."""
        return len(self.symbols) if self.end else None

    @classmethod
    def infer(cls, texts: Iterable[str], scheme: str, end: bool = False) -> TokenVocabulary:
        """Make the vocabulary of the symbols seen, sorted.

        Args:
            texts: to be cut.
            scheme: of the symbols.
            end: whether the vocabulary has an end.

        Raises:
            ValueError: a part of a text is no symbol of the scheme; with the number of the text,
                from 1.
        """
        _token(scheme)
        seen: set[str] = set()
        for number, text in enumerate(texts, 1):
            try:
                seen.update(split(text, scheme))
            except ValueError as error:
                raise ValueError(f"text {number}: {error}") from error
        return cls(tuple(sorted(seen)), scheme, end)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Give the classes of a text, (length,), without an end.

        Raises:
            UnknownSymbol: a symbol has no class; the column is that of the translated text under
                selfies.
        """
        symbols = split(text, self.scheme)
        ids = [self.symbol_class.get(symbol, -1) for symbol in symbols]
        if -1 in ids:
            place = ids.index(-1)
            column = 1 + sum(map(len, symbols[:place]))
            raise UnknownSymbol(symbols[place], column, f"is not one of {self._shown()}")
        return np.array(ids, np.int64)

    def decode(self, ids: Sequence[int] | NDArray[np.int64]) -> str:
        """Join the text of classes up to the first end; SMILES under selfies.

        For characters and SMILES this is the inverse of ``encode``.

        Raises:
            ValueError: a class has no symbol.
        """
        symbols = []
        for k in map(int, ids):
            if k == self.end_class:
                break
            if not 0 <= k < len(self.symbols):
                raise ValueError(f"class {k}: the vocabulary has classes 0 to {self.classes - 1}")
            symbols.append(self.symbols[k])
        text = "".join(symbols)
        return _selfies().decoder(text) if self.scheme == "selfies" else text

    def to_dict(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return {"symbols": list(self.symbols), "scheme": self.scheme, "end": self.end}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TokenVocabulary:
        """Read the values of ``to_dict``.

        Raises:
            ValueError: the values are not such.
        """
        kinds: dict[str, type] = {"symbols": list, "scheme": str, "end": bool}
        if set(values) != set(kinds):
            raise ValueError(f"vocabulary of {sorted(values)}: expected {sorted(kinds)}")
        for name, kind in kinds.items():
            if not isinstance(values[name], kind):
                raise ValueError(f"{name} {values[name]!r}: expected a {kind.__name__}")
        for symbol in values["symbols"]:
            if not isinstance(symbol, str):
                raise ValueError(f"symbol {symbol!r}: expected a str")
        return cls(tuple(values["symbols"]), values["scheme"], values["end"])

    def _shown(self) -> str:
        names = " ".join(
            symbol if symbol.strip() else repr(symbol) for symbol in self.symbols[:SHOWN]
        )
        more = len(self.symbols) - SHOWN
        return f"{names} and {more} more" if more > 0 else names


def split(text: str, scheme: str) -> list[str]:
    """Cut a text into its symbols; joined they are the text, or its translation.

    Args:
        text: to be cut.
        scheme: of the symbols.

    Raises:
        UnknownSymbol: a character begins no symbol of the scheme; the first such is named.
        ValueError: a SMILES has no SELFIES, or the package for them is not installed.
    """
    if scheme == "characters":
        return list(text)
    token, text = _token(scheme), _selfies_of(text) if scheme == "selfies" else text
    symbols = token.findall(text)
    if sum(map(len, symbols)) == len(text):
        return symbols
    column = 0
    for match in token.finditer(text):
        if match.start() > column:
            break
        column = match.end()
    raise UnknownSymbol(text[column], column + 1, f"begins no symbol of {scheme}")


def _token(scheme: str) -> re.Pattern[str]:
    """Give the expression of one symbol; ValueError for no scheme or one without its package."""
    if scheme not in TOKENS:
        raise ValueError(f"scheme {scheme!r}: one of {', '.join(TOKENS)}")
    if scheme == "selfies":
        _selfies()
    return TOKENS[scheme]


def _selfies_of(smiles: str) -> str:
    selfies = _selfies()
    try:
        return selfies.encoder(smiles)
    except selfies.EncoderError as error:
        raise ValueError(f"no SELFIES of {smiles!r}: {' '.join(str(error).split())}") from error


def _selfies() -> ModuleType:
    try:
        import selfies
    except ModuleNotFoundError as error:
        raise ValueError(
            "scheme 'selfies' needs the package selfies: pip install selfies"
        ) from error
    module: ModuleType = selfies
    return module
