"""Pictures show a model's work: molecules, and the way from noise to molecules."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from molflow.chem.molecule import Checked
from molflow.chem.sanitisation import place_of
from molflow.console import atomic_write
from molflow.files import PICTURE, TEXTS
from molflow.graph.graph import Graph
from molflow.modality import Modality, Thing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL.Image import Image

    from molflow.flow.state import State
    from molflow.model.spec import ModelSpec

States = Sequence[tuple[float, "State", "State"]]
"""(t, x_t, mu_tt) along a trajectory, as ``sampling.sampler.trajectory`` returns them."""

CELL = (240, 200)
GAP = 4
GRID_SIZE = 24
"""Attempts of a picture, at most."""
LEGEND_LETTERS = 30
INKS = {"valid": "#333333", "in fragments": "#a85400", "invalid": "#c00020"}
TINTS = {"valid": "#ffffff", "in fragments": "#fff1dd", "invalid": "#ffe9ec"}
MARK = "#ff8896"


class Drawable(Protocol):
    """Attempts are drawn by these of ``samples.Samples``."""

    @property
    def things(self) -> Sequence[Graph | str]:
        """A graph, or a text, of every attempt."""

    @property
    def checked(self) -> list[Checked]:
        """The judgement of chemistry on every attempt."""

    @property
    def spec(self) -> ModelSpec:
        """The model that made them."""


def draw_molecules(samples: Drawable, path: Path | BinaryIO, columns: int = 6) -> None:
    """Draw a PNG with a grid of molecules, a line above that counts them, and a legend below each.

    An attempt that is not strictly valid is drawn as the network made it, on orange (in fragments)
    or on red (invalid). The reason is its legend, and the atom at fault is marked.

    Args:
        samples: to draw.
        path: of the PNG.
        columns: of the grid.
    """
    cells = [
        _draw_cell(thing, one, samples.spec.modality, one.reason or one.smiles or "")
        for thing, one in zip(samples.things[:GRID_SIZE], samples.checked[:GRID_SIZE], strict=True)
    ]
    kinds = [_kind(one) for one in samples.checked[:GRID_SIZE]]
    line = [(f"{len(kinds)} molecules:", "#000000")]
    line += [(f"{kinds.count(kind)} {kind}", INKS[kind]) for kind in INKS if kind in kinds]
    _with_header(_tile(cells, columns), line).save(path, format="PNG")


def show(samples: Drawable, folder: Path) -> Path:
    """Show samples to people: a picture of molecules, or texts as they are.

    Args:
        samples: to show.
        folder: of the file.

    Returns:
        The file.
    """
    if not samples.spec.modality.molecular:
        with atomic_write(folder / TEXTS) as path:
            path.write_text(
                "\n\n".join(map(str, samples.things[:GRID_SIZE])) + "\n", encoding="utf-8"
            )
        return folder / TEXTS
    with atomic_write(folder / PICTURE) as path:
        draw_molecules(samples, path)
    return folder / PICTURE


def grid_page(samples: Drawable) -> str:
    """Show the first samples in a notebook: a grid of molecules, or texts.

    Args:
        samples: to show.

    Returns:
        HTML that needs no other file.
    """
    from base64 import b64encode
    from html import escape

    title = f"<p>{escape(repr(samples))}</p>"
    if not samples.spec.modality.molecular or not samples.things:
        return title + "".join(
            f"<pre>{escape(str(one))}</pre>" for one in samples.things[:GRID_SIZE]
        )
    picture = io.BytesIO()
    draw_molecules(samples, picture)
    code = b64encode(picture.getvalue()).decode()
    return f'{title}<img alt="molecules" src="data:image/png;base64,{code}">'


def draw_trajectory(
    states: States, modality: Modality, path: Path, rows: int = 5, columns: int = 6
) -> None:
    """Draw a PNG of the way: molecules from argmax mu_tt at several t, above how sure mu is.

    How sure is the mean over all molecules of the largest probability of a variable, for every
    field. With it stands the share of those likeliest molecules that are strictly valid.

    Args:
        states: of the trajectory.
        modality: of the model.
        path: of the PNG.
        rows: molecules at most.
        columns: times.
    """
    from matplotlib.figure import Figure

    things = [modality.things_of(mu) for _, _, mu in states]
    checked = [modality.check(row) for row in things]
    rows = min(rows, len(things[0]))
    shown = sorted({round((len(states) - 1) * k / (columns - 1)) for k in range(columns)})
    cells = [
        _draw_cell(things[k][row], checked[k][row], modality) for row in range(rows) for k in shown
    ]
    figure = Figure(figsize=(12, 1.67 * rows + 3.4), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(1.67 * rows, 2.8))
    _show_cells(above, cells, [f"t = {states[k][0]:.2g}" for k in shown])
    _plot_confidence(below, states, [_valid_share(row) for row in checked])
    below.set_xlim(above.get_xlim())
    figure.savefig(path, format="png", dpi=120)


def _show_cells(axes: Axes, cells: Sequence[Image], labels: Sequence[str]) -> None:
    """Show the cells, a column for each label, the first column over 0 and the last over 1."""
    places = [k / (len(labels) - 1) for k in range(len(labels))]
    half = places[1] / 2
    axes.imshow(_tile(cells, len(labels)), aspect="auto", extent=(-half, 1 + half, 0, 1))
    axes.set_xticks(places, labels)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    axes.set_yticks([])
    axes.set_title(
        "Likeliest molecule, argmax of $\\mu_{t,t}(x_t)$: one molecule a row "
        "(orange: in fragments, red: invalid)",
        pad=12,
    )
    axes.spines[:].set_visible(False)


def _plot_confidence(axes: Axes, states: States, valid: Sequence[float]) -> None:
    times = [t for t, _, _ in states]
    for name in states[0][2].values:
        largest = [float(mu.values[name].amax(-1)[mu.exists[name]].mean()) for _, _, mu in states]
        axes.plot(times, largest, label=f"mean largest probability of {name}")
    axes.plot(
        times, valid, "--", color="#777777", label="share of likeliest molecules that are valid"
    )
    axes.set(xlabel="t", ylabel=f"mean over {len(states[0][1])} molecules", ylim=(0, 1.03))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")


def _valid_share(checked: Sequence[Checked]) -> float:
    return sum(one.reason is None for one in checked) / len(checked)


def _kind(checked: Checked) -> str:
    if checked.mol is None:
        return "invalid"
    return "valid" if checked.connected else "in fragments"


def _draw_cell(thing: Thing, checked: Checked, modality: Modality, legend: str = "") -> Image:
    """Draw one molecule, or as far as it can be drawn a failed one."""
    from PIL import Image
    from rdkit import Chem, rdBase
    from rdkit.Chem.Draw import rdMolDraw2D

    kind = _kind(checked)
    canvas = rdMolDraw2D.MolDraw2DCairo(*CELL)
    options = canvas.drawOptions()
    options.setBackgroundColour(_rgb(TINTS[kind]))
    options.setLegendColour(_rgb(INKS[kind]))
    options.setHighlightColour(_rgb(MARK))
    for name, value in {
        "legendFontSize": 15,
        "legendFraction": 0.14,
        "fixedBondLength": 32,
        "flagCloseContactsDist": -1,
        "prepareMolsBeforeDrawing": checked.mol is not None,
    }.items():
        setattr(options, name, value)
    if len(legend) > LEGEND_LETTERS:
        legend = legend[: LEGEND_LETTERS - 1] + "…"
    mol = modality.sketch(thing) if checked.mol is None else checked.mol
    fault = place_of(checked.reason) if mol is not None else []
    with rdBase.BlockLogs():
        canvas.DrawMolecule(
            mol if mol is not None else Chem.Mol(),
            legend=legend,
            highlightAtoms=fault,
        )
    canvas.FinishDrawing()
    return Image.open(io.BytesIO(canvas.GetDrawingText())).convert("RGB")


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))


def _tile(cells: Sequence[Image], columns: int) -> Image:
    """Put the cells row by row on white, with a small gap."""
    from PIL import Image

    columns = min(columns, len(cells))
    width, height = CELL[0] + GAP, CELL[1] + GAP
    sheet = Image.new("RGB", (columns * width, -(-len(cells) // columns) * height), "white")
    for k, cell in enumerate(cells):
        sheet.paste(cell, (k % columns * width, k // columns * height))
    return sheet


def _with_header(sheet: Image, words: Sequence[tuple[str, str]]) -> Image:
    """Put the sheet under a line of (text, colour)."""
    from PIL import Image, ImageDraw, ImageFont

    page = Image.new("RGB", (max(sheet.width, 480), sheet.height + 44), "white")
    page.paste(sheet, (0, 44))
    pen, font, x = ImageDraw.Draw(page), ImageFont.load_default(20), 12
    for text, colour in words:
        pen.text((x, 10), text, colour, font)
        x += round(pen.textlength(text, font)) + 16
    return page
