"""The leaderboard: what an entry may hold, how ours are read, the order, tables and picture."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from molflow.errors import InputError

pytest.importorskip("benchmarks.leaderboard", reason="the folder benchmarks is not here")

from benchmarks.leaderboard import curves
from benchmarks.leaderboard.__main__ import main
from benchmarks.leaderboard.entries import (
    About,
    Entry,
    Row,
    from_values,
    read_entries,
    read_entry,
)
from benchmarks.leaderboard.ours import read_generation, read_results
from benchmarks.leaderboard.panels import panels
from benchmarks.leaderboard.tables import lines_of, notes, section, table
from molflow.config.key import keys

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
PUBLISHED: dict[str, Any] = {
    "method": "Other",
    "dataset": "qm9",
    "split": "digress",
    "source": {
        "kind": "quoted",
        "paper": "A paper",
        "arxiv": "2401.00001",
        "where": "2402.00002, Table 3",
    },
    "protocol": {"validity": "valence-only", "n": 10000, "differences": "it corrects"},
    "rows": [{"nfe": 100, "valid": 90.0, "unique": 80.0, "fcd_all_test": 1.5}],
}


def published(*path: Any, value: Any, **changes: Any) -> dict[str, Any]:
    """PUBLISHED with the value at a path replaced."""
    values = deepcopy(PUBLISHED) | changes
    place: Any = values
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return values


def write(folder: Path, name: str, values: Any) -> Path:
    path = folder / f"leaderboard-{name}.json"
    path.write_text(json.dumps(values))
    return path


def mean(strict: float, plain: float, fcd: float | None, **more: float) -> dict[str, Any]:
    numbers = {"strict_valid": strict, "plain_valid": plain, "unique": 0.5, "vun": 0.125}
    return numbers | {"fcd_all_test": fcd, "fcd_unique_validation": fcd} | more


GENERATION: dict[str, Any] = {
    "config": {"name": "mine", "n": 2000},
    "model": {"dataset": {"name": "qm9", "split": "edm"}},
    "versions": {"molflow": "9.9"},
    "rows": [
        {"method": "training", "steps": 0, "mean": mean(1, 1, 0.25)},
        {"method": "flow_map", "steps": 1, "mean": mean(0.75, 0.875, 2.5, evaluations=1)},
        {"method": "flow_map", "steps": 4, "mean": mean(0.875, 0.9375, 1.25, evaluations=4)},
        {"method": "heun", "steps": 2, "mean": mean(0.5, 0.5, None, evaluations=3)},
    ],
}


def generation(folder: Path, name: str = "mine", **changes: Any) -> Path:
    path = folder / f"generation-{name}.json"
    path.write_text(json.dumps(GENERATION | changes))
    return path


def test_every_entry_that_is_shipped_keeps_the_schema_and_none_claims_to_be_computed() -> None:
    entries = read_entries(RESULTS)
    assert len(entries) == len(list(RESULTS.glob("leaderboard-*.json"))) > 20
    assert {entry.about.source.kind for entry in entries} == {"paper", "quoted"}


def test_every_shipped_file_is_named_by_its_data_set() -> None:
    for path in RESULTS.glob("leaderboard-*.json"):
        assert path.name.split("-")[1] == read_entry(path).about.dataset


def test_the_published_schema_lists_every_key_and_no_other() -> None:
    text = (RESULTS / "SCHEMA.md").read_text()
    listed = re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)
    assert listed == [*keys(About), "rows", *(f"rows[].{name}" for name in keys(Row))]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "[]: named values are needed"),
        (published("method", value=""), "method: needs a value, its name in the table"),
        (published("methd", value=1), "unknown key 'methd': did you mean method"),
        (published("dataset", value="qm8"), "dataset='qm8': one of qm9, zinc250k"),
        (published("source", "kind", value="mine"), "source.kind='mine': one of computed, paper"),
        (published("source", "arxiv", value="cs/01"), "source.arxiv='cs/01': such as 2410.04263"),
        (published("source", value={}), "source.kind='': one of computed, paper, quoted"),
        (published("source", value="here"), "source='here': named values are needed"),
        (published("protocol", value={}), "protocol.validity='': one of strict, plain"),
        (published("protocol", "n", value=0), "protocol.n=0: must be at least 1"),
        (published("rows", value=[]), "rows=[]: a list of at least one row is needed"),
        (published("rows", value={"nfe": 1}), "rows={'nfe': 1}: a list of at least one row"),
        (published("rows", 0, "valid", value=101), "rows[0]: valid=101.0: must be at least 0 and"),
        (published("rows", 0, "valid", value="90"), "rows[0]: valid='90': a number or null"),
        (published("rows", 0, "fcd", value=1), "rows[0]: unknown key 'fcd'"),
        (published("rows", 0, value={"nfe": 3}), "rows[0]: no figure: at least one of valid"),
        (published("rows", 0, "nfe", value=0), "rows[0]: nfe=0: must be at least 1"),
        (
            published("rows", value=[{"nfe": 1, "valid": 2}, {"nfe": 1, "valid": 3}]),
            "rows[1]: nfe=1: comes twice",
        ),
        (
            published("protocol", "validity", value="none"),
            "rows[0]: valid=90.0: protocol.validity is 'none'",
        ),
        (
            published("rows", 0, value={"nfe": 1, "perplexity": 2.05}),
            "rows[0]: perplexity=2.05: says nothing without entropy",
        ),
    ],
)
def test_a_broken_entry_is_one_line_with_file_and_key(
    tmp_path: Path, values: Any, message: str
) -> None:
    path = write(tmp_path, "qm9-other", values)
    with pytest.raises(InputError) as error:
        read_entry(path)
    text = str(error.value)
    assert text.startswith(f"leaderboard-qm9-other.json: {message}")
    assert "\n" not in text


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "leaderboard-qm9-x.json").write_text('{"method": ')
    with pytest.raises(InputError, match=r"^leaderboard-qm9-x\.json: no JSON: "):
        read_entries(tmp_path)


def test_a_method_has_one_file_for_each_data_set(tmp_path: Path) -> None:
    write(tmp_path, "qm9-a", PUBLISHED)
    write(tmp_path, "zinc250k-a", published("dataset", value="zinc250k"))
    assert len(read_entries(tmp_path)) == 2
    write(tmp_path, "qm9-b", PUBLISHED)
    with pytest.raises(InputError, match=r"qm9-b\.json: method='Other' on qm9 is in another file"):
        read_entries(tmp_path)


def test_an_entry_written_and_read_again_is_the_same() -> None:
    entry = from_values(PUBLISHED)
    assert from_values(json.loads(json.dumps(entry.to_plain()))) == entry


def test_one_step_that_renews_noise_is_told_once(tmp_path: Path) -> None:
    renoised = [
        {"method": "renoised", "steps": k, "mean": mean(0.5, 0.5, None, evaluations=k)}
        for k in (1, 2)
    ]
    alone = generation(tmp_path, "alone", rows=renoised)
    assert [row.nfe for row in read_generation(alone)[0].rows] == [1, 2]
    beside = generation(tmp_path, "beside", rows=[*GENERATION["rows"], *renoised])
    assert [row.nfe for row in read_generation(beside)[-1].rows] == [2]


def test_ours_are_read_from_the_benchmark_as_percent_by_evaluations(tmp_path: Path) -> None:
    training, jumps, heun = read_generation(generation(tmp_path))
    assert jumps.about.method == "molflow mine, flow map"
    assert (jumps.about.split, jumps.about.protocol.n) == ("edm", 2000)
    assert (jumps.about.protocol.validity, jumps.about.source.kind) == ("plain", "computed")
    expected = {"unique": 50, "vun": 12.5}
    assert jumps.rows == (
        Row(1, 87.5, 75, fcd_all_test=2.5, fcd_unique_validation=2.5, **expected),
        Row(4, 93.75, 87.5, fcd_all_test=1.25, fcd_unique_validation=1.25, **expected),
    )
    assert training.rows[0].nfe is None  # no network made them
    assert (heun.rows[0].nfe, heun.rows[0].fcd_all_test) == (3, None)  # 2 steps, 3 evaluations


def test_unusual_walks_are_named(tmp_path: Path) -> None:
    config = GENERATION["config"] | {"noise_scale": "0.75", "times": "0.2:0.7"}
    names = [e.about.method for e in read_generation(generation(tmp_path, config=config))]
    assert names[0] == "training molecules, none twice"
    assert names[1] == "molflow mine, flow map, noise scaled by 0.75, stops 0.2:0.7"
    named = config | {"name": "mine-0.75"}
    assert [e.about.method for e in read_generation(generation(tmp_path, config=named))] == names
    pairs = GENERATION["config"] | {"name": "mine-pairs=0.75", "noise_scale": "pairs=0.75"}
    names = [e.about.method for e in read_generation(generation(tmp_path, config=pairs))]
    assert names[1] == "molflow mine, flow map, noise of pairs scaled by 0.75"
    both = pairs | {"noise_scale": "pairs=0.75,atoms=1.1"}
    names = [e.about.method for e in read_generation(generation(tmp_path, config=both))]
    assert names[1].endswith("noise of pairs scaled by 0.75, noise of atoms scaled by 1.1")
    usual = GENERATION["config"] | {"noise_scale": "1.0", "times": ""}
    names = [e.about.method for e in read_generation(generation(tmp_path, config=usual))]
    assert names[1] == "molflow mine, flow map"


def test_the_shipped_results_of_the_benchmark_are_read() -> None:
    result = json.loads((RESULTS / "generation-qm9.json").read_text())
    row = next(r for r in result["rows"] if (r["method"], r["steps"]) == ("flow_map", 1))
    entry = next(e for e in read_results(RESULTS) if e.about.method == "molflow qm9, flow map")
    assert entry.rows[0].strict == 100 * row["mean"]["strict_valid"]


def test_anchors_of_two_models_on_one_data_set_count_once(tmp_path: Path) -> None:
    generation(tmp_path)
    generation(tmp_path, "other", config={"name": "other", "n": 2000})
    names = [entry.about.method for entry in read_results(tmp_path)]
    assert names.count("training molecules, none twice") == 1
    assert "molflow other, flow map" in names


def test_a_model_of_smiles_stands_beside_those_of_graphs() -> None:
    methods = {"molflow qm9, flow map", "molflow qm9_smiles, Euler steps"}
    shipped = {e.about.method: e.about.dataset for e in read_results(RESULTS)}
    assert {shipped[method] for method in methods} == {"qm9"}


def test_molecules_of_a_users_own_file_are_on_no_leaderboard(tmp_path: Path) -> None:
    own = {"dataset": {"name": "smiles_file", "split": "random"}}
    assert read_generation(generation(tmp_path, model=own)) == []


def test_a_result_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "generation-x.json").write_text('{"rows": []}')
    with pytest.raises(InputError, match=r"^generation-x\.json: no result of benchmarks"):
        read_results(tmp_path)


def entry(method: str, *rows: dict[str, Any], kind: str = "paper") -> Entry:
    values = published("source", "kind", value=kind, method=method, rows=list(rows))
    return from_values(values)


def test_rows_go_by_evaluations_then_distance_then_validity() -> None:
    entries = [
        entry("late", {"nfe": 50, "fcd_all_test": 0.1}),
        entry("far", {"nfe": 1, "fcd_all_test": 2.0, "valid": 99.0}),
        entry("unknown, worse", {"nfe": 1, "valid": 97.0}),
        entry("unknown, better", {"nfe": 1, "valid": 98.0}),
        entry("near", {"nfe": 1, "fcd_unique_validation": 1.0}),
        entry("data", {"nfe": None, "valid": 100.0}),
    ]
    order = [about.method for about, _ in lines_of(entries, "qm9")]
    assert order == ["data", "near", "far", "unknown, better", "unknown, worse", "late"]


def test_a_table_names_the_definition_and_keeps_published_digits() -> None:
    ours = entry("ours", {"nfe": 1, "valid": 100 / 3, "unique": 50.0}, kind="computed")
    head, _, first, second = table(lines_of([from_values(PUBLISHED), ours], "qm9"))
    assert head == (
        "| method | NFE | valid (%) | definition | unique (%) | FCD, all against test | source |"
    )
    assert first == "| **ours** | 1 | 33.33 | valence-only | 50 | – | computed " + (
        "[2401.00001](https://arxiv.org/abs/2401.00001) |"
    )
    assert second.startswith("| Other | 100 | 90.0 | valence-only | 80.0 | 1.5 | quoted [2401")


def test_notes_say_source_and_difference_of_all_but_ours() -> None:
    ours = entry("ours", {"nfe": 1, "valid": 1.0}, kind="computed")
    assert notes([from_values(PUBLISHED), ours], "qm9") == [
        "- Other (quoted, 2402.00002, Table 3): 10,000 molecules; split digress; stereo "
        "unstated; it corrects."
    ]


def test_a_data_set_without_entries_has_no_table() -> None:
    text = section([from_values(PUBLISHED)], "a.png")
    assert re.findall("^### .*", text, re.MULTILINE) == ["### QM9, without hydrogens"]
    assert "- valence-only: RDKit's valence test alone" in text
    assert "- strict:" not in text


def test_the_picture_shows_the_invalid_share_and_leaves_out_what_has_no_place() -> None:
    ours = entry(
        "ours",
        {"nfe": 2, "valid": 98.0, "fcd_unique_validation": 0.5},
        {"nfe": 1, "valid": 100.0, "fcd_all_test": None},
        kind="computed",
    )
    other = entry(
        "other",
        {"nfe": None, "valid": 99.0},
        *({"nfe": n, "valid": v} for n, v in ((5, 99.5), (6, 100.0))),
    )
    validity, distance = panels([ours, other], "qm9")
    assert [(c.x, c.y) for c in validity.curves] == [((2,), (2.0,))]
    assert [(m.x, m.y, m.kind) for m in validity.marks] == [(5, 0.5, "valence-only")]
    assert (distance.curves, distance.marks) == ([], [])


def test_the_picture_has_a_curve_for_each_of_our_methods_however_many() -> None:
    ours = [entry(f"ours {k}", {"nfe": 1, "valid": 90.0}, kind="computed") for k in range(10)]
    validity, _ = panels(ours, "qm9")
    assert len(validity.curves) == 10
    assert len({curve.colour for curve in validity.curves[:8]}) == 8
    assert len({(curve.colour, curve.line) for curve in validity.curves}) == 10


def test_names_of_points_cover_neither_each_other_nor_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.text import Text

    drawn: list[Any] = []
    name = curves._name

    def kept(axes: Any, panel: Any, renderer: Any) -> None:
        name(axes, panel, renderer)
        boxes = [Text.get_window_extent(text, renderer) for text in axes.texts]
        drawn.append((len(panel.marks), boxes + curves._covered(axes, panel)))

    monkeypatch.setattr(curves, "_name", kept)
    crowd = [
        entry(f"method {i}", {"nfe": 10, "valid": 90 + 0.1 * i, "fcd_all_test": 1 + 0.01 * i})
        for i in range(6)
    ]
    curves.draw(crowd, tmp_path / "a.png")
    assert [count for count, _ in drawn] == [6, 6]
    for count, boxes in drawn:
        for i, box in enumerate(boxes[:count]):
            assert not any(box.overlaps(other) for j, other in enumerate(boxes) if j != i)


@pytest.fixture
def render(tmp_path: Path) -> Callable[..., str]:
    """Renders the folder's files into README.md beside it; its text."""
    folder = tmp_path / "results"
    folder.mkdir()
    write(folder, "qm9-other", PUBLISHED)
    generation(folder)

    def run(*words: str) -> str:
        main([*words, f"results={folder}", f"readme={tmp_path / 'README.md'}"])
        return (tmp_path / "README.md").read_text()

    return run


