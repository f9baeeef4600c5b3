"""A user's own file trains, and what is wrong with it is said in one line."""

import csv
import gzip
from collections.abc import Callable
from itertools import islice, product
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from molflow.chem.molecule import canonical_smiles, read_smiles
from molflow.datasets import smiles_file
from molflow.datasets.loaders import MoleculeDataset
from molflow.errors import InputError

Load = Callable[..., MoleculeDataset]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a file of that name and content, and load it with a cache of its own."""

    def write_and_load(name: str, content: bytes | str, **options: object) -> MoleculeDataset:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return smiles_file.load(path, tmp_path / "cache", **options)

    return write_and_load


def molecules(dataset: MoleculeDataset) -> list[str]:
    return dataset.packed.smiles


def drops(tmp_path: Path) -> list[list[str]]:
    (path,) = (tmp_path / "cache").glob("*/dropped.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "name,smiles\nethanol,CCO\nmethane,C\n"),
        ("a.CSV", "smiles\nCCO\nC\n"),
        ("a.tsv", "smiles\tname\nCCO\tethanol, pure\nC\tmethane\n"),
        ("a.smi", "CCO ethanol\nC\n"),
        ("a.smi", "CCO\tethanol and more\nC\tmethane\n"),
        ("a.smi", "SMILES name\nCCO ethanol\nC methane\n"),
        ("a.csv", "name,smiles\r\nethanol,CCO\r\nmethane,C\r\n"),
        ("a.csv", "name,smiles\rethanol,CCO\rmethane,C\r"),
        ("a.csv", b"\xef\xbb\xbfsmiles,name\nCCO,ethanol\nC,methane\n"),
        ("a.smi", b"\xef\xbb\xbfCCO ethanol\r\nC methane\r\n"),
        ("a.csv", '"smiles","name"\n"CCO","a ""good"" one, dry"\n"C",x\n'),
        ("a.csv", " smiles , name\n CCO , ethanol\nC,methane\n"),
        ("a.csv", "smiles,name\nCCO,é\nC,methane"),
        ("a.csv.gz", gzip.compress(b"smiles\nCCO\nC\n", mtime=0)),
        ("a.tsv.gz", gzip.compress(b"x\tsmiles\n1\tCCO\n2\tC\n", mtime=0)),
        ("a.smi.gz", gzip.compress(b"CCO\nC\n", mtime=0)),
    ],
)
def test_every_kind_of_file_is_read(load: Load, name: str, content: bytes | str) -> None:
    dataset = load(name, content)
    assert molecules(dataset) == ["CCO", "C"]
    assert dataset.dropped == {}


def test_the_column_is_chosen_by_name(load: Load) -> None:
    assert molecules(load("a.csv", "smiles,SMILES\nC,CCO\n", smiles_column="SMILES")) == ["CCO"]


def test_vocabulary_and_sizes_come_from_the_file(load: Load) -> None:
    dataset = load("a.csv", "smiles\nC[Si](C)(C)Br\n[NH3+]CC([O-])=O\nC\n", fractions=(1, 0, 0))
    assert dataset.vocabulary.atoms == ("C", "N+", "O-", "O", "Si", "Br")
    assert dataset.size_law().tolist() == [0, 1 / 3, 0, 0, 0, 2 / 3]
    assert dataset.name == "a"


def test_stereo_is_removed(load: Load) -> None:
    assert molecules(load("a.smi", "C[C@H](N)C(=O)O\n")) == ["CC(N)C(=O)O"]


def test_what_is_left_out_is_counted_by_reason_and_listed_by_row(
    load: Load, tmp_path: Path
) -> None:
    rows = [
        "x,CCO",
        "x,",
        "x,nan",
        "x,OCC",
        "x",
        "x,C1CC",
        "",
        "x,CCCCCC",
        "x,[CH3]",
        "x,*C",
        "x,C",
    ]
    dataset = load("a.csv", "name,smiles\n" + "\n".join(rows), max_atoms=5)
    assert molecules(dataset) == ["CCO", "C"]
    assert dataset.dropped == {
        "empty cell": 3,
        "missing value": 1,
        "duplicate": 1,
        "does not parse": 1,
        "more than 5 atoms": 1,
        "radical or unusual valence": 1,
        "no element: *": 1,
    }
    assert drops(tmp_path) == [
        ["row", "smiles", "reason"],
        ["3", "", "empty cell"],
        ["4", "nan", "missing value"],
        ["5", "CCO", "duplicate"],
        ["6", "", "empty cell"],
        ["7", "C1CC", "does not parse"],
        ["8", "", "empty cell"],
        ["9", "CCCCCC", "more than 5 atoms"],
        ["10", "[CH3]", "radical or unusual valence"],
        ["11", "*C", "no element: *"],
    ]


def test_without_a_limit_molecules_of_more_than_256_atoms_are_left_out(load: Load) -> None:
    content = "\n".join("C" * n for n in (255, 256, 257, 3_000))
    dataset = load("a.smi", content)
    assert dataset.packed.sizes.tolist() == [255, 256]
    assert dataset.dropped == {"more than 256 atoms": 2}


def test_a_limit_of_the_users_own_may_be_larger(load: Load) -> None:
    dataset = load("a.smi", "\n".join("C" * n for n in (1, 300, 301)), max_atoms=300)
    assert dataset.max_atoms == 300
    assert dataset.dropped == {"more than 300 atoms": 1}


def test_a_text_that_would_break_the_parser_is_left_out_unread(load: Load, tmp_path: Path) -> None:
    dataset = load("a.smi", "CCO\n" + "C" * 33_000 + "\nC\n", max_atoms=100_000)
    assert molecules(dataset) == ["CCO", "C"]
    assert [(row, why) for row, _, why in drops(tmp_path)[1:]] == [
        ("2", "text of more than 10,000 characters")
    ]


def ions(count: int) -> list[str]:
    """SMILES of ions of the heaviest elements, each of an atom class of its own."""
    table = Chem.GetPeriodicTable()
    charges = [-2, *range(2, 10)]
    return [
        f"[{table.GetElementSymbol(number)}{charge:+d}]"
        for number in range(104, 119)
        for charge in charges
    ][:count]


@pytest.mark.parametrize("between", [0, 100])
def test_more_atom_classes_than_fit_are_one_clear_line(
    load: Load, tmp_path: Path, between: int
) -> None:
    rows = [*ions(127), "C"]
    with pytest.raises(InputError) as caught:
        load("a.smi", ("\n" + "C1\n" * between).join(rows))
    assert str(caught.value) == (
        f"{tmp_path / 'a.smi'}: 128 atom classes (element and charge) or more, where 127 is the "
        "limit; dataset.vocabulary=stripped has none for charges"
    )
    assert not (tmp_path / "cache").exists()


def test_as_many_atom_classes_as_fit_are_all_told_apart(load: Load) -> None:
    packed = load("a.smi", "\n".join(ions(127))).packed
    assert packed.atoms.dtype == np.int8
    assert [f"[{packed.vocabulary.atoms[a]}]" for a in packed.atoms] == packed.smiles
    assert len(packed.vocabulary.atoms) == 127


def test_stripped_charges_leave_few_classes(load: Load) -> None:
    dataset = load("a.smi", "\n".join(ions(135)), vocabulary="stripped")
    assert len(dataset.vocabulary.atoms) == 15


def test_only_atoms_of_usable_molecules_count_as_classes(load: Load) -> None:
    radicals = [f"[CH3].{ion}" for ion in ions(135)]
    dataset = load("a.smi", "\n".join(["CO", *radicals]))
    assert dataset.vocabulary.atoms == ("C", "O")


def test_a_test_molecule_is_never_a_training_molecule(load: Load) -> None:
    rows = ["C" * n for n in range(1, 41)] + ["C(" + "C" * n + ")" for n in range(1, 40)]
    dataset = load("a.smi", "\n".join(rows))
    assert dataset.dropped == {"duplicate": 39}
    parts = [set(dataset.smiles(name)) for name in ("train", "valid", "test")]
    assert [len(part) for part in parts] == [32, 4, 4]
    assert len(set.union(*parts)) == 40


def test_the_split_follows_seed_and_fractions() -> None:
    parts = smiles_file.split_indices(10, (0.5, 0.3, 0.2), seed=0)
    assert [len(parts[name]) for name in ("train", "valid", "test")] == [5, 3, 2]
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(10))
    again = smiles_file.split_indices(10, (0.5, 0.3, 0.2), seed=0)
    other = smiles_file.split_indices(10, (0.5, 0.3, 0.2), seed=1)
    assert parts["train"].tolist() == again["train"].tolist() != other["train"].tolist()


def test_a_single_molecule_is_a_training_molecule(load: Load) -> None:
    parts = load("a.smi", "CCO\n").splits
    assert [len(parts[name]) for name in ("train", "valid", "test")] == [1, 0, 0]


def test_more_rows_than_one_process_takes_keep_their_order(load: Load, tmp_path: Path) -> None:
    lengths = islice(product(range(1, 9), repeat=4), 3_600)
    rows = ["C" * c + "N" * n + "O" * o + "S" * s for c, n, o, s in lengths]
    rows[3_000] = "C1"
    dataset = load("a.smi", "\n".join(rows))
    parsed = [canonical_smiles(read_smiles(row)) for i, row in enumerate(rows) if i != 3_000]
    assert molecules(dataset) == parsed
    assert drops(tmp_path)[1:] == [["3001", "C1", "does not parse"]]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            "name,mol\nx,C\n",
            "no column 'smiles' or 'canonical_smiles'; row 1 names 'name',",
        ),
        ("a.csv", "smiles,x,smiles\nC,1,C\n", "2 columns could be meant, 'smiles', 'smiles'"),
        ("a.csv", "", "no column 'smiles' or 'canonical_smiles'; row 1 names none"),
        ("a.csv", "smiles\n", "no usable molecule: it has no rows"),
        ("a.smi", "", "no usable molecule: it has no rows"),
        (
            "a.csv",
            "smiles\nC1\nC1\n",
            "no usable molecule in 2 rows: does not parse (2); the first",
        ),
        ("a.smi", b"C\xff\n", "no usable molecule in 1 rows: not UTF-8 text (1); the first"),
        ("a.csv", "smiles\nCCO\n".encode("utf-16"), "no column 'smiles' or 'canonical_smiles'"),
        ("a.csv.gz", b"smiles\nC\n", "cannot read"),
        ("a.csv.gz", gzip.compress(b"smiles\n" + b"C\n" * 99, mtime=0)[:-9], "cannot read"),
        ("a.xlsx", "smiles\nC\n", "one of .csv, .tsv, .txt, .smi, .sdf (.gz may follow)"),
        ("a.gz", "smiles\nC\n", "one of .csv, .tsv, .txt, .smi, .sdf (.gz may follow)"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line_and_leaves_nothing(
    load: Load, tmp_path: Path, name: str, content: bytes | str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(name, content)
    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_rows_that_cannot_be_read_are_left_out_alone(load: Load, tmp_path: Path) -> None:
    dataset = load("a.csv", b'name,smiles\ncaf\xe9,CCO\nx,C\xff\n"open,N\nx,CC\n')
    assert molecules(dataset) == ["CCO", "CC"]
    assert drops(tmp_path)[1:] == [
        ["3", "C\\udcff", "not UTF-8 text"],
        ["4", '"open,N', "no row of a table: unexpected end of data"],
    ]


def test_records_of_an_sdf_are_molecules(load: Load, tmp_path: Path) -> None:
    blocks = [Chem.MolToMolBlock(Chem.AddHs(Chem.MolFromSmiles(s))) for s in ("CCO", "C[NH3+]")]
    dataset = load("a.sdf", "$$$$\n".join([*blocks, "broken\n\n\n  x\n"]))
    assert molecules(dataset) == ["CCO", "C[NH3+]"]
    assert drops(tmp_path)[1:] == [["3", "broken x", "does not parse"]]


def test_a_column_says_which_split_a_molecule_is_of(load: Load) -> None:
    rows = "C,train\nCC,Val\nN,TEST\nO,training\nCCC,validation\nC1,x\n"
    dataset = load("a.csv", f"smiles,set\n{rows}", split_column="set")
    parts = {name: dataset.smiles(name) for name in ("train", "valid", "test")}
    assert parts == {"train": ["C", "O"], "valid": ["CC", "CCC"], "test": ["N"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("smiles,set\nC,train\nN,held\n", "row 3: set='held': one of train, val, test"),
        ("smiles,set\nC,\n", "row 2: set='': one of train, val, test"),
        ("smiles,set\nC,test\n", "no usable molecule with set=train"),
        ("smiles,sets\nC,test\n", "no column 'set'; row 1 names 'smiles', 'sets'"),
    ],
)
def test_a_column_that_names_no_split_is_one_clear_line(
    load: Load, content: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load("a.csv", content, split_column="set")
    assert message in str(caught.value)


def test_a_missing_file_a_folder_and_no_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"dataset.path='.*none\.csv': no such file"):
        smiles_file.load(tmp_path / "none.csv", tmp_path / "cache")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match=r"dataset.path='.*folder\.csv': a folder, where a file"):
        smiles_file.load(tmp_path / "folder.csv", tmp_path / "cache")
    with pytest.raises(InputError, match=r"dataset.path is not given"):
        smiles_file.load(None, tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named(load: Load, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(InputError, match="cannot write"):
        load("a.smi", "C\n")


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.5, 0.6, 0.1), (0, 0.5, 0.5), (1.5, -1, 0.5)])
def test_fractions_that_are_no_split_are_refused(load: Load, fractions: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="fractions"):
        load("a.smi", "C\n", fractions=fractions)


def test_an_unknown_vocabulary_is_answered_with_the_choices(load: Load) -> None:
    with pytest.raises(InputError, match=r"dataset.vocabulary='x': one of charged, stripped"):
        load("a.smi", "C\n", vocabulary="x")


def prepared(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").glob("*/packed.npz"))


def test_a_second_load_reads_the_cache(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load("a.smi", "C\nCC\nC1\n")
    monkeypatch.setattr(smiles_file, "read", lambda *_: pytest.fail("read again"))
    again = load("a.smi", "C\nCC\nC1\n")
    assert molecules(again) == molecules(first)
    assert again.dropped == {"does not parse": 1}


def test_molecules_that_tell_stereochemistry_are_counted(load: Load) -> None:
    assert load("a.smi", "C[C@H](N)O\nF/C=C/F\nC[C@\nCCO\n").stereo == 2
    block = Chem.MolToMolBlock(Chem.MolFromSmiles("C[C@H](N)C(=O)O"))
    plain = Chem.MolToMolBlock(Chem.MolFromSmiles("CC(N)C(=O)O"))
    assert load("a.sdf", f"{block}$$$$\n{plain}$$$$\n").stereo == 1


TABLE = b"name,smiles\nethanol,CCO\nmethane,C\n"


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("renamed.csv", TABLE, {}),
        ("a.txt", TABLE, {}),
        ("a.csv", TABLE, {"smiles_column": "smiles"}),
        ("a.csv", TABLE, {"smiles_column": "SMILES"}),
        ("a.csv.gz", gzip.compress(TABLE, mtime=1), {}),
        ("a.csv.gz", gzip.compress(TABLE, 1, mtime=2), {}),
    ],
)
def test_the_same_molecules_are_prepared_once_whatever_their_file_is_called(
    load: Load, tmp_path: Path, name: str, content: bytes, options: dict[str, str]
) -> None:
    load("a.csv", TABLE)
    assert molecules(load(name, content, **options)) == ["CCO", "C"]
    assert len(prepared(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.csv", TABLE + b"propane,CCC\n", {}),
        ("a.csv", b"smiles,name\nCCO,C\nC,C\n", {"smiles_column": "name"}),
        ("a.csv", TABLE, {"max_atoms": 2}),
        ("a.csv", TABLE, {"vocabulary": "stripped"}),
        ("a.smi", b"CCO\nC\n", {}),
    ],
)
def test_what_decides_the_molecules_has_a_folder_of_its_own(
    load: Load, tmp_path: Path, name: str, content: bytes, options: dict[str, object]
) -> None:
    load("a.csv", TABLE)
    load(name, content, **options)
    assert len(prepared(tmp_path)) == 2


def test_a_damaged_cache_is_made_anew(load: Load, tmp_path: Path) -> None:
    load("a.smi", "C\nCC\n")
    (path,) = prepared(tmp_path)
    sound = path.read_bytes()
    path.write_bytes(sound[:-100])
    assert molecules(load("a.smi", "C\nCC\n")) == ["C", "CC"]
    assert path.stat().st_size == len(sound)


def test_changed_content_or_options_are_prepared_apart(load: Load, tmp_path: Path) -> None:
    load("a.smi", "C\nCC\n")
    assert molecules(load("a.smi", "C\nCCC\n")) == ["C", "CCC"]
    assert molecules(load("a.smi", "C\nCCC\n", max_atoms=2)) == ["C"]
    assert len(prepared(tmp_path)) == 3
