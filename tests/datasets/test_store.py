"""The packed store keeps molecules as they are, and notices when its file does not."""

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from molflow.chem.molecule import Vocabulary
from molflow.datasets.growing import Growing
from molflow.datasets.packing import Recipe, pack
from molflow.datasets.store import Packed, cache_folder, obstacle_in
from molflow.errors import InputError

RECIPE = Recipe("smiles", charged=True, max_atoms=None, distinct=False)
SMILES = ["C", "C[N+](=O)[O-]", "N#CO", "c1cc[nH]c1"]


def packed_of(smiles: list[str], recipe: Recipe = RECIPE) -> Packed:
    return pack("test", list(enumerate(smiles, start=1)), recipe)[0]


def assert_equal(left: Packed, right: Packed) -> None:
    assert left.vocabulary == right.vocabulary
    for name in ("sizes", "atoms", "pairs", "ids"):
        a, b = getattr(left, name), getattr(right, name)
        assert a.dtype == b.dtype
        assert a.tolist() == b.tolist()
    assert (left.smiles, left.dropped) == (right.smiles, right.dropped)


def test_classes_follow_the_canonical_smiles_atom_by_atom() -> None:
    packed = packed_of(["OC#N"])
    assert packed.smiles == ["N#CO"]
    assert [packed.vocabulary.atoms[a] for a in packed.graph(0).atoms] == ["N", "C", "O"]
    # Pairs (0,1), (0,2), (1,2).
    assert packed.graph(0).pairs.tolist() == [3, 0, 1]


def test_a_saved_store_loads_as_it_was(tmp_path: Path) -> None:
    packed = packed_of([*SMILES, "not a molecule"])
    assert packed.dropped == {"does not parse": 1}
    packed.save(tmp_path / "packed.npz")
    assert_equal(Packed.load(tmp_path / "packed.npz"), packed)


def test_sizes_and_arrays_are_small_integers() -> None:
    packed = packed_of(SMILES)
    kinds = [packed.sizes.dtype, packed.atoms.dtype, packed.pairs.dtype]
    assert kinds == [np.int16, np.int8, np.int8]
    assert packed.sizes.tolist() == [1, 4, 3, 5]
    assert packed.max_atoms == 5


def test_taking_molecules_reorders_all_of_their_parts() -> None:
    packed = packed_of(SMILES)
    taken = packed.take(np.array([3, 1]))
    assert taken.smiles == [packed.smiles[3], packed.smiles[1]]
    assert taken.ids.tolist() == [4, 2]
    for new, old in enumerate([3, 1]):
        assert taken.graph(new).atoms.tolist() == packed.graph(old).atoms.tolist()
        assert taken.graph(new).pairs.tolist() == packed.graph(old).pairs.tolist()


def grown(*parts: Packed) -> Packed:
    growing = Growing(charged=True)
    for part in parts:
        growing.add(part)
    return growing.packed()


def test_joined_parts_share_one_vocabulary() -> None:
    joined = grown(packed_of(["CF"]), packed_of(["O=C=O", "N"]))
    assert joined.vocabulary.atoms == ("C", "N", "O", "F")
    assert joined.atoms.tolist() == [0, 3, 2, 0, 2, 1]
    assert joined.smiles == ["CF", "O=C=O", "N"]


def test_joining_keeps_only_the_names_that_occur() -> None:
    part = packed_of(["CF", "N"]).take(np.array([1]))
    assert grown(part).vocabulary == Vocabulary(("N",))


def test_parts_without_molecules_leave_no_trace() -> None:
    nothing = packed_of(["CF"]).take(np.array([], np.int64))
    joined = grown(nothing, packed_of(["N"]), nothing, packed_of(["CO"]), nothing)
    assert joined.smiles == ["N", "CO"]
    assert joined.sizes.tolist() == [1, 2]
    assert joined.vocabulary.atoms == ("C", "N", "O")


