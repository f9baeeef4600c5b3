"""NSPDK features in closed form, against graphs compared without any hash, and against EDeN."""

import math
from collections import Counter, defaultdict

import networkx as nx
import numpy as np
import pytest
from rdkit import Chem

from molflow.chem.smiles import canonical_order
from molflow.metrics.nspdk import features, mean_features, mmd

SMILES = [
    "CCO",
    "c1ccccc1C",
    "CC(=O)Oc1ccccc1C(=O)O",
    "Cc1ccccc1C",
    "C1CC2CC1CN2C(F)=O",
    "O",
    "C.CC#N",
]
SMILES += ["c1ccc2c(c1)cccc2O", "CCCCCCCCCC(N)=O", "Cn1cnc2c1c(=O)n(C)c(=O)n2C"]


def read(smiles: str) -> Chem.Mol:
    return Chem.MolFromSmiles(smiles)


def product(a: dict, b: dict) -> float:
    return sum(value * b.get(name, 0) for name, value in a.items())


def ordered(mol: Chem.Mol) -> Chem.Mol:
    """Kekulised, atoms in the order of the canonical SMILES, which settles the Kekulé structure."""
    mol = canonical_order(mol)
    Chem.Kekulize(mol, clearAromaticFlags=True)
    return mol


def labelled(mol: Chem.Mol, label=Chem.Atom.GetAtomicNum) -> nx.Graph:
    graph = nx.Graph()
    for atom in mol.GetAtoms():
        graph.add_node(atom.GetIdx(), label=label(atom))
    for bond in mol.GetBonds():
        order = int(bond.GetBondTypeAsDouble())
        graph.add_edge(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), label=order)
    return graph


def naive(mol: Chem.Mol) -> dict:
    """The definition with tuples in place of hashes: nothing meets that is not the same."""
    graph = labelled(ordered(mol))
    atoms = list(graph)
    nodes = nx.Graph()
    for name, data in graph.nodes(data=True):
        nodes.add_node(name, label=data["label"])
    for a, b, data in graph.edges(data=True):
        nodes.add_node((a, b), label=data["label"])
        nodes.add_edges_from([(a, (a, b)), ((a, b), b)])
    apart = dict(nx.all_pairs_shortest_path_length(nodes, cutoff=8))

    def around(atom: int, r: int) -> tuple | None:
        shells = defaultdict(list)
        for node, distance in apart[atom].items():
            shells[distance].append((nodes.nodes[node]["label"], nodes.degree(node)))
        if 2 * r not in shells:
            return None
        return tuple(tuple(sorted(shells[distance])) for distance in range(2 * r + 1))

    found: dict = {}
    for d in range(5):
        for r in range(5):
            counts: Counter = Counter()
            for v in atoms:
                for u in atoms:
                    pair = around(v, r), around(u, r)
                    if apart[v].get(u) == 2 * d and None not in pair:
                        counts["both", tuple(sorted(pair)), r, d] += 1
                        counts["one", pair[1], r, d] += 1
            norm = math.sqrt(sum(count**2 for count in counts.values()))
            found.update({name: count / norm for name, count in counts.items()})
    norm = math.sqrt(sum(value**2 for value in found.values()))
    return {name: value / norm for name, value in found.items()}


def test_an_atom_alone_is_a_pair_with_itself_and_a_surrounding() -> None:
    assert sorted(features(read("C")).values()) == pytest.approx([math.sqrt(1 / 2)] * 2)


def test_two_atoms_have_eight_features_alike() -> None:
    # Radius 0 and 1 at distance 0 and 1, each a pair and a surrounding of equal count.
    assert sorted(features(read("CC")).values()) == pytest.approx([math.sqrt(1 / 8)] * 8)


def test_features_agree_with_comparing_graphs_without_hashes() -> None:
    ours = [features(read(smiles), bits=48) for smiles in SMILES]
    theirs = [naive(read(smiles)) for smiles in SMILES]
    for i in range(len(SMILES)):
        assert len(ours[i]) == len(theirs[i])
        for j in range(len(SMILES)):
            expected = product(theirs[i], theirs[j])
            assert product(ours[i], ours[j]) == pytest.approx(expected, abs=1e-12)


def test_on_65536_numbers_few_features_meet() -> None:
    for smiles in SMILES:
        found = features(read(smiles))
        assert all(1 <= number <= 2**16 for number in found)
        assert sum(value**2 for value in found.values()) == pytest.approx(1)
        assert len(found) >= 0.98 * len(naive(read(smiles)))


