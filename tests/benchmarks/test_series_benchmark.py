"""Series by rule, and what samples have of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import Any

import pytest
from rdkit import Chem

from benchmarks.series import making
from benchmarks.series.__main__ import SeriesConfig, main, plan
from benchmarks.series.making import RULES, Rule, make
from benchmarks.series.measuring import PROTOCOL, Reference, measure
from molflow.chem.molecule import Checked
from molflow.errors import InputError
from molflow.model.checkpoint import save_model
from molflow.model.spec import ModelSpec

BROMIDES = [f"{'C' * k}c1ccc(Br)cc1" for k in range(1, 13)] + [
    f"{'C' * k}Oc1ccc(Br)cc1" for k in range(1, 13)
]


def source_of(folder: Path, smiles: list[str]) -> Path:
    path = folder / "source.csv"
    path.write_text("smiles\n" + "\n".join(smiles) + "\n")
    return path


@pytest.mark.parametrize(
    ("smiles", "made"),
    [
        ("Brc1ccccc1", "OB(O)c1ccccc1"),
        ("CC(Br)c1ccc(Br)nc1", "CC(Br)c1ccc(B(O)O)nc1"),  # the bromide of the ring alone
        ("Brc1ccc(Br)cc1", None),  # two
        ("CCBr", None),
    ],
)
def test_an_aryl_bromide_becomes_a_boronic_acid(smiles: str, made: str | None) -> None:
    rule = RULES["boronic_acids"]
    found = rule.of(Chem.MolFromSmiles(smiles))
    assert (found is None) == (made is None)
    if found is not None:
        assert Chem.MolToSmiles(found) == Chem.CanonSmiles(str(made))
        assert rule.holds(found)


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("arylpiperazines", "CN1CCN(c2ccccc2)CC1", "CN1CCN(C)CC1"),
        ("coumarins", "Cc1ccc2ccc(=O)oc2c1", "c1ccc2occc2c1"),
        ("boronic_acids", "OB(O)c1ccccc1", "COB(O)c1ccccc1"),
    ],
)
def test_a_series_holds_what_has_its_part(name: str, inside: str, outside: str) -> None:
    assert RULES[name].holds(Chem.MolFromSmiles(inside))
    assert not RULES[name].holds(Chem.MolFromSmiles(outside))


def test_a_series_has_distinct_molecules_as_many_as_its_rule_takes_and_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RULES, "boronic_acids", replace(RULES["boronic_acids"], most=21))
    source = source_of(tmp_path, [*BROMIDES, *BROMIDES, "CCC", "no molecule"])
    (path,) = make(source, "smiles", ["boronic_acids"], tmp_path / "made").values()
    header, *rows = path.read_text().split()
    assert header == "smiles"
    assert len(set(rows)) == len(rows) == 21
    assert all("B" in row and "Br" not in row for row in rows)
    source.unlink()
    assert make(source, "smiles", ["boronic_acids"], tmp_path / "made") == {"boronic_acids": path}


def test_a_source_with_too_few_is_refused(tmp_path: Path) -> None:
    source = source_of(tmp_path, ["Brc1ccccc1"])
    with pytest.raises(InputError, match=r"1 boronic_acids, at least 20 are needed"):
        make(source, "smiles", ["boronic_acids"], tmp_path)


def valid(smiles: str) -> Checked:
    return Checked(smiles, smiles, None, 1, None)


def test_the_numbers_of_a_sample_are_those_counted_by_hand() -> None:
    reference = Reference(Rule("Cl", 9), training=["CCl", "CCO"], held_out=["CCCl", "CCCCl"])
    invalid = Checked(None, None, None, 0, "empty")
    attempts = ["CCl", "CCl", "CCCl", "CC", "ClCCl"]
    found = measure([*map(valid, attempts), invalid, invalid, invalid], reference)
    assert list(found) == list(PROTOCOL)
    expected = {
        "in_series": 4 / 8,
        "strict_valid": 5 / 8,
        "distinct": 4 / 5,
        "new": 3 / 5,
        "hits": 2 / 8,
        "found": 1 / 2,
    }
    assert {name: found[name] for name in expected} == expected
    assert 0 < found["held_out_snn"] < 1


def test_samples_of_training_molecules_have_a_nearest_similarity_of_one_and_none_has_none() -> None:
    reference = Reference(Rule("Cl", 9), training=["CCl", "CCO"], held_out=[])
    assert measure([valid("CCO")], reference)["snn"] == 1
    found = measure([Checked(None, None, None, 0, "empty")], reference)
    assert isnan(found["snn"])
    assert isnan(found["held_out_snn"])
    assert (found["hits"], found["strict_valid"]) == (0, 0)
    assert found["found"] is nan or isnan(found["found"])


def test_all_trainings_of_a_series_have_one_network_one_batch_and_one_time(
    tiny_spec: Callable[..., ModelSpec], tmp_path: Path
) -> None:
    path = source_of(tmp_path, ["CCCCCCC", "CC"])
    config = SeriesConfig(checkpoint="parent", path=str(path), minutes=3.0, replay=0.25)
    tuned, replayed, scratch = plan(config, "coumarins", path, tiny_spec(positions=True))
    common = [
        "dataset=smiles_file",
        f"dataset.path={path}",
        "dataset.max_atoms=7",
        "trainer.max_minutes=3",
        "seed=0",
        "trainer.sample_every=0",
    ]
    assert tuned.arguments == ["checkpoint=parent", *common]
    assert replayed.arguments == [*tuned.arguments, "trainer.replay=0.25"]
    assert scratch.arguments[-6:] == common
    assert {"model.width=16", "trainer.batch_size=64", "trainer.patience=10"} <= {
        *scratch.arguments
    }
    assert "trainer.learning_rate=0.003" in scratch.arguments
    assert not [one for one in scratch.arguments if "checkpoint" in one]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("series=a", "series='a': any of arylpiperazines, boronic_acids, coumarins"),
        ("steps=0", "steps='0': integers of at least 1"),
        ("checkpoint=", "checkpoint: needs a value"),
    ],
)
def test_a_mistake_is_named(argument: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        main(["checkpoint=qm9", "path=a.csv", argument])
    assert str(error.value).startswith(message)


@pytest.mark.slow
def test_the_whole_benchmark_of_a_tiny_model(
    tiny_spec: Callable[..., ModelSpec],
    fresh: Any,
    perturbed: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec = tiny_spec(positions=True)
    save_model(tmp_path / "parent", perturbed(fresh(spec)), spec)
    source = source_of(tmp_path, BROMIDES)
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path / "cache"))
    arguments = [
        f"checkpoint={tmp_path / 'parent'}",
        f"path={source}",
        "series=boronic_acids",
        "n=20",
        "steps=1,2",
        f"runs={tmp_path / 'runs'}",
        f"out={tmp_path}",
        "name=tiny",
        "settings=trainer.steps=3 trainer.compile=never trainer.accelerator=cpu trainer.devices=1",
    ]
    main(arguments)
    result = json.loads((tmp_path / "series-tiny.json").read_text())
    methods = ("as it is", "fine-tuned", "with replay", "from scratch")
    rows = [(row["method"], row["steps"]) for row in result["rows"]]
    assert rows == [(method, k) for method in methods for k in (1, 2)]
    assert [row["trained_steps"] for row in result["rows"]] == [None, None, *[3] * 6]
    assert str(tmp_path) not in json.dumps(result)
    monkeypatch.setattr(making, "_found", None)
    monkeypatch.setattr("benchmarks.series.__main__.subprocess", None)
    main(arguments)  # What is there is kept.
    assert json.loads((tmp_path / "series-tiny.json").read_text()) == result
    assert "boronic_acids" in capsys.readouterr().out
