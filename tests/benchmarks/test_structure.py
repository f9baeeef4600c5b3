"""Structure of molecules: each statistic on graphs that one can count, and the discrepancy."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from molflow.errors import InputError
from molflow.model.checkpoint import save_model

pytest.importorskip("benchmarks.structure", reason="the folder benchmarks is not here")

from benchmarks.structure.__main__ import from_smiles, main
from benchmarks.structure.statistics import (
    STATISTICS,
    compare,
    components,
    cycles,
    degrees,
    mean,
    rings,
    skeleton,
)

ETHANOL, BENZENE, NORBORNANE = "CCO", "c1ccccc1", "C1CC2CCC1C2"
NAPHTHALENE, CUBANE, SALT = "c1ccc2ccccc2c1", "C12C3C4C1C5C2C3C45", "CC.O"


@pytest.mark.parametrize(
    ("smiles", "vector"),
    [
        (ETHANOL, (0, 2 / 3, 1 / 3)),  # two ends, one between
        (BENZENE, (0, 0, 1)),
        (NORBORNANE, (0, 0, 5 / 7, 2 / 7)),  # two bridgeheads
        (CUBANE, (0, 0, 0, 1)),
        (SALT, (1 / 3, 2 / 3)),
        ("[H]C", (1,)),  # hydrogens are no atoms here
    ],
)
def test_degrees_are_shares_of_atoms_by_neighbours(smiles: str, vector: tuple) -> None:
    assert degrees(from_smiles(smiles)) == pytest.approx(vector)


@pytest.mark.parametrize(
    ("smiles", "vector"),
    [
        (ETHANOL, ()),
        (BENZENE, (0, 0, 0, 1)),
        (NORBORNANE, (0, 0, 2)),  # two five-rings, the six-ring around them is their sum
        (NAPHTHALENE, (0, 0, 0, 2)),
        (CUBANE, (0, 5)),  # six faces, one of which is the sum of the others
        ("C1CC1.C1CC1CC", (2,)),
    ],
)
def test_rings_are_those_of_a_minimum_basis_by_size(smiles: str, vector: tuple) -> None:
    assert rings(from_smiles(smiles)) == vector


@pytest.mark.parametrize(
    ("smiles", "parts", "loops"),
    [
        (ETHANOL, 1, 0),  # 2 - 3 + 1
        (SALT, 2, 0),  # 1 - 3 + 2
        (NORBORNANE, 1, 2),  # 8 - 7 + 1
        (CUBANE, 1, 5),  # 12 - 8 + 1
        ("C1CC1.C", 2, 1),  # 3 - 4 + 2
    ],
)
def test_parts_and_independent_cycles_are_counted(smiles: str, parts: int, loops: int) -> None:
    graph = from_smiles(smiles)
    assert (components(graph), cycles(graph)) == ((parts,), (loops,))


def test_numbering_and_labels_change_no_statistic() -> None:
    graph = from_smiles("CC1CC2CCC1C2.C")
    order = list(graph.nodes)
    random.Random(0).shuffle(order)
    other = nx.relabel_nodes(graph, dict(zip(graph.nodes, order, strict=True)))
    for statistic in STATISTICS.values():
        assert statistic.of(other) == statistic.of(graph)
    assert rings(from_smiles("NC1OC2CSC1=N2")) == rings(from_smiles("CC1CC2CCC1C2"))


def test_discrepancy_of_two_small_sets_by_hand() -> None:
    # Shares at 1 and 2: (1/2, 1/2) against (1, 0), apart by 1: (-1/2, 1/2) K (-1/2, 1/2)
    # = 1/4 + 1/4 - 2/4 exp(-1/(2 sigma^2)); the reference is all alike, so its floor is 0.
    found = compare([(1.0,), (2.0,)], [(1.0,), (1.0,)], sigma=1.0)
    assert found.mmd2 == pytest.approx(0.5 * (1 - math.exp(-0.5)))
    assert found.floor == pytest.approx(0)
    wide = compare([(1.0,), (2.0,)], [(1.0,), (1.0,)], sigma=2.0)
    assert wide.mmd2 == pytest.approx(0.5 * (1 - math.exp(-0.125)))


def test_discrepancy_is_the_double_sum_over_all_pairs() -> None:
    x = [(0.0, 1.0), (2.0,), (2.0,), (1.0, 1.0, 1.0)]
    y = [(2.0,), (0.0, 0.0, 1.0)]

    def k(a: tuple, b: tuple) -> float:
        a, b = a + (0.0,) * (3 - len(a)), b + (0.0,) * (3 - len(b))
        return math.exp(-sum((i - j) ** 2 for i, j in zip(a, b, strict=True)) / (2 * 0.7**2))

    within = sum(k(a, b) for a in x for b in x) / 16 + sum(k(a, b) for a in y for b in y) / 4
    across = sum(k(a, b) for a in x for b in y) / 8
    assert compare(x, y, 0.7).mmd2 == pytest.approx(within - 2 * across)


def test_a_set_against_itself_in_any_order_is_exactly_zero() -> None:
    vectors = [(0.1 * i, 1 / (i + 3)) for i in range(50)]
    assert compare(vectors, vectors[::-1], 0.25).mmd2 == 0.0


def test_zeros_at_the_end_say_nothing() -> None:
    assert compare([(1.0, 0.0, 0.0)], [(1.0,)], 1.0).mmd2 == 0.0


def test_floor_is_the_mean_of_the_discrepancy_where_both_follow_one_law() -> None:
    # k(1, 2) = exp(-1/2) for the one pair of the reference, (1/4 + 1/2) (1 - k).
    found = compare([(1.0,)] * 4, [(1.0,), (2.0,)], 1.0)
    assert found.floor == pytest.approx(0.75 * (1 - math.exp(-0.5)))
    # A fair coin, n = 3 against m = 3000, over all 2^3 samples: (1/3 + 1/3000) (1 - E k).
    reference = [(0.0,), (1.0,)] * 1500
    coins = [[(float(i >> bit & 1),) for bit in range(3)] for i in range(8)]
    found = [compare(sample, reference, 1.0) for sample in coins]
    average = sum(one.mmd2 for one in found) / 8
    assert found[0].floor == pytest.approx(average, rel=2e-3)


def test_one_molecule_alone_has_no_floor() -> None:
    assert math.isnan(compare([(1.0,)], [(1.0,)], 1.0).floor)


def test_no_molecule_has_no_discrepancy() -> None:
    with pytest.raises(ValueError, match="0 samples against 1"):
        compare([], [(1.0,)], 1.0)


def test_means_fill_up_shorter_vectors() -> None:
    assert mean([(1.0,), (0.0, 3.0), ()]) == pytest.approx((1 / 3, 1.0))


def test_lone_atoms_are_nodes() -> None:
    assert components(skeleton(3, [(0, 1)])) == (2.0,)


def write(path: Path, *smiles: str) -> Path:
    path.write_text("\n".join(("smiles", *smiles)) + "\n")
    return path


def run(samples: object, reference: object, out: Path) -> dict[str, Any]:
    main([f"samples={samples}", f"reference={reference}", f"out={out}"])
    return json.loads(out.read_text())


def test_failed_rows_are_attempts_and_not_molecules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = write(tmp_path / "a.csv", ETHANOL, "", "nonsense", SALT, "CC(C)(C)(C)C")
    found = run(samples, write(tmp_path / "b.csv", ETHANOL, BENZENE), tmp_path / "out.json")
    assert found["samples"] == {"name": "a.csv", "attempts": 5, "molecules": 2}
    assert found["reference"] == {"name": "b.csv", "attempts": 2, "molecules": 2}
    means = found["statistics"]["components"]["means"]
    assert means == {"samples": {"components": 1.5}, "reference": {"components": 1.0}}
    assert found["statistics"]["rings"]["means"]["reference"]["rings of 6"] == 0.5
    shown = capsys.readouterr().out
    assert "2 of 5 attempts of a.csv against 2 of b.csv" in shown
    assert "share of degree 2" in shown


def test_the_same_file_is_at_no_distance(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", ETHANOL, NORBORNANE, SALT)
    found = run(file, file, tmp_path / "out.json")
    assert {one["mmd2"] for one in found["statistics"].values()} == {0.0}
    assert str(tmp_path) not in json.dumps(found)


def test_a_model_makes_its_samples_and_invalid_ones_count(
    tmp_path: Path, tiny_spec: Any, fresh: Any, perturbed: Any
) -> None:
    spec = tiny_spec()
    save_model(tmp_path / "tiny", perturbed(fresh(spec), seed=2, size=0.2), spec)
    reference = write(tmp_path / "b.csv", ETHANOL, BENZENE)
    out = tmp_path / "out.json"
    main([f"samples={tmp_path / 'tiny'}", f"reference={reference}", f"out={out}", "n=40"])
    found = json.loads(out.read_text())
    assert found["samples"]["attempts"] == 40
    assert 0 < found["samples"]["molecules"] <= 40


@pytest.mark.parametrize(
    ("samples", "reference", "message"),
    [
        ("a.csv", "qm10", "reference='qm10': a file or one of qm9, "),
        ("none.csv", "a.csv", "none.csv: no molecule in 1 attempts"),
        ("gone.csv", "a.csv", "samples='gone.csv': no such file"),
        ("", "a.csv", "samples: needs a value"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: str, reference: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.csv", ETHANOL)
    write(tmp_path / "none.csv", "nonsense")
    with pytest.raises(InputError) as error:
        run(samples, reference, tmp_path / "out.json")
    assert str(error.value).startswith(message)
    assert not (tmp_path / "out.json").exists()


def test_help_lists_the_keys_without_loading_rdkit() -> None:
    code = (
        "import sys\nfrom benchmarks.structure.__main__ import main\nmain(['--help'])\n"
        "assert not {'torch', 'rdkit', 'networkx', 'sklearn'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert "samples=" in done.stdout
