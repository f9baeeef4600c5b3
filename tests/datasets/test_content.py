"""Data are the same where a training sees the same, whatever they are called."""

from dataclasses import replace

import numpy as np

from molflow.datasets import smiles_file
from molflow.datasets.content import content_of
from molflow.datasets.tokens import tokenised


def test_neither_name_nor_place_nor_form_of_a_file_matters(tmp_path):
    (tmp_path / "a.csv").write_text("name,smiles\nx,CCO\ny,CCN\n")
    (tmp_path / "b.smi").write_text("OCC x\n\nNCC y\n")
    one, two = (
        smiles_file.load(tmp_path / name, tmp_path / name[0] / "cache", fractions=(1, 0, 0))
        for name in ("a.csv", "b.smi")
    )
    assert content_of(one) == content_of(two)
    assert content_of(tokenised("t", one)) == content_of(tokenised("u", two))


def test_molecules_their_order_and_their_splits_do_matter(tmp_path):
    (tmp_path / "a.smi").write_text("CCO\nCCN\n")
    one = smiles_file.load(tmp_path / "a.smi", tmp_path / "cache", fractions=(1, 0, 0))
    order = np.array([1, 0])
    others = [
        replace(one, packed=one.packed.take(order)),
        replace(one, splits={**one.splits, "train": one.splits["train"][::-1]}),
        replace(one, splits={**one.splits, "train": np.array([0]), "test": np.array([1])}),
    ]
    assert len({content_of(data) for data in [one, *others]}) == 4
