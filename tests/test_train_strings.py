"""Training on strings from the command line: SMILES as tokens and a text; resumed and refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from molflow.errors import InputError
from molflow.loading import load
from molflow.modality import Strings
from molflow.train import main
from molflow.training.curves import read_logs
from molflow.training.module import FlowModule

SMILES = [
    "C", "CC", "CO", "CN", "C=O", "C#N", "CCO", "CCN", "CC=O", "CC#N", "C1CC1", "C1CO1", "COC",
    "CNC", "NC=O", "OC=O", "CCC", "CC(C)C", "C1CCC1", "c1cc[nH]c1", "c1ccoc1", "CCCl",
]  # fmt: skip
TEXT = "the cat sat on a mat and a rat ate the fat hat " * 20
FEW = 6
TINY = [
    "model.width=16",
    "model.depth=1",
    "model.heads=2",
    "trainer.batch_size=5",
    "trainer.steps=6",
    "trainer.max_minutes=null",
    "trainer.warmup=2",
    "trainer.ema_decay=0.5",
    "trainer.compile=never",
    "trainer.precision=fp32",
    "trainer.accelerator=cpu",
    "trainer.sample_every=3",
    f"trainer.trial_molecules={FEW}",
    "trainer.trial_share=1000",
    "flow.shown=0.5",
]


pytestmark = pytest.mark.usefixtures("composed_once", "undrawn")


@pytest.fixture(scope="module", autouse=True)
def _few_steps_at_the_end() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("molflow.train.LAST_STEPS", FEW)
        yield


def smiles_in(folder: Path) -> list[str]:
    """A file of 22 molecules, as tokens."""
    path = folder / "molecules.csv"
    path.write_text("smiles\n" + "\n".join(SMILES) + "\n")
    source = ["dataset=smiles_tokens", f"dataset.path={path}"]
    return [*source, f"dataset.cache={folder / 'cache'}", *TINY]


def text_in(folder: Path) -> list[str]:
    """A text of 940 characters in windows of eight."""
    path = folder / "mine.txt"
    path.write_text(TEXT)
    return ["dataset=text", f"dataset.path={path}", "dataset.length=8", *TINY]


@pytest.fixture
def of_smiles(tmp_path: Path) -> list[str]:
    return smiles_in(tmp_path)


@pytest.fixture
def of_text(tmp_path: Path) -> list[str]:
    return text_in(tmp_path)


def trained_in(folder: Path, data: Callable[[Path], list[str]]) -> Path:
    """The folder of a run of six steps without a trial."""
    main([*data(folder), "trainer.sample_every=0", f"out={folder / 'run'}"])
    return folder / "run"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of SMILES that was trained for six steps. Not to be changed."""
    return trained_in(tmp_path_factory.mktemp("smiles"), smiles_in)