@pytest.mark.parametrize("kekulised", [True, False])
def test_the_order_of_the_atoms_changes_nothing(kekulised) -> None:
    random = np.random.default_rng(0)
    for smiles in SMILES:
        mol = read(smiles)
        turned = Chem.RenumberAtoms(mol, random.permutation(mol.GetNumAtoms()).tolist())
        assert features(turned, kekulised) == features(mol, kekulised)


def test_aromatic_bonds_are_double_and_single_in_turn_or_all_single() -> None:
    benzene, cyclohexane = read("c1ccccc1"), read("C1CCCCC1")
    assert features(benzene, kekulised=False) == features(cyclohexane)
    assert product(features(benzene), features(cyclohexane)) < 0.5
    assert benzene.GetBondWithIdx(0).GetIsAromatic(), "the molecule is left as it was"


def test_elements_bonds_and_degrees_are_seen_and_charges_are_not() -> None:
    assert features(read("CCO")) != features(read("CCN"))
    assert features(read("CC=C")) != features(read("CCC"))
    assert features(read("C[N+](C)(C)C")) != features(read("CN(C)C"))
    assert features(read("CC[O-]")) == features(read("CCO"))


def test_a_molecule_without_atoms_has_no_features() -> None:
    assert features(Chem.Mol()) == {}


def test_the_distance_of_sets_is_that_of_their_kernels() -> None:
    a, b = [read(s) for s in SMILES[:4]], [read(s) for s in SMILES[4:]]

    def mean_product(x, y) -> float:
        return sum(product(features(i), features(j)) for i in x for j in y) / (len(x) * len(y))

    expected = mean_product(a, a) + mean_product(b, b) - 2 * mean_product(a, b)
    assert mmd(mean_features(a), mean_features(b)) == pytest.approx(expected, abs=1e-12)
    assert expected > 0.1


def test_sets_that_share_nothing_are_two_apart() -> None:
    assert mmd(mean_features([read("C")]), mean_features([read("CC")])) == pytest.approx(2)


def test_a_set_against_itself_is_not_apart_in_any_order() -> None:
    mols = [read(smiles) for smiles in SMILES]
    assert mmd(mean_features(mols), mean_features(mols)) == 0
    assert mmd(mean_features(mols), mean_features(mols[::-1])) == pytest.approx(0, abs=1e-30)


def test_a_count_stands_for_repeated_molecules() -> None:
    a, b = read("CCO"), read("CCN")
    counted = mean_features([a, b], counts=[3, 1])
    assert counted == pytest.approx(mean_features([a, b, a, a]), abs=1e-15)


def test_of_no_molecules_it_is_undefined() -> None:
    assert math.isnan(mmd(mean_features([]), mean_features([read("C")])))


def test_formaldehyde_has_the_features_that_eden_was_seen_to_give() -> None:
    # eden-kernel 0.3.1350 on the nodes 6 and 8 with an edge 2 between. Four pairs (r, d) of norm
    # 1/2: at d = 0 four equal counts, at d = 1 one pair counted twice and two atoms once.
    numbers = {
        1 / 4: {5044, 13161, 20771, 41971, 44774, 46214, 61988, 62611},
        1 / math.sqrt(6): {21216, 54153},
        1 / math.sqrt(24): {14228, 21838, 63055, 63678},
    }
    expected = {number: value for value, group in numbers.items() for number in group}
    assert features(read("C=O")) == pytest.approx(expected)


@pytest.mark.parametrize("bits", [16, 48])
def test_features_are_those_of_eden(bits) -> None:
    eden = pytest.importorskip("eden.graph", reason="eden-kernel is not here")
    for smiles in SMILES:
        (theirs,) = eden.Vectorizer(complexity=4, nbits=bits).transform(
            [labelled(ordered(read(smiles)))]
        )
        numbers, values = theirs.indices.tolist(), theirs.data.tolist()
        expected = dict(zip(numbers, values, strict=True))
        assert features(read(smiles), bits=bits) == pytest.approx(expected, abs=1e-12)


def test_the_mmd_is_that_of_eden_with_symbols_as_labels_up_to_what_meets() -> None:
    eden = pytest.importorskip("eden.graph", reason="eden-kernel is not here")
    sets = [[read(s) for s in SMILES[:5]], [read(s) for s in SMILES[5:]]]
    means = []
    for mols in sets:
        graphs = [labelled(ordered(mol), Chem.Atom.GetSymbol) for mol in mols]
        means.append(np.asarray(eden.Vectorizer(complexity=4).transform(graphs).mean(axis=0)))
    expected = float(np.square(means[0] - means[1]).sum())
    assert mmd(*map(mean_features, sets)) == pytest.approx(expected, rel=0.02)
