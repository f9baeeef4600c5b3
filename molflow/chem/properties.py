"""Properties of molecules, each one number computed by RDKit: objectives are made of them.

A new property is one entry of PROPERTIES. One that depends on a text, such as the similarity to a
reference molecule, is one entry of `families.FAMILIES`. Molecules are sanitised and carry no
stereochemistry. RDKit's models and catalogues are read once, when first asked for.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rdkit import Chem, RDConfig
from rdkit.Chem import rdMolDescriptors

from molflow.errors import InputError
from molflow.plugins import Table

if TYPE_CHECKING:
    from rdkit.Chem.FilterCatalog import FilterCatalog

Compute = Callable[[Chem.Mol], float]
Made = dict[Callable[[Chem.Mol], Any], Any]
"""Intermediate results of one molecule, by the function that made them."""


@dataclass(frozen=True)
class Shared:
    """A ``Compute`` in two steps, read(make(mol)), the first of which properties share.

    Attributes:
        make: the costly step, such as a fingerprint. `Objective.score` takes it once per molecule.
        read: from its result to the number.
    """

    make: Callable[[Chem.Mol], Any]
    read: Callable[[Any], float]

    def __call__(self, mol: Chem.Mol) -> float:
        return self.read(self.make(mol))

    def reuse(self, mol: Chem.Mol, made: Made) -> float:
        """The same number; the first step is looked up in ``made``, or added to it."""
        if self.make not in made:
            made[self.make] = self.make(mol)
        return self.read(made[self.make])


@dataclass(frozen=True)
class Property:
    """A number of a molecule.

    Attributes:
        name: as an objective writes it.
        doc: what it measures, in a few words.
        unit: of the number; "" where it has none.
        low, high: the usual range, over which "as large (small) as possible" is graded.
        compute: from a sanitised molecule to the number. It may raise, and may return None or nan.
        limits: bounds that no molecule exceeds.
        count: whether the values are whole numbers.
    """

    name: str
    doc: str
    unit: str
    low: float
    high: float
    compute: Compute = field(repr=False, compare=False)
    limits: tuple[float, float] = (-math.inf, math.inf)
    count: bool = False

    def value(self, mol: Chem.Mol, made: Made | None = None) -> tuple[float, str | None]:
        """Compute the value, or nan and the reason why there is no finite number.

        Args:
            mol: a sanitised molecule.
            made: intermediate results of the same molecule, as it is now; it grows.

        Raises:
            InputError: this installation of RDKit cannot compute the property at all.
        """
        try:
            if made is not None and isinstance(self.compute, Shared):
                value = float(self.compute.reuse(mol, made))
            else:
                value = float(self.compute(mol))
        except InputError:
            raise  # The installation's fault, not the molecule's.
        except Exception as error:
            message = " ".join(f"{type(error).__name__}: {error}".split())
            return math.nan, f"{self.name}: {message}"
        if not math.isfinite(value):
            return math.nan, f"{self.name}: {value}"
        return value, None

    @property
    def graded(self) -> bool:
        """Whether every value lies in [0, 1] and so grades itself."""
        return self.limits == (0, 1)


def _contrib(file: str) -> ModuleType:
    """A module of RDKit's Contrib folder, which is no package in every installation."""
    path = Path(RDConfig.RDContribDir) / file
    spec = importlib.util.spec_from_file_location(f"rdkit_contrib_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InputError(f"{path}: this installation of RDKit lacks it")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _sa_model() -> ModuleType:
    module = _contrib("SA_Score/sascorer.py")
    module.readFragmentScores()
    return module


@cache
def _np_model() -> Compute:
    module = _contrib("NP_Score/npscorer.py")
    with redirect_stderr(StringIO()), redirect_stdout(StringIO()):
        model = module.readNPModel()
    return lambda mol: module.scoreMol(mol, model)


@cache
def _catalog(*names: str) -> FilterCatalog:
    from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

    parameters = FilterCatalogParams()
    for name in names:
        parameters.AddCatalog(getattr(parameters.FilterCatalogs, name))
    return FilterCatalog(parameters)


def qed(mol: Chem.Mol) -> float:
    """Bickerton et al.'s drug-likeness (Nature Chemistry 2012, 4, 90), 0 to 1."""
    from rdkit.Chem.QED import qed

    return qed(mol)


def average_weight(mol: Chem.Mol) -> float:
    """The sum of average atomic weights, in g/mol."""
    from rdkit.Chem.Descriptors import MolWt  # type: ignore[attr-defined]  # missing in the stubs

    return MolWt(mol)


def logp(mol: Chem.Mol) -> float:
    """Wildman and Crippen's atom contributions to log P (J. Chem. Inf. Comput. Sci. 1999, 39)."""
    return rdMolDescriptors.CalcCrippenDescriptors(mol)[0]


def esol(mol: Chem.Mol) -> float:
    """log S = 0.16 - 0.63 cLogP - 0.0062 MW + 0.066 RB - 0.74 AP, S in mol/L.

    RB counts rotatable bonds, and AP is aromatic atoms over heavy atoms (Delaney, J. Chem. Inf.
    Comput. Sci. 2004, 44, 1000-1005). cLogP is Crippen's here and Daylight's there.
    """
    aromatic = sum(atom.GetIsAromatic() for atom in mol.GetAtoms()) / mol.GetNumHeavyAtoms()
    rotatable = rdMolDescriptors.CalcNumRotatableBonds(mol)
    size = 0.0062 * average_weight(mol)
    return 0.16 - 0.63 * logp(mol) - size + 0.066 * rotatable - 0.74 * aromatic


def sa(mol: Chem.Mol) -> float:
    """Ertl and Schuffenhauer's synthetic accessibility (J. Cheminf. 2009, 1, 8), 1 to 10."""
    return _sa_model().calculateScore(mol)


def np_likeness(mol: Chem.Mol) -> float:
    """Ertl, Roggo and Schuffenhauer's score (J. Chem. Inf. Model. 2008, 48, 68), about -5 to 5."""
    return _np_model()(mol)


def pains(mol: Chem.Mol) -> float:
    """Matches among the 480 filters of Baell and Holloway (J. Med. Chem. 2010, 53), A, B and C."""
    return len(_catalog("PAINS_A", "PAINS_B", "PAINS_C").GetMatches(mol))


def brenk(mol: Chem.Mol) -> float:
    """Matches among the unwanted groups of Brenk et al. (ChemMedChem 2008, 3, 435)."""
    return len(_catalog("BRENK").GetMatches(mol))


def bertz(mol: Chem.Mol) -> float:
    """Bertz's complexity of bonds and of elements (J. Am. Chem. Soc. 1981, 103, 3599), in bits."""
    from rdkit.Chem.GraphDescriptors import BertzCT

    return BertzCT(mol)


def _count(name: str, doc: str, low: float, high: float, compute: Compute) -> Property:
    return Property(name, doc, "", low, high, compute, limits=(0, math.inf), count=True)


PROPERTIES = Table[Property](
    "properties",
    {
        entry.name: entry
        for entry in (
            Property("qed", "drug-likeness (Bickerton et al. 2012)", "", 0, 1, qed, limits=(0, 1)),
            Property("logp", "octanol-water partition (Crippen)", "log10", -2, 5, logp),
            Property("sa", "synthetic accessibility, 1 is easy", "", 1, 8, sa, limits=(1, 10)),
            Property("tpsa", "polar surface (Ertl)", "Å²", 0, 140, rdMolDescriptors.CalcTPSA),
            Property("mw", "average molecular weight", "g/mol", 50, 500, average_weight),
            Property("np", "likeness to natural products", "", -3, 4, np_likeness),
            Property("esol", "solubility in water (Delaney)", "log10 mol/L", -6, 1, esol),
            Property("bertz", "complexity (Bertz)", "bits", 0, 1500, bertz, limits=(0, math.inf)),
            _count("rotatable", "rotatable bonds", 0, 10, rdMolDescriptors.CalcNumRotatableBonds),
            _count("rings", "rings (SSSR)", 0, 6, rdMolDescriptors.CalcNumRings),
            _count("aromatic_rings", "aromatic rings", 0, 4, rdMolDescriptors.CalcNumAromaticRings),
            _count("hbd", "hydrogen-bond donors", 0, 5, rdMolDescriptors.CalcNumHBD),
            _count("hba", "hydrogen-bond acceptors", 0, 10, rdMolDescriptors.CalcNumHBA),
            _count("atoms", "heavy atoms", 1, 40, Chem.Mol.GetNumHeavyAtoms),
            _count("pains", "PAINS alerts", 0, 3, pains),
            _count("brenk", "BRENK alerts", 0, 5, brenk),
        )
    },
    lambda name, value: isinstance(value, Property) and value.name == name,
    "a properties.Property of that name",
)
