"""A scorer that remembers: each molecule is asked about once, and errors are counted."""

import math
from collections.abc import Sequence

import pytest
from rdkit import Chem

from molflow.chem.aggregation import Scored
from molflow.chem.functions import Own
from molflow.chem.molecule import Checked
from molflow.chem.objective import parse_objective
from molflow.errors import InputError
from molflow.guidance.scores import Remembered, has_score


class Counting:
    """Scores a molecule by its atoms and notes every question; has no score for nitrogen."""

    names = ("atoms",)

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = False

    def describe(self) -> str:
        return "atoms"

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        self.asked += [Chem.MolToSmiles(mol) for mol in mols]
        return [self.score(mol) for mol in mols]

    def score(self, mol: Chem.Mol) -> Scored:
        if any(atom.GetSymbol() == "N" for atom in mol.GetAtoms()):
            return Scored(math.nan, (math.nan,), (math.nan,), "atoms: no nitrogen, please")
        n = mol.GetNumAtoms()
        return Scored(n, (n,), (n,))

    def close(self) -> None:
        self.closed = True


def checked(smiles: str, reason: str | None = None) -> Checked:
    mol = Chem.MolFromSmiles(smiles) if smiles else None
    name = Chem.MolToSmiles(mol) if mol else None
    return Checked(name, name, mol, 1, reason)


def test_a_molecule_is_asked_about_once_however_it_is_written():
    inner = Counting()
    scorer = Remembered(inner)
    mols = [Chem.MolFromSmiles(smiles) for smiles in ("OCC", "CCO", "C")]
    assert [s.total for s in scorer.score_many(mols)] == [3, 3, 1]
    assert [s.total for s in scorer.score_many(mols[:1])] == [3]
    assert inner.asked == ["CCO", "C"]


def test_an_attempt_that_is_not_strictly_valid_is_never_asked_about():
    inner = Counting()
    attempts = [checked("CC"), checked("", "empty"), checked("C.C", "fragments: 2"), checked("C")]
    scores = Remembered(inner).judge(attempts)
    assert [None if s is None else s.total for s in scores] == [2, None, None, 1]
    assert inner.asked == ["CC", "C"]


def test_errors_are_counted_by_distinct_molecule():
    scorer = Remembered(Counting())
    scorer.judge([checked("N"), checked("N"), checked("CN"), checked("C")])
    assert scorer.errors() == {"atoms: no nitrogen, please": 2}


def test_only_a_number_without_an_error_is_a_score():
    assert has_score(Scored(0.5, (), ()))
    assert not has_score(Scored(0.0, (), (), "qed: failed"))
    assert not has_score(Scored(math.nan, (), ()))
    assert not has_score(None)


def test_closing_closes_the_scorer():
    inner = Counting()
    Remembered(inner).close()
    assert inner.closed


def test_an_objective_has_parts_and_one_component_is_its_own_description():
    one, two = (Remembered(parse_objective(text)) for text in ("qed:max", "qed:max,sa:<3"))
    assert (one.parts, one.describe()) == (("qed",), "qed:max")
    assert (two.parts, two.describe()) == (("qed", "sa"), "geometric mean of qed:max, sa:<3")


def test_a_function_of_the_user_has_no_parts_beside_itself():
    assert Remembered(Counting()).parts == ()
    assert Remembered(Counting()).objective is None


class Broken(Own):
    """Has no score for anything from the molecule with ``first`` atoms on."""

    def __init__(self, first: int, max_failures: int | None) -> None:
        super().__init__("broken", max_failures=max_failures)
        self.first, self.asked = first, 0

    def describe(self) -> str:
        return "broken"

    def score_many(self, mols: Sequence[Chem.Mol]) -> list[Scored]:
        self.asked += len(mols)
        fails = [mol.GetNumAtoms() >= self.first for mol in mols]
        return [self.scored(math.nan if no else 1.0, "no luck" if no else None) for no in fails]

    def close(self) -> None:
        pass


CHAINS = ["C" * n for n in range(1, 41)]


def test_ten_failures_in_a_row_are_told_once_with_the_last_error(capsys):
    Remembered(Broken(1, None)).ask(CHAINS)
    told = "warning: 10 in a row have no score, the last: broken: no luck\n"
    assert capsys.readouterr().err == told


def test_too_many_failures_in_a_row_are_the_end_and_what_was_scored_stays_known():
    inner = Broken(first=6, max_failures=20)
    scorer = Remembered(inner)
    with pytest.raises(InputError, match=r"max_failures=20: .*the last: broken: no luck"):
        scorer.ask(CHAINS)
    assert inner.asked == 25
    assert [has_score(one) for one in scorer.known.values()] == [True] * 5 + [False] * 20


def test_failures_with_scores_between_are_no_streak(capsys):
    Remembered(Broken(2, 5)).ask([one for n in range(2, 20) for one in ("C" * n, f"[{n}CH4]")])
    assert capsys.readouterr().err == ""
