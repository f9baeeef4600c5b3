"""The oracle: every distinct molecule is scored once, whatever graph it comes as."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from rdkit import Chem

from molflow.chem.aggregation import Scored
from molflow.chem.molecule import Checked, check, read_smiles, to_graph
from molflow.chem.vocabulary import Vocabulary
from molflow.errors import InputError
from molflow.flow.state import State
from molflow.graph.graph import Graph, pair_count
from molflow.graph.state import clean_state
from molflow.guidance.oracle import Oracle
from molflow.guidance.scores import Remembered
from molflow.modality import Graphs

VOCABULARY = Vocabulary(("C", "N", "O"))
GRAPHS = Graphs(VOCABULARY)
N = 4


class Recorder:
    """A scorer that gives every molecule what ``scored`` says, and keeps what it was asked."""

    def __init__(self, scored: Scored | None = None) -> None:
        self.scored = scored
        self.asked: list[str] = []

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        self.asked += [Chem.MolToSmiles(mol) for mol in mols]
        return [self.scored or Scored(float(mol.GetNumAtoms()), (), ()) for mol in mols]


class FirstAtom(Recorder):
    """A scorer whose answer depends on the order of the atoms."""

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        return [Scored(float(mol.GetAtomWithIdx(0).GetAtomicNum()), (), ()) for mol in mols]


def graph(smiles: str, order: Sequence[int] | None = None) -> Graph:
    mol = read_smiles(smiles)
    return to_graph(mol if order is None else Chem.RenumberAtoms(mol, list(order)), VOCABULARY)


def state(*graphs: Graph) -> State:
    atoms = np.zeros((len(graphs), N), np.int64)
    pairs = np.zeros((len(graphs), pair_count(N)), np.int64)
    for b, one in enumerate(graphs):
        atoms[b, : len(one)], pairs[b, : pair_count(len(one))] = one.atoms, one.pairs
    sizes = torch.tensor([len(one) for one in graphs])
    return clean_state(torch.from_numpy(atoms), torch.from_numpy(pairs), sizes, (3, 4))


FIVE_BONDS = Graph(np.array([0, 0, 0]), np.array([3, 2, 0]))
APART = Graph(np.array([0, 2]), np.array([0]))


def test_rewards_are_the_totals_of_the_scorer_in_the_order_of_the_states():
    rewards = Oracle(Recorder(), GRAPHS)(state(graph("CCO"), graph("CC"), graph("CCNC")))
    assert rewards.dtype == torch.float64
    assert rewards.tolist() == [3, 2, 4]


def test_a_molecule_is_scored_once_in_one_call_and_over_several():
    scorer = Recorder()
    oracle = Oracle(scorer, GRAPHS)
    assert oracle(state(graph("CCO"), graph("CN"), graph("CCO"))).tolist() == [3, 2, 3]
    assert oracle(state(graph("CN"), graph("CCO"))).tolist() == [2, 3]
    assert scorer.asked == ["CCO", "CN"]
    assert (oracle.asked, oracle.calls) == (5, 2)


def test_a_molecule_that_comes_as_another_graph_is_not_scored_again():
    scorer = Recorder()
    oracle = Oracle(scorer, GRAPHS)
    oracle(state(graph("CCO"), graph("CCO", [2, 1, 0])))
    oracle(state(graph("CCO", [1, 0, 2])))
    assert scorer.asked == ["CCO"]
    assert (oracle.asked, oracle.calls) == (3, 1)


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_the_score_is_that_of_the_canonical_smiles_whichever_graph_comes_first(order):
    oracle = Oracle(FirstAtom(), GRAPHS)
    assert oracle(state(graph("CCO", order))).tolist() == [6]
    assert oracle(state(graph("CCO", [2, 0, 1]))).tolist() == [6]


@pytest.mark.parametrize("broken", [FIVE_BONDS, APART])
def test_what_is_not_strictly_valid_is_worth_invalid_and_costs_no_call(broken):
    scorer = Recorder()
    oracle = Oracle(scorer, GRAPHS, invalid=-2.5)
    assert oracle(state(broken, graph("CC"))).tolist() == [-2.5, 2]
    assert scorer.asked == ["CC"]
    assert (oracle.asked, oracle.calls) == (2, 1)


@pytest.mark.parametrize(
    "scored",
    [Scored(0.9, (), (), "logp: no"), Scored(math.nan, (), ()), Scored(math.inf, (), ())],
    ids=["error", "nan", "infinite"],
)
def test_what_has_no_score_is_worth_invalid_and_is_not_asked_again(scored):
    scorer = Recorder(scored)
    oracle = Oracle(scorer, GRAPHS, invalid=-1.0)
    assert oracle(state(graph("CC"), graph("CC"))).tolist() == [-1, -1]
    assert oracle(state(graph("CC"))).tolist() == [-1]
    assert scorer.asked == ["CC"]


def test_graphs_of_other_sizes_with_the_same_classes_are_told_apart():
    rewards = Oracle(Recorder(), GRAPHS)(state(graph("C"), graph("CC"), graph("CCC")))
    assert rewards.tolist() == [1, 2, 3]


def test_the_verdicts_of_finished_molecules_are_the_scores_or_none():
    oracle = Oracle(Recorder(), GRAPHS)
    oracle(state(graph("CCO")))
    judged = oracle.judge([check(one, VOCABULARY) for one in (graph("CCO"), APART, graph("CN"))])
    assert judged == [Scored(3.0, (), ()), None, Scored(2.0, (), ())]
    assert oracle.calls == 2


def test_the_worth_of_what_is_no_molecule_is_finite():
    with pytest.raises(InputError, match=r"guidance\.invalid=nan: a finite number is needed"):
        Oracle(Recorder(), GRAPHS, math.nan)


def test_a_graph_that_comes_again_is_not_built_again(monkeypatch):
    built = []

    def counted(graphs: list[Graph], vocabulary: Vocabulary) -> list[Checked]:
        built.extend(graphs)
        return [check(one, vocabulary) for one in graphs]

    monkeypatch.setattr("molflow.chem.molecule.check_many", counted)
    oracle = Oracle(Recorder(), GRAPHS)
    oracle(state(graph("CCO"), graph("CCO"), graph("CCO", [2, 1, 0]), APART))
    oracle(state(APART, graph("CCO")))
    assert len(built) == 3


def test_at_the_cap_what_is_known_keeps_its_score_and_the_rest_is_worth_invalid_and_not_asked():
    scorer = Recorder()
    oracle = Oracle(scorer, GRAPHS, invalid=-1.0, max_calls=2)
    three = state(graph("CCO"), graph("CN"), graph("CCC"))
    assert oracle(three).tolist() == [3, 2, -1]
    assert oracle(state(graph("NCC"), graph("CCO", [2, 1, 0]), APART)).tolist() == [-1, 3, -1]
    assert scorer.asked == ["CCO", "CN"]
    assert (oracle.asked, oracle.calls, oracle.unasked) == (6, 2, {"CCC", "CCN"})


def test_calls_before_the_oracle_are_not_among_those_of_its_cap():
    scores = Remembered(Recorder())
    scores.ask(["CCO"])
    oracle = Oracle(scores, GRAPHS, max_calls=1)
    assert oracle(state(graph("CCO"), graph("CN"), graph("CC"))).tolist() == [3, 2, 0]
    assert (oracle.calls, oracle.unasked) == (1, {"CC"})