def test_rendering_writes_section_and_picture_and_again_the_same(
    render: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "README.md").write_text("# Mine\n\nbefore\n")
    first = render()
    assert first.startswith("# Mine\n\nbefore\n\n## Leaderboard\n")
    assert "](results/leaderboard.png)" in first
    with Image.open(tmp_path / "results" / "leaderboard.png") as picture:
        assert picture.width > 1000
    (tmp_path / "README.md").write_text(first + "\nafter\n")
    assert render("render") == first + "\nafter\n"


def test_a_broken_file_stops_the_rendering_before_anything_is_written(
    render: Callable[..., str], tmp_path: Path
) -> None:
    write(tmp_path / "results", "qm9-bad", published("dataset", value="x"))
    with pytest.raises(InputError, match=r"^leaderboard-qm9-bad\.json: dataset='x'"):
        render()
    assert not (tmp_path / "README.md").exists()
    assert not (tmp_path / "results" / "leaderboard.png").exists()


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no leaderboard-\*\.json and no generation-\*\.json"):
        main([f"results={tmp_path}", f"readme={tmp_path / 'README.md'}"])


def test_help_lists_the_keys_without_loading_matplotlib() -> None:
    code = (
        "import sys\nfrom benchmarks.leaderboard.__main__ import main\nmain(['--help'])\n"
        "assert not {'torch', 'rdkit', 'numpy', 'matplotlib'} & set(sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert "readme=" in done.stdout
