"""Installed packages add names to the tables of the command line, and replace none."""

import csv
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import invalidate_caches
from pathlib import Path

import pytest
from rdkit import Chem

import molflow
from molflow import plugins, train
from molflow.chem.objective import parse_objective
from molflow.config import help_text
from molflow.datasets.packing import Recipe, pack
from molflow.datasets.values import property_values
from molflow.errors import InputError
from molflow.files import CONFIG
from molflow.guidance.kinds import GUIDES, BestOf
from molflow.model.checkpoint import read_spec, save_model
from molflow.plugins import Table
from molflow.sample import main
from molflow.sampling.methods import METHODS

pytestmark = pytest.mark.usefixtures("composed_once", "undrawn")

Install = Callable[..., None]

MODULE = """
from dataclasses import dataclass
from typing import ClassVar

from molflow.chem.properties import Property
from molflow.flow.flow_map import euler_step
from molflow.flow.losses import vfm_loss
from molflow.flow.samplers import decoded, sample
from molflow.guidance.guides import Guidance, Outcome
from molflow.sampling.methods import Method


@dataclass(frozen=True)
class Once(Guidance):
    name: ClassVar[str] = "once"

    def run(self, task, reward):
        x = sample(task.moves, task.mu, task.x_0, task.times)
        return Outcome(x, reward(decoded(x)), len(task.moves))


@dataclass(frozen=True)
class Nameless(Guidance):
    pass


ATOMS = Property("heavies", "heavy atoms", "", 0, 10, lambda mol: mol.GetNumAtoms())
STEP = Method(lambda noise, amount: euler_step, lambda steps: steps)


def loss(logits, x_1):
    return {name: 2 * value for name, value in vfm_loss(logits, x_1).items()}
"""
ALL = (
    "guides.once=added:Once",
    "properties.heavies=added:ATOMS",
    "steps.mine=added:STEP",
    "losses.twice=added:loss",
)
"""Entry points of that module."""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package with these entry points and this module ``added`` on the path."""

    def forget() -> None:
        sys.modules.pop("added", None)
        invalidate_caches()
        plugins._entries.cache_clear()
        plugins._loaded.cache_clear()

    def put(
        *entries: str, package: str = "added", version: str = "1.5", code: str = MODULE
    ) -> None:
        folder = tmp_path / "site" / f"{package}-{version}.dist-info"
        for old in folder.parent.glob(f"{package}-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True)
        about = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        (folder / "METADATA").write_text(about)
        lines = "\n".join(entries)
        (folder / "entry_points.txt").write_text(f"[molflow]\n{lines}\n")
        (tmp_path / "site" / "added.py").write_text(code)
        forget()

    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield put
    monkeypatch.undo()
    forget()


@pytest.fixture
def checkpoint(tmp_path, perturbed, fresh, tiny_spec) -> Path:
    """A model that was never trained, of up to four atoms."""
    save_model(tmp_path / "model", perturbed(fresh(tiny_spec()), seed=9, size=0.3), tiny_spec())
    return tmp_path / "model"


@pytest.fixture
def run(checkpoint: Path, tmp_path: Path) -> Callable[..., list[dict[str, str]]]:
    """Sample on the command line, and give the rows of the table."""

    def sampled(*arguments: str, out: str = "out") -> list[dict[str, str]]:
        folder = tmp_path / out
        usual = f"checkpoint={checkpoint}", f"out={folder}", "n=12", "steps=2", "report=false"
        main([*usual, *arguments])
        with (folder / "samples.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return sampled


def loaded() -> bool:
    return "added" in sys.modules


def test_a_guide_and_a_property_of_a_package_are_names_of_the_command_line(install, run):
    install(*ALL)
    rows = run("guidance=once", "guidance.objective=heavies:max")
    scored = [row for row in rows if row["reason"] == ""]
    assert scored
    for row in scored:
        mol = Chem.MolFromSmiles(row["smiles"])
        assert float(row["heavies"]) == mol.GetNumAtoms()
        expected = parse_objective("heavies:max").score(mol).total
        assert float(row["score"]) == pytest.approx(expected)


def test_a_guide_of_a_package_is_a_choice_of_its_key_too(install, run, tmp_path):
    install(*ALL)
    run("guidance.method=once", "guidance.objective=heavies:max", "guidance.particles=2")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["config"]["guidance"]["method"] == "once"
    assert record["versions"]["added"] == "1.5"


def test_a_step_of_a_package_makes_the_molecules_of_the_same_step_here(install, run):
    install(*ALL)
    assert run("method=mine") == run("method=euler", out="other")


def test_a_loss_of_a_package_is_a_choice_of_training(install, tmp_path):
    install(*ALL)
    out = f"out={tmp_path / 'run'}"
    config, _ = train.configure(["dataset=qm9", "flow.loss=twice", out])
    assert config.flow.loss == "twice"
    assert not loaded()


def test_the_help_lists_the_names_of_packages_and_imports_none(install):
    install(*ALL)
    lines = help_text("sample").splitlines()
    (group,) = [line for line in lines if line.startswith("  guidance=none")]
    (key,) = [line for line in lines if line.startswith("  guidance.method=")]
    (step,) = [line for line in lines if line.startswith("  method=")]
    assert group.endswith("search | surrogate | once]")
    assert key.endswith("search | surrogate | once]")
    assert step.endswith("euler_ancestral | mine]")
    assert not loaded()


def test_without_packages_the_choices_are_those_of_molflow():
    assert list(GUIDES) == ["best_of", "draws", "gradient", "particles", "search", "surrogate"]
    assert list(METHODS) == ["euler", "heun", "flow_map", "renoised", "euler_ancestral"]


def test_an_unknown_name_is_told_with_the_names_of_packages_and_imports_none(install, run):
    install(*ALL)
    with pytest.raises(InputError) as error:
        run("method=midpoint")
    assert str(error.value).endswith(
        "one of auto, euler, heun, flow_map, renoised, euler_ancestral, mine"
    )
    with pytest.raises(InputError, match=r"guidance='twice': one of .*surrogate, once$"):
        run("guidance=twice")
    with pytest.raises(InputError, match="brenk, heavies, similarity"):
        parse_objective("none_such:max")
    assert not loaded()


def test_a_name_is_imported_when_it_is_asked_for(install):
    install(*ALL)
    assert "once" in GUIDES
    assert "once" in list(GUIDES)
    assert not loaded()
    assert GUIDES["once"].name == "once"
    assert loaded()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('two\\nlines')", "RuntimeError: two lines"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("", "AttributeError: module 'added' has no attribute 'Once'"),
    ],
)
def test_a_package_that_fails_is_named_with_its_entry_point(install, run, code, reason):
    install(*ALL, code=code)
    with pytest.raises(InputError) as error:
        run("guidance=once", "guidance.objective=qed:max")
    assert str(error.value) == (
        f"added 1.5: entry point guides.once=added:Once: cannot be imported: {reason}"
    )


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("guides.once=added:STEP", "a class of guides.Guidance of that name"),
        ("guides.other=added:Once", "a class of guides.Guidance of that name"),
        ("guides.nameless=added:Nameless", "a class of guides.Guidance of that name"),
    ],
)
def test_a_value_of_another_kind_or_name_is_refused(install, entry, wanted):
    install(entry)
    name = entry.partition("=")[0].removeprefix("guides.")
    with pytest.raises(InputError, match=f"added 1.5: entry point {entry}: {wanted} is needed"):
        GUIDES[name]


def test_a_step_that_is_none_is_refused(install, run):
    install("steps.mine=added:loss")
    with pytest.raises(InputError, match=r"steps.mine=added:loss: a methods.Method is needed"):
        run("method=mine")


def test_a_package_cannot_replace_a_name_of_molflow(install, run):
    install("guides.best_of=added:Once", "steps.heun=added:STEP")
    with pytest.raises(InputError) as error:
        run("guidance=best_of", "guidance.objective=qed:max")
    assert str(error.value) == (
        "added 1.5: entry point guides.best_of=added:Once: best_of is molflow's own, and not "
        "replaced"
    )
    with pytest.raises(InputError, match=r"steps.heun=added:STEP: heun is molflow's own"):
        run("method=heun")
    assert not loaded()
    assert run("method=euler")


def test_two_packages_with_one_name_are_both_named(install):
    install("guides.once=added:Once")
    install("guides.once=other:Once", package="other")
    with pytest.raises(InputError) as error:
        GUIDES["once"]
    text = str(error.value)
    assert "added 1.5: entry point guides.once=added:Once" in text
    assert "other 1.5: entry point guides.once=other:Once" in text
    assert text.endswith(": one name of several packages")


def change(folder: Path, **values: object) -> None:
    plain = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**plain, **values}))


@pytest.mark.parametrize("name", ["added:loss", "added.loss", "losses.twice", "os:system"])
def test_a_checkpoint_imports_nothing_by_a_path(install, checkpoint, name):
    install(*ALL)
    change(checkpoint, loss=name)
    with pytest.raises(InputError, match=f"loss is '{name}', this version knows cross_entropy"):
        molflow.load(checkpoint)
    change(checkpoint, loss="cross_entropy", guidance=name, network=name, guide=name)
    molflow.load(checkpoint)
    assert not loaded()


def test_a_model_of_a_packages_loss_is_read_where_the_package_is(install, checkpoint):
    change(checkpoint, loss="twice")
    with pytest.raises(InputError, match=r"'twice', this version knows cross_entropy, mse$"):
        molflow.load(checkpoint)
    install(*ALL)
    assert len(molflow.load(checkpoint).sample(3, 2)) == 3
    assert not loaded()


def test_a_condition_on_a_packages_property_is_known_by_its_name(install, checkpoint):
    install(*ALL)
    told = {"name": "heavies", "mean": 3.0, "spread": 1.0, "low": 1.0, "high": 4.0}
    change(checkpoint, condition=[told])
    assert read_spec(checkpoint).condition[0].name == "heavies"
    assert not loaded()


def test_kept_values_of_a_property_are_those_of_the_version_that_is_there(install, tmp_path):
    packed = pack("test", [(0, "CCO")], Recipe("smiles", True, None, False))[0]
    install(*ALL)
    assert property_values(packed, tmp_path, ["heavies"]).tolist() == [[3.0]]
    code = MODULE.replace("mol.GetNumAtoms()", "mol.GetNumAtoms() + 1")
    install(*ALL, version="1.6", code=code)
    assert property_values(packed, tmp_path, ["heavies"]).tolist() == [[4.0]]


def test_a_program_can_add_a_name_and_take_it_out_again():
    table = Table[type]("nothing", {"best": BestOf})
    table["mine"] = int
    assert dict(table) == {"best": BestOf, "mine": int}
    del table["mine"]
    assert list(table) == ["best"]
    with pytest.raises(KeyError):
        table["mine"]
