"""Every row of a file is an attempt: what is broken has failed alone, and the reading goes on."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from rdkit import Chem

from molflow.chem.smiles import RECORD
from molflow.datasets.columns import Columns
from molflow.datasets.molecule_file import LONGEST_LINE, QUOTED_LINES, read, shortened
from molflow.errors import InputError
from molflow.evaluation.samples_file import Failure, collect, judged

Read = Callable[..., tuple[list[str | None], list[tuple[int, str, str]]]]


@pytest.fixture
def attempts(tmp_path: Path) -> Read:
    """The SMILES of every attempt of a file of that content, and the failures."""

    def attempts(name: str, content: bytes | str, **options: object):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        failures: list[Failure] = []
        found = collect(judged(path, **options), failures.append)
        rows = [(one.row, one.text, one.reason) for one in failures]
        return [one.smiles for one in found.checked], rows

    return attempts


def record(smiles: str) -> str:
    return Chem.MolToMolBlock(Chem.MolFromSmiles(smiles))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "name,smiles\nethanol,CCO\nmethane,C\n"),
        ("a.CSV", '"smiles"\r\n"CCO"\r\nC\r\n'),
        ("a.tsv", "smiles\tname\nCCO\tethanol, pure\nC\tmethane\n"),
        ("a.smi", "CCO ethanol\nC\n"),
        ("a.smi", "SMILES name\nCCO ethanol\nC methane"),
        ("a.csv", b"\xef\xbb\xbfsmiles,name\nCCO,ethanol\nC,methane\n"),
        ("a.csv", 'note,smiles\n"on two\nlines",CCO\n,C\n'),
        ("a.csv.gz", gzip.compress(b"smiles\nCCO\nC\n", mtime=0)),
        ("a.csv", "name;smiles\nethanol, pure;CCO\n;C\n"),
        ("a.csv", "name\tSMILES\nethanol, pure\tCCO\n\tC\n"),
        ("a.csv", "Name,Canonical_SMILES\n,CCO\n,C\n"),
        ("a.tsv", "Smiles,name\nCCO,x\nC,\n"),
        ("a.txt", "CCO ethanol\nC\n"),
        ("a.txt", "SMILES\nCCO\nC\n"),
        ("a.txt", "name;Smiles\nethanol;CCO\nx;C\n"),
        ("a.txt.gz", gzip.compress(b"id\tsmiles\n1\tCCO\n2\tC\n", mtime=0)),
        ("a.csv", b"smiles,caf\xe9\nCCO,\xe9\nC,x\0\n"),
        ("a.csv", b"caf\xe9,smiles\n\xe9,CCO\n\xff\xfe,C\n"),
        ("a.csv", 'smiles,name\nCCO,"open\nC,x\n'),
        ("a.csv", f"smiles,name\nCCO,{'x' * 1_000_000}\nC,\n"),
        ("a.smi", b"CCO \xe9\nC\n"),
        ("a.sdf", f"{record('CCO')}> <x>\n1\n\n$$$$\n{record('C')}"),
        ("a.sdf.gz", gzip.compress(f"{record('CCO')}$$$$\n{record('C')}$$$$\n".encode())),
    ],
)
def test_every_kind_of_file_is_read(attempts, name, content):
    assert attempts(name, content) == (["CCO", "C"], [])


def test_a_row_without_a_molecule_is_an_attempt_that_failed(attempts):
    smiles, failures = attempts("a.csv", "x,smiles\n1,CCO\n\n2,None\n3\n4,C1CC\n5,C\n")
    assert smiles == ["CCO", None, None, None, None, "C"]
    assert failures == [
        (3, "", "empty"),
        (4, "None", "missing value"),
        (5, "", "empty"),
        (6, "C1CC", "does not parse"),
    ]


def test_an_empty_line_of_an_smi_is_an_attempt_and_the_end_of_the_file_is_none(attempts):
    assert attempts("a.smi", "C\n\nN\n")[0] == ["C", None, "N"]


def test_the_name_of_an_empty_line_of_an_smi_is_no_smiles(attempts):
    smiles, failures = attempts("a.smi", "CCO first\n\tCO\n \tCO\n  CC  indented\n")
    assert smiles == ["CCO", None, None, "CC"]
    assert failures == [(2, "", "empty"), (3, "", "empty")]


def test_a_cell_of_smiles_that_is_not_utf_8_has_failed_and_the_next_is_read(attempts):
    smiles, failures = attempts("a.csv", b"smiles,name\nC\xe9,x\nN,x\n")
    assert smiles == [None, "N"]
    assert failures == [(2, "C\\udce9", "not UTF-8 text")]


def test_a_cell_of_smiles_behind_a_quote_that_does_not_close_has_failed(attempts):
    smiles, failures = attempts("a.csv", 'name,smiles\n"open,C\nx,N\n')
    assert smiles == [None, "N"]
    assert failures == [(2, '"open,C', "no row of a table: unexpected end of data")]


def test_a_name_that_is_asked_for_is_found_in_any_case_but_exactly_first(attempts):
    wanted = Columns("Structure")
    assert attempts("a.csv", "structure,smiles\nC,N\n", columns=wanted)[0] == ["C"]
    assert attempts("a.csv", "structure,Structure\nC,N\n", columns=wanted)[0] == ["N"]
    assert attempts("b.txt", "x;structure\nN;C\n", columns=wanted)[0] == ["C"]


def test_a_line_of_a_megabyte_has_failed_its_text_shortened_and_the_next_is_read(attempts):
    smiles, failures = attempts("a.csv", f"smiles\nC\n{'C' * 1_000_000}\nN\n")
    assert smiles == ["C", None, "N"]
    assert failures == [(3, "C" * 200 + "…", "line of more than 100,000 characters")]


def test_no_more_of_a_long_line_is_held_than_is_kept(tmp_path):
    (tmp_path / "a.smi").write_text("C" * (3 * LONGEST_LINE) + "\nN\n")
    rows = list(read(tmp_path / "a.smi"))
    assert [len(row.text) for row in rows] == [LONGEST_LINE, 1]


def test_a_line_that_just_fits_is_read(attempts):
    line = "C " + "x" * (LONGEST_LINE - 2)
    assert attempts("a.smi", f"{line}\nN\n") == (["C", "N"], [])


def test_a_quote_that_does_not_close_spoils_its_own_row_alone(attempts):
    rows = "\n".join(["C"] * (QUOTED_LINES + 5))
    smiles, failures = attempts("a.csv", f'smiles\nN\n"CC\n{rows}\n')
    assert smiles == ["N", None] + ["C"] * (QUOTED_LINES + 5)
    assert failures == [(3, '"CC', "no row of a table: unexpected end of data")]


def test_a_broken_record_of_an_sdf_has_failed_and_the_next_is_read(attempts):
    content = f"{record('C')}$$$$\nbroken\n\n\n  3  x\n$$$$\n$$$$\n{record('N')}$$$$\n"
    smiles, failures = attempts("a.sdf", content)
    assert smiles == ["C", None, None, "N"]
    assert failures == [(2, "broken 3 x", "does not parse"), (3, "", "empty")]


def test_a_record_that_never_ends_is_one_attempt_that_failed(attempts):
    smiles, failures = attempts("a.sdf", f"{record('C')}$$$$\n" + "x" * 60 * 20_000)
    assert smiles == ["C", None]
    assert failures[0][2] == "line of more than 100,000 characters"
    lines = "\n".join(["x" * 60] * 10_000)
    smiles, failures = attempts("a.sdf", f"{lines}\n$$$$\n{record('C')}")
    assert smiles == [None, "C"]
    assert failures[0][2] == "record of more than 200,000 characters"


def test_no_more_of_a_long_record_is_held_than_is_kept(tmp_path):
    (tmp_path / "a.sdf").write_text("\n".join(["x" * 60] * 10_000))
    (row,) = read(tmp_path / "a.sdf")
    assert len(row.text) <= RECORD


def test_a_title_in_another_encoding_does_not_spoil_a_record(attempts):
    content = b"caf\xe9" + record("C").encode() + b"> <x>\n\xe9\n\n$$$$\n"
    assert attempts("a.sdf", content) == (["C"], [])


def test_the_first_attempts_alone_are_read_where_asked(attempts):
    assert attempts("a.smi", "C\nN\nO\n", most=2)[0] == ["C", "N"]


def test_many_rows_keep_their_order(attempts):
    names = ["C" * (1 + i % 7) for i in range(3000)]
    assert attempts("a.smi", "\n".join(names))[0] == names


def test_equal_molecules_are_kept_once(tmp_path):
    (tmp_path / "a.smi").write_text("OCC\nCCO\nC(\nC(\n")
    found = collect(judged(tmp_path / "a.smi"), lambda failure: None)
    assert found.checked[0] is found.checked[1]
    assert found.checked[2] is found.checked[3]


def test_attempts_are_counted_in_every_sense_and_by_reason_whichever_atom(tmp_path):
    (tmp_path / "a.smi").write_text("CCO\nCN(C)(C)C\nN(C)(C)(C)C\nC(\n")
    found = collect(judged(tmp_path / "a.smi"), lambda failure: None)
    assert (found.relaxed, found.valence) == (3, 1)
    assert found.reasons == {"valence: N 4 > 3": 2, "does not parse": 1}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "smiles,smiles\nC,C\n", "2 columns could be meant, 'smiles', 'smiles': name one"),
        (
            "a.csv",
            "SMILES,x,canonical_smiles\nC,1,C\n",
            "2 columns could be meant, 'SMILES', 'canonical_smiles': name one",
        ),
        (
            "a.csv",
            "structure\nC\n",
            "no column 'smiles' or 'canonical_smiles'; row 1 names 'structure'",
        ),
        ("a.csv", "", "no column 'smiles' or 'canonical_smiles'; row 1 names none"),
        ("a.csv", b"smil\xe9s\nC\n", r"row 1 names 'smil\udce9s'"),
        ("a.csv", '"smiles\nC\n', "row 1, the header: no row of a table"),
        ("a.csv.gz", b"no gzip", "cannot read"),
        ("a.xlsx", "C\n", "one of .csv, .tsv, .txt, .smi, .sdf (.gz may follow)"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_is_one_line(attempts, name, content, message):
    with pytest.raises(InputError) as error:
        attempts(name, content)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"samples='.*a\.csv': no such file"):
        list(judged(tmp_path / "a.csv"))


def test_a_text_is_shown_on_one_line_with_nothing_that_moves_the_cursor():
    assert shortened("a\n b\t\x1b[2Jc\0") == "a b \\x1b[2Jc\\x00"
