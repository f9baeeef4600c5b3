"""Goal-directed tasks: every oracle against values computed apart from it, names, final scores."""

import math

import pytest
from rdkit import Chem
from rdkit.Chem import Descriptors

from molflow.chem import tasks
from molflow.chem.objective import parse_objective
from molflow.chem.tasks import SUITES, find_task
from molflow.errors import InputError

MOLECULES = {
    "celecoxib": tasks.CELECOXIB,
    "osimertinib": tasks.OSIMERTINIB,
    "ranolazine": tasks.RANOLAZINE,
    "sitagliptin": tasks.SITAGLIPTIN,
    "hop": tasks.HOP,
    "menthol": tasks.MENTHOL,
}
VALUES = """
albuterol_similarity 0.198020 0.171717 0.250000 0.217949 0.252252 0.258065
amlodipine_mpo 0.360237 0.150670 0.452084 0.317363 0.144801 0.003627
celecoxib_rediscovery 1.000000 0.151316 0.143885 0.166667 0.179104 0.010101
deco_hop 0.536181 0.587638 0.523031 0.551701 0.500000 0.500819
fexofenadine_mpo 0.406461 0.525804 0.473882 0.400953 0.398572 0.000103
isomers_c7h8n2o2 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000
isomers_c9h10n2o2pf2cl 0.000374 0.000000 0.000000 0.000031 0.000000 0.000710
median1 0.017675 0.030024 0.073394 0.044499 0.034582 0.400000
median2 0.129656 0.140781 0.147083 0.097243 0.136083 0.042862
mestranol_similarity 0.064079 0.110345 0.239044 0.141844 0.118089 0.135266
osimertinib_mpo 0.181751 0.133342 0.285537 0.308190 0.073810 0.000153
perindopril_mpo 0.062632 0.004743 0.357295 0.270172 0.005010 0.007694
qed 0.754105 0.310535 0.639855 0.621638 0.418136 0.617949
ranolazine_mpo 0.066351 0.277405 0.049237 0.001217 0.406349 0.005005
scaffold_hop 0.388007 0.465765 0.368136 0.411460 0.666667 0.334571
sitagliptin_mpo 0.000436 0.000000 0.000006 0.000004 0.000000 0.000000
thiothixene_rediscovery 0.209302 0.219355 0.291045 0.133803 0.186207 0.055556
troglitazone_rediscovery 0.129496 0.144578 0.175676 0.087248 0.168919 0.064815
valsartan_smarts 0.000000 0.000000 0.000000 0.000000 0.000000 0.000000
zaleplon_mpo 0.226485 0.000000 0.000000 0.133438 0.001814 0.000285
"""
"""The score of each of MOLECULES in their order, of the definitions with RDKit 2026.9.1."""
HYDROXYBENZAMIDE = "NC(=O)c1ccc(N)cc1O"
ALL = [task for suite in SUITES.values() for task in suite.values()]


def score(name: str, smiles: str) -> float:
    return find_task(name).objective.score(Chem.MolFromSmiles(smiles)).total


@pytest.mark.parametrize("line", VALUES.split("\n")[1:-1], ids=lambda line: line.split()[0])
def test_an_oracle_gives_known_molecules_their_scores(line: str) -> None:
    name, *expected = line.split()
    found = [score(name, smiles) for smiles in MOLECULES.values()]
    assert found == pytest.approx([float(value) for value in expected], abs=1e-6)


def test_the_table_has_every_oracle_of_pmo() -> None:
    assert [line.split()[0] for line in VALUES.split("\n")[1:-1]] == list(SUITES["pmo"])
    assert len(SUITES["pmo"]) == 20


@pytest.mark.parametrize(
    ("name", "smiles", "expected"),
    [
        ("isomers_c7h8n2o2", HYDROXYBENZAMIDE, 1),
        ("isomers_c7h8n2o2", "C1CC1", 0.004992),
        ("isomers_c9h10n2o2pf2cl", HYDROXYBENZAMIDE, 0.153355),
        ("zaleplon_mpo", "O=C(NCc1ccc(F)cc1)C1CCN(c2ncnc3ccsc23)CC1", 0.267778),
        ("sitagliptin_mpo", "O=C(NCc1ccc(F)cc1)C1CCN(c2ncnc3ccsc23)CC1", 0.000142),
        ("ranolazine_mpo", "O=C(NCc1ccc(F)cc1)C1CCN(c2ncnc3ccsc23)CC1", 0.096100),
    ],
)
def test_an_oracle_gives_other_molecules_their_scores(
    name: str, smiles: str, expected: float
) -> None:
    assert score(name, smiles) == pytest.approx(expected, abs=1e-6)


def test_sitagliptin_meets_all_of_valsartan_but_the_substructure() -> None:
    scored = find_task("valsartan_smarts").objective.score(Chem.MolFromSmiles(tasks.SITAGLIPTIN))
    assert scored.desirabilities == pytest.approx((0, 1, 1, 1), abs=1e-6)
    assert scored.values == pytest.approx((0, 2.0165, 77.04, 896.3805), abs=1e-4)


def test_valsartan_is_the_mean_of_the_substructure_and_three_gaussians() -> None:
    mol = Chem.MolFromSmiles("CN(C=O)Cc1ccc(-c2ccccc2)cc1")
    scored = find_task("valsartan_smarts").objective.score(mol)
    z = (
        (Descriptors.MolLogP(mol) - 2.0165) / 0.2,
        (Descriptors.TPSA(mol) - 77.04) / 5,
        (Descriptors.BertzCT(mol) - 896.3805) / 30,
    )
    assert scored.desirabilities == pytest.approx((1, *(math.exp(-x * x / 2) for x in z)))
    assert scored.total == pytest.approx(math.exp(-sum(x * x for x in z) / 8))


