"""Pictures: every molecule is drawn, the invalid ones too, and marked."""

import numpy as np
import pytest
import torch
from PIL import Image

from molflow.chem.molecule import Vocabulary, check_many, read_smiles, to_graph
from molflow.graph.graph import Graph
from molflow.graph.state import clean_state
from molflow.modality import Graphs
from molflow.model.spec import ModelSpec
from molflow.pictures import CELL, GAP, TINTS, draw_molecules, draw_trajectory
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
