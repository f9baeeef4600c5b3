"""Goal-directed benchmarks: tasks whose scores RDKit alone computes.

- pmo: 20 of the 23 oracles of PMO (Gao et al., Practical Molecular Optimization, NeurIPS 2022), as
  in TDC from 0.3.7 on. drd2, gsk3b and jnk3 are pickled classifiers, which molflow does not read.
- guacamol: the 20 goal-directed tasks of GuacaMol, version 2 (Brown et al., J. Chem. Inf. Model.
  2019, 59, 1096); guacamol_trivial: its seven trivial tasks.

Every task is an objective of molflow, written as a user may write it: `python -m molflow.sample
guidance.objective=...` takes it as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from molflow.chem.objective import Objective, parse_objective
from molflow.errors import InputError

ALBUTEROL = "CC(C)(C)NCC(O)c1ccc(O)c(CO)c1"
AMLODIPINE = "Clc1ccccc1C2C(=C(/N/C(=C2/C(=O)OCC)COCCN)C)\\C(=O)OC"
ARIPIPRAZOLE = "Clc4cccc(N3CCN(CCCCOc2ccc1c(NC(=O)CC1)c2)CC3)c4Cl"
CAMPHOR = "CC1(C)C2CCC1(C)C(=O)C2"
CELECOXIB = "CC1=CC=C(C=C1)C1=CC(=NN1C1=CC=C(C=C1)S(N)(=O)=O)C(F)(F)F"
FEXOFENADINE = "CC(C)(C(=O)O)c1ccc(cc1)C(O)CCCN2CCC(CC2)C(O)(c3ccccc3)c4ccccc4"
HOP = "CCCOc1cc2ncnc(Nc3ccc4ncsc4c3)c2cc1S(=O)(=O)C(C)(C)C"
MENTHOL = "CC(C)C1CCC(C)CC1O"
MESTRANOL = "COc1ccc2[C@H]3CC[C@@]4(C)[C@@H](CC[C@@]4(O)C#C)[C@@H]3CCc2c1"
OSIMERTINIB = "COc1cc(N(C)CCN(C)C)c(NC(=O)C=C)cc1Nc2nccc(n2)c3cn(C)c4ccccc34"
PERINDOPRIL = "O=C(OCC)C(NC(C(=O)N1C(C(=O)O)CC2CCCCC12)C)CCC"
PIOGLITAZONE = "O=C1NC(=O)SC1Cc3ccc(OCCc2ncc(cc2)CC)cc3"
RANOLAZINE = "COc1ccccc1OCC(O)CN2CCN(CC(=O)Nc3c(C)cccc3C)CC2"
SILDENAFIL = "CCCC1=NN(C2=C1N=C(NC2=O)C3=C(C=CC(=C3)S(=O)(=O)N4CCN(CC4)C)OCC)C"
SITAGLIPTIN = "Fc1cc(c(F)cc1F)CC(N)CC(=O)N3Cc2nnc(n2CC3)C(F)(F)F"
TADALAFIL = "O=C1N(CC(N2C1CC3=C(C2C4=CC5=C(OCO5)C=C4)NC6=C3C=CC=C6)=O)C"
THIOTHIXENE = "CN(C)S(=O)(=O)c1ccc2Sc3ccccc3C(=CCCN4CCN(C)CC4)c2c1"
TROGLITAZONE = "Cc1c(C)c2OC(C)(COc3ccc(CC4SC(=O)NC4=O)cc3)CCc2c(C)c1O"
ZALEPLON = "O=C(C)N(CC)C1=CC=CC(C2=CC=NC3=C(C=NN23)C#N)=C1"

CORE = "[#7]-c1n[c;h1]nc2[c;h1]c(-[#8])[c;h0][c;h1]c12"
BENZOTHIAZOLE = "[#7]-c1ccc2ncsc2c1"
SULFONE = "CS([#6])(=O)=O"
DECORATION = "[#6]-[#6]-[#6]-[#8]-[#6]~[#6]~[#6]~[#6]~[#6]-[#7]-c1ccc2ncsc2c1"
VALSARTAN = "CN(C=O)Cc1ccc(c2ccccc2)cc1"
LIKE_SITAGLIPTIN = "logp:gaussian(mean=2.0165, sd=0.2),tpsa:gaussian(mean=77.04, sd=5)"

BOTH: dict[str, str] = {
    "albuterol_similarity": f"similarity_fcfp4({ALBUTEROL}):linear(low=0, high=0.75)",
    "amlodipine_mpo": f"similarity_ecfp4({AMLODIPINE}):max,rings:gaussian(mean=3, sd=0.5)",
    "celecoxib_rediscovery": f"similarity_ecfp4({CELECOXIB}):max",
    "deco_hop": (
        f"similarity_phco({HOP}):linear(low=0, high=0.85),"
        f"smarts({SULFONE}):min,smarts({BENZOTHIAZOLE}):min,smarts({CORE}):max"
    ),
    "fexofenadine_mpo": (
        f"similarity_ap({FEXOFENADINE}):linear(low=0, high=0.8),"
        "tpsa:max_gaussian(mean=90, sd=10),logp:min_gaussian(mean=4, sd=1)"
    ),
    "isomers_c9h10n2o2pf2cl": "isomer(C9H10N2O2PF2Cl):max",
    "median1": f"similarity_ecfp4({CAMPHOR}):max,similarity_ecfp4({MENTHOL}):max",
    "median2": f"similarity_ecfp6({TADALAFIL}):max,similarity_ecfp6({SILDENAFIL}):max",
    "mestranol_similarity": f"similarity_ap({MESTRANOL}):linear(low=0, high=0.75)",
    "osimertinib_mpo": (
        f"similarity_fcfp4({OSIMERTINIB}):linear(low=0, high=0.8),"
        f"similarity_ecfp6({OSIMERTINIB}):min_gaussian(mean=0.85, sd=0.1),"
        "tpsa:max_gaussian(mean=100, sd=10),logp:min_gaussian(mean=1, sd=1)"
    ),
    "perindopril_mpo": (
        f"similarity_ecfp4({PERINDOPRIL}):max,aromatic_rings:gaussian(mean=2, sd=0.5)"
    ),
    "ranolazine_mpo": (
        f"similarity_ap({RANOLAZINE}):linear(low=0, high=0.7),logp:max_gaussian(mean=7, sd=1),"
        "element(F):gaussian(mean=1, sd=1),tpsa:max_gaussian(mean=95, sd=20)"
    ),
    "scaffold_hop": (
        f"similarity_phco({HOP}):linear(low=0, high=0.75),"
        f"smarts({DECORATION}):max,smarts({CORE}):min"
    ),
    "sitagliptin_mpo": (
        f"similarity_ecfp4({SITAGLIPTIN}):gaussian(mean=0, sd=0.1),{LIKE_SITAGLIPTIN},"
        "isomer(C16H15F6N5O):max"
    ),
    "thiothixene_rediscovery": f"similarity_ecfp4({THIOTHIXENE}):max",
    "troglitazone_rediscovery": f"similarity_ecfp4({TROGLITAZONE}):max",
    "valsartan_smarts": (
        f"smarts({VALSARTAN}):max,{LIKE_SITAGLIPTIN},bertz:gaussian(mean=896.3805, sd=30)"
    ),
    "zaleplon_mpo": f"similarity_ecfp4({ZALEPLON}):max,isomer(C19H17N3O2):max",
}
"""Tasks that both benchmarks ask for in the same words."""
OWN: dict[str, dict[str, str]] = {
    "pmo": {"isomers_c7h8n2o2": "isomer(C7H8N2O2):max", "qed": "qed:max"},
    "guacamol": {
        "aripiprazole_similarity": f"similarity_ecfp4({ARIPIPRAZOLE}):linear(low=0, high=0.75)",
        "isomers_c11h24": "isomer(C11H24):max",
    },
}
TRIVIAL: dict[str, str] = {
    "logp_-1": "logp:gaussian(mean=-1, sd=1)",
    "logp_8": "logp:gaussian(mean=8, sd=1)",
    "tpsa_150": "tpsa:gaussian(mean=150, sd=20)",
    "cns_mpo": (
        "logp:min_gaussian(mean=5, sd=1),mw:min_gaussian(mean=360, sd=60),"
        "tpsa:max_gaussian(mean=40, sd=20),tpsa:min_gaussian(mean=90, sd=30),"
        "hbd:min_gaussian(mean=0, sd=2)"
    ),
    "qed": "qed:max",
    "isomers_c7h8n2o2": "isomer(C7H8N2O2):max",
    "pioglitazone_mpo": (
        f"similarity_ecfp4({PIOGLITAZONE}):gaussian(mean=0, sd=0.1),"
        "mw:gaussian(mean=356.447, sd=10),rotatable:gaussian(mean=2, sd=0.5)"
    ),
}
ARITHMETIC = ("deco_hop", "scaffold_hop", "cns_mpo")
"""Tasks that average arithmetically; the others do geometrically."""
ISOMERS = {"isomers_c11h24": 159, "isomers_c9h10n2o2pf2cl": 250, "isomers_c7h8n2o2": 100}
"""The number of isomers that GuacaMol asks for."""


@dataclass(frozen=True)
class BenchmarkTask:
    """An oracle of a benchmark.

    Attributes:
        name: such as "perindopril_mpo".
        suite: one of SUITES.
        text: the objective, which lies in [0, 1] and is to be maximised.
        aggregation: of its components.
        tops: numbers k of best molecules. `metrics.goal_directed.final_score` averages the k best,
            for every k.
    """

    name: str
    suite: str
    text: str
    aggregation: str
    tops: tuple[int, ...]

    @property
    def full_name(self) -> str:
        """Such as "pmo/perindopril_mpo", which no other task has."""
        return f"{self.suite}/{self.name}"

    @property
    def invalid(self) -> float:
        """The score that the suite's own program gives to a string that is no molecule: 0, GuacaMol
        -1.
        """
        return 0.0 if self.suite == "pmo" else -1.0

    @cached_property
    def objective(self) -> Objective:
        """The objective, its targets read and their fingerprints made once."""
        return parse_objective(self.text, self.aggregation)


def _tops(name: str, suite: str) -> tuple[int, ...]:
    if suite == "pmo":
        return (10,)
    if name.endswith("_rediscovery"):
        return (1,)
    return (ISOMERS[name],) if name in ISOMERS else (1, 10, 100)


def _suite(suite: str, texts: Mapping[str, str]) -> dict[str, BenchmarkTask]:
    return {
        name: BenchmarkTask(
            name,
            suite,
            text,
            "arithmetic" if name in ARITHMETIC else "geometric",
            _tops(name, suite),
        )
        for name, text in sorted(texts.items())
    }


SUITES: dict[str, dict[str, BenchmarkTask]] = {
    "pmo": _suite("pmo", BOTH | OWN["pmo"]),
    "guacamol": _suite("guacamol", BOTH | OWN["guacamol"]),
    "guacamol_trivial": _suite("guacamol_trivial", TRIVIAL),
}
"""The tasks of every benchmark, by name."""


def find_task(name: str) -> BenchmarkTask:
    """The task of a name such as "median1" or "guacamol/median1".

    Without a suite, it is the first of SUITES that has the name.

    Raises:
        InputError: no suite has the name; the message names the choices.
    """
    suite, slash, short = name.strip().lower().rpartition("/")
    if slash and suite not in SUITES:
        raise InputError(f"task={name!r}: the suite is one of {', '.join(SUITES)}")
    places = (suite,) if slash else tuple(SUITES)
    for place in places:
        if short in SUITES[place]:
            return SUITES[place][short]
    raise InputError(f"task={name!r}: one of {', '.join(_names(places))}")


def _names(places: Iterable[str]) -> list[str]:
    """The names, with their suite where it must be said."""
    known: dict[str, str] = {}
    for place in places:
        for name, task in SUITES[place].items():
            known.setdefault(name, task.full_name if place != "pmo" else name)
    return list(known.values())