@pytest.fixture(scope="module")
def trained_on_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the text that was trained for six steps. Not to be changed."""
    return trained_in(tmp_path_factory.mktemp("text"), text_in)


@pytest.fixture(params=["of_smiles", "of_text"])
def arguments(request: pytest.FixtureRequest) -> list[str]:
    return request.getfixturevalue(request.param)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def trials(folder: Path) -> list[dict[str, float]]:
    return [row for row in read_logs(folder) if "valid/loss" in row]


def error_of(*arguments: str) -> str:
    with pytest.raises(InputError) as error:
        main(list(arguments))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_end_token_makes_the_length_part_of_the_string(of_smiles, tmp_path):
    out = tmp_path / "ended"
    main([*of_smiles, "dataset.end_token=true", f"out={out}"])
    generator = load(out)
    # c1cc[nH]c1 is the longest: c, 1, c, c, [nH], c, 1.
    assert generator.spec.size_law == (0.0,) * 7 + (1.0,)
    assert generator.spec.vocabulary.end
    texts = generator.sample(20, steps=2).texts
    assert len({len(text) for text in texts}) > 1


def test_a_run_on_smiles_leaves_a_model_that_writes_them_and_a_picture(
    of_smiles: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    main([*of_smiles, "flow.distill=psd", f"out={run}"])
    spec = load(run).spec
    assert isinstance(spec.modality, Strings)
    assert (spec.max_size, spec.pair_width, spec.shown, spec.flow_map) == (7, None, 0.5, True)
    assert json.loads((run / "config.json").read_text())["format"] == 3
    assert {"samples.png", "loss.png", "metrics.json", "last.ckpt"} <= files(run)
    _, last = trials(run)
    assert {"trial/strict_valid", "trial/strict_valid_4", "trial/vun"} <= set(last)
    assert "trial/entropy" not in last
    printed = capsys.readouterr()
    assert "made of: up to 7 tokens of # ( ) 1 = C Cl N O [nH] c o" in printed.out
    assert "batches: 5; " in printed.out
    assert "order" not in next(x for x in printed.out.splitlines() if x.startswith("network:"))
    assert f"trial of {FEW} at step 3: strict_valid" in printed.err
    assert f"{FEW} molecules" in printed.out


def test_a_run_on_a_text_leaves_a_model_that_writes_and_texts_to_read(
    of_text: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    main([*of_text, "flow.distill=psd", f"out={run}"])
    assert (load(run).spec.max_size, load(run).spec.size_law) == (8, (0.0,) * 8 + (1.0,))
    assert {"samples.txt", "loss.png", "metrics.json"} <= files(run)
    assert "samples.png" not in files(run)
    texts = (run / "samples.txt").read_text().removesuffix("\n").split("\n\n")
    assert [len(text) for text in texts] == [8] * FEW
    assert {"trial/words_in_vocabulary", "trial/perplexity", "trial/entropy"} <= set(
        trials(run)[-1]
    )
    printed = capsys.readouterr()
    assert "made of: up to 8 tokens of ' acdefhmnorst'" in printed.out
    assert "batches: 5; 0% of the tokens are padding" in printed.out
    assert f"trial of {FEW} at step 6: words_in_vocabulary" in printed.err
    assert f"{FEW} texts" in printed.out
    assert "texts/s" in printed.err
    assert "molecule" not in printed.out + printed.err


def test_a_resumed_run_on_strings_equals_an_uninterrupted_one(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = FlowModule.training_step

    def stopping(module: FlowModule, item: tuple, batch_idx: int) -> torch.Tensor:
        if item[0] == 3:
            module.trainer.should_stop = True
        return step(module, item, batch_idx)

    options = [*arguments, "trainer.sample_every=0"]
    main([*options, f"out={tmp_path / 'whole'}"])
    with monkeypatch.context() as patch:
        patch.setattr(FlowModule, "training_step", stopping)
        with pytest.raises(KeyboardInterrupt):
            main([*options, f"out={tmp_path / 'parts'}"])
    stopped = torch.load(tmp_path / "parts" / "last.ckpt", weights_only=True)
    assert stopped["global_step"] == 4
    main([f"resume={tmp_path / 'parts'}"])
    whole, parts = (load_file(tmp_path / run / "model.safetensors") for run in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("cat", "act"),
        TEXT + "xyz ",
        # As many symbols in the same order: the classes are the same, what they mean is not.
        TEXT.replace("s", "u").replace("t", "v"),
    ],
    ids=["order", "length", "symbols"],
)
def test_a_run_is_not_resumed_on_another_text(
    trained_on_text: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "mine.txt").write_text(text)
    other = ["dataset=text", f"dataset.path={tmp_path / 'mine.txt'}"]
    error = error_of(f"resume={trained_on_text}", "trainer.steps=8", *other)
    assert str(trained_on_text) in error
    assert "began on other data: mine was " in error


def test_a_run_is_not_resumed_with_other_windows(trained_on_text: Path) -> None:
    error = error_of(f"resume={trained_on_text}", "trainer.steps=8", "dataset.length=9")
    assert "began on other data: mine was " in error


def test_a_run_starts_from_the_weights_of_a_model_of_strings(
    trained: Path, of_smiles: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: list[dict[str, torch.Tensor]] = []
    started = FlowModule.on_train_start

    def start(module: FlowModule) -> None:
        first.append({name: value.clone() for name, value in module.net.state_dict().items()})
        started(module)

    monkeypatch.setattr(FlowModule, "on_train_start", start)
    main([*of_smiles, f"checkpoint={trained}", f"out={tmp_path / 'run'}"])
    parent = load_file(trained / "model.safetensors")
    assert all(torch.equal(first[0][name], parent[name]) for name in parent)


def test_a_model_of_another_kind_is_no_parent(
    trained: Path, of_smiles: list[str], of_text: list[str], tmp_path: Path
) -> None:
    checkpoint, out = f"checkpoint={trained}", f"out={tmp_path / 'run'}"
    tokens = "up to 7 tokens of # ( ) 1 = C Cl N O [nH] c o"
    graphs = ["dataset=smiles_file", *of_smiles[1:]]
    assert error_of(*graphs, checkpoint, out) == (
        f"{checkpoint}: makes strings, {tokens}; here it would be graphs, up to 5 atoms of C N O Cl"
    )
    assert error_of(*of_text, checkpoint, out) == (
        f"{checkpoint}: vocabulary is 12 of smiles, with '#' '(' ')' '1' '=' 'C' 'Cl' 'N' 'O' "
        "'[nH]' there and 13 of characters, with ' ' 'a' 'd' 'e' 'f' 'h' 'm' 'n' 'r' 's' 't' here"
    )
    assert error_of(*of_smiles, "dataset.end_token=true", checkpoint, out) == (
        f"{checkpoint}: vocabulary is 12 of smiles there and 12 of smiles and an end here"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["dataset.length=1"], "dataset.length=1: must be at least 2"),
        (["dataset.length=48"], "940 characters are too few for windows of 48"),
        (["model.condition=qed"], "model.condition=qed: only for models of graphs"),
        (["model.width=18"], "model.width=18: must be a multiple of twice model.heads=2"),
        (["dataset.path="], "dataset.path: dataset=text needs a file"),
        (["dataset.split=random"], "dataset.split='random': "),
    ],
)
def test_what_makes_no_sense_for_a_text_is_one_line_and_starts_nothing(
    of_text: list[str], tmp_path: Path, changes: list[str], message: str
) -> None:
    assert message in error_of(*of_text, *changes, f"out={tmp_path / 'run'}")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "mine.txt: the text is empty"),
        (b"ab\ncd\0", "mine.txt: line 2, column 3: a NUL, so not a text"),
        (b"ab\xff\xfe" * 99, "mine.txt: line 1, column 3: not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_text_is_one_line_and_starts_nothing(
    of_text: list[str], tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "mine.txt").write_bytes(content)
    assert message in error_of(*of_text, f"out={tmp_path / 'run'}")
    assert not (tmp_path / "run").exists()


def test_a_folder_or_nothing_in_the_place_of_a_text_is_one_line(
    of_text: list[str], tmp_path: Path
) -> None:
    shutil.move(tmp_path / "mine.txt", tmp_path / "other.txt")
    assert error_of(*of_text, f"out={tmp_path / 'run'}").startswith("cannot read ")
    (tmp_path / "mine.txt").mkdir()
    assert error_of(*of_text, f"out={tmp_path / 'run'}").startswith("cannot read ")