def test_more_atom_classes_than_fit_are_refused_before_anything_is_added() -> None:
    table = Chem.GetPeriodicTable()
    heavy = [table.GetElementSymbol(number) for number in range(104, 119)]  # 15 elements
    first = [f"[{symbol}+{charge}]" for symbol in heavy for charge in range(2, 10)]  # 120 ions
    growing = Growing(charged=True)
    growing.add(packed_of(first))
    with pytest.raises(ValueError, match="128 atom classes, at most 127 fit"):
        growing.add(packed_of([f"[{symbol}-2]" for symbol in heavy[:8]]))
    growing.add(packed_of([f"[{symbol}-2]" for symbol in heavy[:7]]))
    assert len(growing.packed().vocabulary.atoms) == len(growing) == 127


def test_the_molecules_asked_for_are_decoded_in_their_order() -> None:
    packed = packed_of(["C", "CC", "CCO"])
    assert packed.smiles_at(np.array([2, 0, 2])) == ["CCO", "C", "CCO"]
    assert packed.smiles_at(np.array([], np.int64)) == []
    assert "smiles" not in vars(packed)  # The others were not.


def test_the_order_of_molecules_does_not_depend_on_the_number_of_chunks() -> None:
    smiles = ["C" * (1 + i % 9) for i in range(3_500)]
    packed = packed_of(smiles)
    assert packed.smiles == smiles
    assert packed.ids.tolist() == list(range(1, 3_501))


@pytest.mark.parametrize("length", [0, 10, 500, -30])
def test_a_truncated_file_is_a_value_error(tmp_path: Path, length: int) -> None:
    path = tmp_path / "packed.npz"
    packed_of(SMILES).save(path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match="not a packed data set"):
        Packed.load(path)


def test_a_changed_byte_among_the_classes_is_a_value_error(tmp_path: Path) -> None:
    path = tmp_path / "packed.npz"
    packed = packed_of(SMILES)
    packed.save(path)
    content = path.read_bytes()
    assert content.count(packed.pairs.tobytes()) == 1
    path.write_bytes(content.replace(packed.pairs.tobytes(), bytes(len(packed.pairs))))
    with pytest.raises(ValueError, match="not a packed data set"):
        Packed.load(path)


def test_pickled_content_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "packed.npz", header=np.array([{"format": 1}], dtype=object))
    with pytest.raises(ValueError, match="not a packed data set"):
        Packed.load(tmp_path / "packed.npz")


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    packed = packed_of(["CC"])
    with pytest.raises(ValueError, match="belong"):
        Packed(packed.vocabulary, packed.sizes, packed.atoms[:1], packed.pairs, packed.ids, b"", {})


def test_the_cache_folder_is_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("MOLFLOW_CACHE")
    assert cache_folder() == Path.home() / ".cache" / "molflow"


def test_nothing_usable_is_an_input_error_that_says_why() -> None:
    with pytest.raises(InputError) as caught:
        packed_of(["", "C1", "C1"])
    assert str(caught.value) == (
        "test: no usable molecule in 3 rows: does not parse (2), empty cell (1); "
        "the first is row 1: ''"
    )


def test_no_rows_at_all_is_an_input_error() -> None:
    with pytest.raises(InputError, match="test: no usable molecule: it has no rows"):
        packed_of([])


def test_charges_are_stripped_on_demand() -> None:
    packed = packed_of(["C[N+](=O)[O-]"], Recipe("smiles", False, None, False))
    assert packed.vocabulary == Vocabulary(("C", "N", "O"), charged=False)
    assert packed.smiles == ["C[N+](=O)[O-]"]


def test_a_cache_that_cannot_be_written_is_replaced_and_named_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MOLFLOW_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("molflow.datasets.store.gettempdir", lambda: str(tmp_path / "other"))
    assert cache_folder() == cache_folder()
    assert cache_folder().parent == tmp_path / "other"
    said = capsys.readouterr().err
    assert said.count("MOLFLOW_CACHE=<folder> names another place") == 1
    assert f"{tmp_path / 'file'} is no folder" in said


def test_a_folder_can_be_written_before_it_is_there(tmp_path):
    assert obstacle_in(tmp_path / "a" / "b") is None
    assert not (tmp_path / "a").exists()
