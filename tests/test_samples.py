"""Samples as a sequence: one entry a molecule, the invalid ones included."""

import numpy as np

from molflow.chem.molecule import Vocabulary, check_many, read_smiles, to_graph
from molflow.graph.graph import Graph
from molflow.model.spec import ModelSpec
from molflow.samples import Samples

VOCABULARY = Vocabulary(("C", "N", "O"))
SPEC = ModelSpec(VOCABULARY, 3, (0, 0, 0, 1.0), 8, 4, 1, 2, False, "cross_entropy", 0.5, {})
GRAPHS = [
    to_graph(read_smiles("CCO"), VOCABULARY),
    Graph(np.array([0, 2]), np.array([0])),
    Graph(np.array([0, 0, 0]), np.array([3, 2, 0])),
]
SAMPLES = Samples(GRAPHS, check_many(GRAPHS, VOCABULARY), SPEC, 50, 2.0, 1.0)


def test_a_molecule_is_there_or_none_with_the_reason_beside_it():
    assert [mol is None for mol in SAMPLES.molecules] == [False, True, True]
    assert SAMPLES.reasons == [None, "fragments: 2", "valence: C 5 > 4 at atom 0"]


def test_whatever_passes_sanitisation_has_a_smiles():
    assert SAMPLES.smiles == ["CCO", "C.O", None]


def test_an_index_is_one_molecule_and_a_slice_a_part_of_the_samples():
    assert SAMPLES[0].smiles == "CCO"
    assert SAMPLES[-1].reason == "valence: C 5 > 4 at atom 0"
    assert SAMPLES[1:].smiles == ["C.O", None]
    assert len(SAMPLES[:24]) == 3


def test_iterating_gives_every_molecule_once():
    assert [one.smiles for one in SAMPLES] == ["CCO", "C.O", None]


def test_samples_show_themselves_in_one_line():
    assert repr(SAMPLES) == "Samples(3 molecules, 1 valid)"


def test_metrics_are_fractions_of_the_attempts():
    metrics = SAMPLES.metrics({"CCO"})
    assert metrics["strict_valid"] == 1 / 3
    assert metrics["plain_valid"] == 2 / 3
    assert metrics["vun"] == 0
