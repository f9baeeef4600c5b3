"""Names that installed packages add to the tables that the command line looks names up in.

A package offers them by entry points of the group ``molflow``, each called ``<table>.<name>``:

    [project.entry-points.molflow]
    "guides.mine" = "mypackage.mine:MyGuide"

Nothing but the entry points of installed packages is ever imported, and each only when its name is
asked for. A name that a checkpoint or a data set holds is looked up, never imported by its path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from molflow.errors import InputError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "molflow"
T = TypeVar("T")


class Table(MutableMapping[str, T]):
    """Values by name: those of molflow, those that a program added, those of installed packages.

    To ask whether a name is there, or to list all names, imports nothing.
    """

    def __init__(
        self,
        name: str,
        own: Mapping[str, T],
        fits: Callable[[str, Any], bool] = lambda name, value: callable(value),
        wanted: str = "a function",
    ) -> None:
        """Make a table of molflow.

        Args:
            name: of the table, before the dot of an entry point.
            own: the values of molflow.
            fits: (name, value of a package) -> whether it can stand here.
            wanted: what can, in words.
        """
        self.name, self.own, self.fits, self.wanted = name, dict(own), fits, wanted
        self._built_in = frozenset(own)

    def __getitem__(self, name: str) -> T:
        """The value of a name.

        Raises:
            KeyError: there is none.
            InputError: a package's entry point cannot be used.
        """
        entries = _entries().get(f"{self.name}.{name}", ())
        if entries and name in self._built_in:
            raise InputError(f"{told(entries[0])}: {name} is molflow's own, and not replaced")
        if name in self.own:
            return self.own[name]
        if not entries:
            raise KeyError(name)
        if len(entries) > 1:
            raise InputError(f"{' and '.join(map(told, entries))}: one name of several packages")
        value: T = _loaded(entries[0])
        if not self.fits(name, value):
            raise InputError(f"{told(entries[0])}: {self.wanted} is needed, and this is {value!r}")
        return value

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in installed(self.name)

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from (name for name in installed(self.name) if name not in self.own)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __setitem__(self, name: str, value: T) -> None:
        self.own[name] = value

    def __delitem__(self, name: str) -> None:
        del self.own[name]


def installed(table: str) -> tuple[str, ...]:
    """The names that installed packages add to a table, sorted."""
    start = f"{table}."
    return tuple(sorted(name[len(start) :] for name in _entries() if name.startswith(start)))


def packages() -> dict[str, str]:
    """The versions of the installed packages that add names, by package."""
    dists = [entry.dist for entries in _entries().values() for entry in entries]
    return dict(sorted((dist.name, dist.version) for dist in dists if dist))


def told(entry: EntryPoint) -> str:
    """The package, its version and the entry point, for messages."""
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an installed package"
    return f"{package}: entry point {entry.name}={entry.value}"


@cache
def _entries() -> dict[str, tuple[EntryPoint, ...]]:
    """The entry points of the group by their name, from every package that has it."""
    from importlib.metadata import entry_points

    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=GROUP):
        found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


@cache
def _loaded(entry: EntryPoint) -> Any:
    """The value of an entry point. InputError where its package fails."""
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{told(entry)}: cannot be imported: {reason}") from error
