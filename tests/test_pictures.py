"""Pictures: every molecule is drawn, the invalid ones too, and marked."""

import numpy as np
import pytest
import torch
from PIL import Image

from molflow.chem.molecule import Vocabulary, check_many, read_smiles, to_graph
from molflow.graph.graph import Graph
from molflow.graph.state import clean_state
from molflow.modality import Graphs
from molflow.model.checkpoint import ModelSpec
from molflow.pictures import CELL, GAP, TINTS, draw_molecules, draw_run, draw_trajectory, read_logs
from molflow.samples import Samples

VOCABULARY = Vocabulary(("C", "N", "O"))
WIDTH, HEIGHT = CELL[0] + GAP, CELL[1] + GAP
HEADER = 44

ETHANOL = to_graph(read_smiles("CCO"), VOCABULARY)
PIECES = Graph(np.array([0, 2]), np.array([0]))
FIVE_BONDS = Graph(np.array([0, 0, 0]), np.array([3, 2, 0]))
EMPTY = Graph(np.array([], int), np.array([], int))


def samples(*graphs: Graph) -> Samples:
    spec = ModelSpec(
        VOCABULARY, 9, (0.0,) * 9 + (1.0,), 8, 4, 1, 2, False, "cross_entropy", 0.5, {}
    )
    return Samples(list(graphs), check_many(graphs, VOCABULARY), spec, 1, 0.0, 0.0)


def drawn(path, *graphs: Graph, columns: int = 6) -> Image.Image:
    draw_molecules(samples(*graphs), path, columns)
    return Image.open(path).convert("RGB")


def corner(image: Image.Image, column: int, row: int = 0) -> str:
    """The background of a cell."""
    pixel = image.getpixel((column * WIDTH + 2, HEADER + row * HEIGHT + 2))
    return "#" + "".join(f"{value:02x}" for value in pixel)


def ink(image: Image.Image, column: int) -> int:
    """How many pixels of a cell's picture, legend left out, differ from its background."""
    left, top = column * WIDTH, HEADER
    cell = np.asarray(image.crop((left, top, left + CELL[0], top + CELL[1] - 40)), int)
    return int((np.abs(cell - cell[2, 2]).sum(-1) > 60).sum())


def test_a_grid_has_a_cell_for_every_molecule_and_a_header(tmp_path):
    image = drawn(tmp_path / "grid.png", *[ETHANOL] * 7, columns=3)
    assert image.size == (3 * WIDTH, 3 * HEIGHT + HEADER)


def test_background_tells_valid_from_fragments_from_invalid(tmp_path):
    image = drawn(tmp_path / "grid.png", ETHANOL, PIECES, FIVE_BONDS)
    assert [corner(image, k) for k in range(3)] == [
        TINTS["valid"],
        TINTS["in fragments"],
        TINTS["invalid"],
    ]


def test_an_invalid_graph_is_drawn_with_the_atom_at_fault_marked(tmp_path):
    image = drawn(tmp_path / "grid.png", FIVE_BONDS)
    assert ink(image, 0) > 300
    red, green, blue = np.asarray(image, int).transpose(2, 0, 1)
    assert ((red == 255) & (abs(green - 0x88) < 8) & (abs(blue - 0x96) < 8)).sum() > 50


def test_a_graph_without_atoms_is_an_empty_red_cell(tmp_path):
    image = drawn(tmp_path / "grid.png", EMPTY)
    assert corner(image, 0) == TINTS["invalid"]
    assert ink(image, 0) == 0


def test_a_molecule_is_drawn_whatever_the_length_of_its_smiles(tmp_path):
    image = drawn(tmp_path / "grid.png", to_graph(read_smiles("CC(C)" * 20 + "O"), VOCABULARY))
    assert ink(image, 0) > 100


def one_hot(graph: Graph, sharpness: float):
    """A posterior of two copies of a graph: the right class has this probability."""
    state = clean_state(
        torch.from_numpy(graph.atoms[None].astype(int)).repeat(2, 1),
        torch.from_numpy(graph.pairs[None].astype(int)).repeat(2, 1),
        torch.tensor([len(graph)] * 2),
        (3, 4),
    )
    return state.map(
        lambda x: sharpness * x + (1 - sharpness) / x.shape[-1] * (x.sum(-1) > 0)[..., None]
    )


