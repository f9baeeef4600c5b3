"""Molecules are drawn as small SVG, without a style or a colour of their own.

RDKit's SVG repeats its style at every line, in colours for white paper. Here the lines of one
element become one path, coordinates are whole, and atoms are text. Colours are classes, so that the
page's style sheet sets them for light and dark.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from molflow.chem.molecule import Checked
from molflow.chem.sanitisation import place_of
from molflow.modality import Modality, Thing
from molflow.report.values import Attempt

if TYPE_CHECKING:
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D

WIDTH, HEIGHT = 300, 232
LETTERS = 25
"""An atom's letters have this size in the style sheet; other sizes are written out."""
BOND = 44
ELEMENTS = {7: "n", 8: "o", 9: "f", 15: "p", 16: "s", 17: "l", 35: "b", 53: "i"}
CLASSES = ("c", *ELEMENTS.values())
"""Colour #kk0000 has class k: the palette given to RDKit counts instead of colouring."""
MARK = "#00FF00"


def attempts(
    things: Iterable[Thing],
    checked: Iterable[Checked],
    modality: Modality,
    values: Sequence[Mapping[str, float]],
) -> list[Attempt]:
    """Make attempts ready for a report: an invalid molecule is drawn as the network made it.

    Args:
        things: of the samples.
        checked: of the same samples.
        modality: of the model.
        values: of the same samples, name of a quantity -> number for each.
    """
    made = []
    for thing, one, numbers in zip(things, checked, values, strict=True):
        mol = modality.sketch(thing) if one.mol is None else one.mol
        made.append(Attempt(one.smiles, one.reason, mol, numbers))
    return made


@dataclass(frozen=True)
class Drawing:
    """A drawing is an element and the places of the atoms in it.

    Attributes:
        svg: of class mol, with the atom at fault marked; "" where there is nothing to draw.
        points: (n, 2), whole.
    """

    svg: str = ""
    points: Sequence[tuple[int, int]] = ()


def draw(attempt: Attempt) -> Drawing:
    """Draw the molecule of an attempt, valid or not."""
    mol = attempt.mol
    if mol is None or not mol.GetNumAtoms():
        return Drawing()
    canvas = _canvas(mol, [i for i in place_of(attempt.reason) if i < mol.GetNumAtoms()])
    content = compact(canvas.GetDrawingText())
    places = (canvas.GetDrawCoords(i) for i in range(mol.GetNumAtoms()))
    return Drawing(
        f'<svg class=mol viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden=true>{content}</svg>',
        [(round(place.x), round(place.y)) for place in places],
    )


def _canvas(mol: Chem.Mol, marked: list[int]) -> rdMolDraw2D.MolDraw2DSVG:
    from rdkit import rdBase
    from rdkit.Chem.Draw import rdMolDraw2D

    canvas = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT, -1, -1, True)  # True: letters as text
    options = canvas.drawOptions()
    for name, value in {
        "clearBackground": False,
        "fixedBondLength": BOND,
        "flagCloseContactsDist": -1,
    }.items():
        setattr(options, name, value)
    palette = {number: (k / 255, 0.0, 0.0) for k, number in enumerate(ELEMENTS, 1)}
    options.setAtomPalette({-1: (0.0, 0.0, 0.0), **palette})
    options.setHighlightColour((0.0, 1.0, 0.0))
    with rdBase.BlockLogs():
        canvas.DrawMolecule(mol, highlightAtoms=marked)
    canvas.FinishDrawing()
    return canvas


def compact(svg: str) -> str:
    """Write the content of an SVG of RDKit's: marks, then a path for every class, then letters."""
    marks: list[str] = []
    lines: dict[str, str] = defaultdict(str)
    letters: list[tuple[str, int, int, int, str]] = []
    for element in ElementTree.fromstring(svg):
        style = dict(re.findall(r"([a-z-]+):([^;]+)", element.get("style", "")))
        match element.tag.rpartition("}")[2]:
            case "ellipse":
                x, y, r = (_whole(element.get(key)) for key in ("cx", "cy", "rx"))
                marks.append(f'<circle class=x cx={x} cy={y} r="{r}"/>')
            case "path" if element.get("class") and style.get("stroke") != MARK:
                # Paths without a class mend the corners, which round line caps do as well.
                lines[_class_of(style["stroke"])] += _whole_path(element.get("d", ""))
            case "text":
                x, y = _whole(element.get("x")), _whole(element.get("y"))
                size = round(float(style["font-size"].removesuffix("px")))
                letters.append((_class_of(style["fill"]), y, size, x, element.text or ""))
    paths = [f'<path class={name} d="{path}"/>' for name, path in lines.items()]
    return "".join(marks + paths) + _text(letters)


def _text(letters: Sequence[tuple[str, int, int, int, str]]) -> str:
    """Join neighbouring letters of one class, height and size in an element."""
    runs: list[tuple[tuple[str, int, int], list[int], list[str]]] = []
    for name, y, size, x, letter in letters:
        if runs and runs[-1][0] == (name, y, size):
            runs[-1][1].append(x)
            runs[-1][2].append(letter)
        else:
            runs.append(((name, y, size), [x], [letter]))
    return "".join(
        f"<text class={name}{'' if size == LETTERS else f' font-size={size}'} y={y} "
        f'x="{" ".join(map(str, xs))}">{escape("".join(text))}</text>'
        for (name, y, size), xs, text in runs
    )


def _class_of(colour: str) -> str:
    index = int(colour[1:3], 16)
    return CLASSES[index] if index < len(CLASSES) and colour.endswith("0000") else CLASSES[0]


def _whole(number: str | None) -> int:
    return round(float(number or 0))


def _whole_path(path: str) -> str:
    """Write "M 30.0,95.9 L 46.7,86.3" as "M30 96L47 86"."""
    tokens = re.findall(r"[A-Za-z]|-?[\d.]+", path)
    words = [token if token.isalpha() else str(_whole(token)) for token in tokens]
    return re.sub(r" ?([A-Za-z]) ?", r"\1", " ".join(words))