def test_aripiprazole_is_compared_by_environments_and_clipped() -> None:
    assert score("guacamol/aripiprazole_similarity", tasks.ARIPIPRAZOLE) == 1
    ecfp4 = parse_objective(f"similarity_ecfp4({tasks.ARIPIPRAZOLE}):max")
    similarity = ecfp4.score(Chem.MolFromSmiles(tasks.HOP)).total
    assert 0 < similarity < 0.75
    found = score("guacamol/aripiprazole_similarity", tasks.HOP)
    assert found == pytest.approx(similarity / 0.75)


def test_undecanes_isomers_are_asked_for() -> None:
    assert score("guacamol/isomers_c11h24", "CC(C)(C)CC(C)CCCC") == 1
    decane = score("guacamol/isomers_c11h24", "CCCCCCCCCC")
    assert decane == pytest.approx(math.exp(-(1 + 4 + 1.5**2) / 2 / 3))


@pytest.mark.parametrize("name", sorted(tasks.BOTH))
def test_what_both_benchmarks_ask_for_is_one_objective(name: str) -> None:
    assert SUITES["guacamol"][name].objective == SUITES["pmo"][name].objective


def test_guacamol_has_its_twenty_and_its_seven_trivial_tasks() -> None:
    assert set(SUITES["guacamol"]) - set(SUITES["pmo"]) == {
        "aripiprazole_similarity",
        "isomers_c11h24",
    }
    assert len(SUITES["guacamol"]) == 20
    assert len(SUITES["guacamol_trivial"]) == 7


def test_trivial_tasks_are_gaussians_of_properties() -> None:
    mol = Chem.MolFromSmiles(tasks.MENTHOL)
    logp, tpsa = Descriptors.MolLogP(mol), Descriptors.TPSA(mol)
    expected = {
        "logp_-1": math.exp(-((logp + 1) ** 2) / 2),
        "logp_8": math.exp(-((logp - 8) ** 2) / 2),
        "tpsa_150": math.exp(-(((tpsa - 150) / 20) ** 2) / 2),
    }
    found = {name: score(f"guacamol_trivial/{name}", tasks.MENTHOL) for name in expected}
    assert found == pytest.approx(expected)


def test_the_central_nervous_system_wants_five_things_on_average() -> None:
    """Menthol lacks polar surface and has one donor too many; the other three are met."""
    tpsa = Descriptors.TPSA(Chem.MolFromSmiles(tasks.MENTHOL))
    surface, donor = math.exp(-(((tpsa - 40) / 20) ** 2) / 2), math.exp(-1 / 8)
    assert score("cns_mpo", tasks.MENTHOL) == pytest.approx((3 + surface + donor) / 5)


def test_pioglitazone_itself_is_too_similar() -> None:
    """Similarity 1 is ten standard deviations off, and 7 rotatable bonds ten off 2."""
    mol = Chem.MolFromSmiles(tasks.PIOGLITAZONE)
    assert Descriptors.NumRotatableBonds(mol) == 7
    scored = find_task("pioglitazone_mpo").objective.score(mol)
    expected = (math.exp(-50), 1, math.exp(-50))
    assert scored.desirabilities == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "tops"),
    [
        ("median1", (10,)),
        ("guacamol/median1", (1, 10, 100)),
        ("guacamol/celecoxib_rediscovery", (1,)),
        ("guacamol/aripiprazole_similarity", (1, 10, 100)),
        ("guacamol/isomers_c11h24", (159,)),
        ("guacamol/isomers_c9h10n2o2pf2cl", (250,)),
        ("guacamol_trivial/isomers_c7h8n2o2", (100,)),
        ("guacamol_trivial/qed", (1, 10, 100)),
    ],
)
def test_a_task_says_how_many_of_the_best_count(name: str, tops: tuple[int, ...]) -> None:
    assert find_task(name).tops == tops


@pytest.mark.parametrize("task", ALL, ids=lambda task: task.full_name)
def test_an_objective_of_a_task_comes_back_from_its_text(task) -> None:
    assert parse_objective(str(task.objective), task.aggregation) == task.objective


def test_a_target_is_read_once() -> None:
    task = find_task("median1")
    assert task.objective is task.objective


@pytest.mark.parametrize(
    ("name", "full"),
    [
        (" QED ", "pmo/qed"),
        ("guacamol/deco_hop", "guacamol/deco_hop"),
        ("isomers_c11h24", "guacamol/isomers_c11h24"),
        ("logp_8", "guacamol_trivial/logp_8"),
    ],
)
def test_a_task_is_found_in_the_first_suite_that_has_it(name: str, full: str) -> None:
    assert find_task(name).full_name == full


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("drd2", "task='drd2': one of albuterol_similarity, amlodipine_mpo.*qed.*guacamol/isomers"),
        ("pmo/isomers_c11h24", "task='pmo/isomers_c11h24': one of albuterol_similarity"),
        ("moses/qed", "task='moses/qed': the suite is one of pmo, guacamol, guacamol_trivial"),
        ("", "task='': one of"),
    ],
)
def test_an_unknown_task_is_one_line_of_error_with_the_choices(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        find_task(name)
    assert "\n" not in str(caught.value)


def test_an_invalid_molecule_scores_zero_and_minus_one_for_guacamol() -> None:
    assert find_task("pmo/median1").invalid == 0
    assert find_task("guacamol/median1").invalid == -1
    assert find_task("guacamol_trivial/qed").invalid == -1