@pytest.mark.parametrize(
    ("steps", "graph"),
    [(1, Graph(np.array([0]), np.array([], int))), (3, FIVE_BONDS), (50, ETHANOL)],
    ids=["one atom", "invalid", "valid"],
)
def test_a_trajectory_is_drawn_whatever_the_steps_and_graphs(tmp_path, steps, graph):
    states = [(k / steps, one_hot(graph, 0), one_hot(graph, k / steps)) for k in range(steps + 1)]
    draw_trajectory(states, Graphs(VOCABULARY), tmp_path / "trajectory.png")
    assert Image.open(tmp_path / "trajectory.png").width == 1440


def test_logs_of_resumed_parts_come_in_order_without_blanks(tmp_path):
    for part, text in (
        ("0", "step,loss,x\n1,2.5,\n"),
        ("2", "step,loss\n3,0.5\n"),
        ("10", "step\n9\n"),
    ):
        (tmp_path / "logs" / part).mkdir(parents=True)
        (tmp_path / "logs" / part / "metrics.csv").write_text(text)
    assert read_logs(tmp_path) == [{"step": 1, "loss": 2.5}, {"step": 3, "loss": 0.5}, {"step": 9}]


@pytest.mark.parametrize("torn", ["3,0.", "3", "3,0.5,1"])
def test_a_row_that_a_killed_run_did_not_finish_is_no_row(tmp_path, torn):
    (tmp_path / "logs" / "0").mkdir(parents=True)
    (tmp_path / "logs" / "0" / "metrics.csv").write_text(f"step,loss\n1,2.5\n{torn}")
    assert read_logs(tmp_path) == [{"step": 1, "loss": 2.5}]


def test_a_head_that_a_killed_run_did_not_finish_has_no_rows(tmp_path):
    (tmp_path / "logs" / "0").mkdir(parents=True)
    (tmp_path / "logs" / "0" / "metrics.csv").write_text("step,lo")
    assert read_logs(tmp_path) == []


def test_steps_that_were_taken_again_after_a_crash_are_drawn_once(tmp_path):
    for part, text in (("0", "step,loss\n0,3\n20,2\n40,1\n"), ("1", "step,loss\n20,2.5\n")):
        (tmp_path / "logs" / part).mkdir(parents=True)
        (tmp_path / "logs" / part / "metrics.csv").write_text(text)
    assert read_logs(tmp_path) == [{"step": 0, "loss": 3}, {"step": 20, "loss": 2.5}]


@pytest.mark.parametrize(
    ("rows", "width"),
    [
        ([], 600),
        ([{"step": 1, "train/loss": 2.0}], 600),
        ([{"step": 1, "valid/loss": 2.0, "trial/novel": 0.5}], 1200),
        ([{"step": 1, "trial/words_in_vocabulary_1": 0.5, "trial/entropy": 4.0}], 1200),
    ],
    ids=["nothing", "no trials", "molecules", "texts"],
)
def test_a_run_is_drawn_from_the_first_row_on_with_a_panel_for_its_trials(tmp_path, rows, width):
    draw_run(rows, tmp_path / "loss.png")
    assert Image.open(tmp_path / "loss.png").size == (width, 480)


def test_a_single_row_is_a_point_that_can_be_seen(tmp_path):
    def dark(rows: list[dict[str, float]]) -> int:
        """Pixels of the first colour of lines and points."""
        draw_run(rows, tmp_path / "loss.png")
        pixels = np.asarray(Image.open(tmp_path / "loss.png").convert("RGB")).astype(int)
        return int((abs(pixels - [31, 119, 180]).sum(-1) < 30).sum())

    assert dark([{"step": 0.0, "train/loss": 1.0}]) > dark([]) == 0


def test_a_run_without_rows_says_so_in_its_picture(tmp_path):
    draw_run([], tmp_path / "loss.png")
    empty = np.asarray(Image.open(tmp_path / "loss.png").convert("L"))
    height, width = empty.shape
    assert empty[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3].min() < 100
