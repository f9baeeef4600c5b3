"""The pictures of a film.

Atoms stand where the finished molecule has them. Each is a pie of its probable elements, and every
pair has the bonds of each order, as opaque as they are probable.
"""

from __future__ import annotations

import io
import math
from collections import defaultdict
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from molflow.chem.vocabulary import Vocabulary, strip_charges
from molflow.demo.film import Film, Floats, Frame
from molflow.graph.graph import pair_endpoints

STEP_SECONDS, FIRST_SECONDS, LAST_SECONDS = 0.15, 1.5, 3.0
SIZE, HEAD, FINER = 320, 34, 2
"""Side of a picture and height of its heading in pixels, and how much finer it is drawn."""
FAINT = 0.03
"""Bonds that are less probable are left out."""
MOST = 25
"""Pictures of a film, about."""
INK, PAPER = (40, 44, 52), (255, 255, 255)
COLOURS = {
    "C": (92, 99, 112),
    "N": (48, 94, 214),
    "O": (212, 42, 42),
    "F": (18, 140, 126),
    "P": (214, 120, 20),
    "S": (205, 166, 10),
    "Cl": (40, 150, 60),
    "Br": (150, 70, 40),
    "I": (120, 60, 160),
}
OTHER = (150, 150, 150)


def elements(probabilities: Floats, vocabulary: Vocabulary) -> dict[str, float]:
    """Add up the probabilities (A,) of the classes of an atom by element, charges left out."""
    found: dict[str, float] = defaultdict(float)
    for name, p in zip(vocabulary.atoms, probabilities, strict=True):
        found[strip_charges(name)] += float(p)
    return dict(found)


def shown_steps(steps: int) -> list[int]:
    """Choose the steps that have a picture: all, or of many about MOST at equal distances."""
    return [*range(0, steps, max(1, round(steps / MOST))), steps]


def durations(steps: int, longest: int) -> list[int]:
    """Give the milliseconds of every picture; films beside one another end at the same time.

    Args:
        steps: of this film.
        longest: steps of the longest film beside it.
    """
    numbers = shown_steps(steps)
    seconds = [STEP_SECONDS * (after - before) for before, after in pairwise(numbers)]
    seconds[0] += FIRST_SECONDS
    return [round(1000 * s) for s in (*seconds, LAST_SECONDS + STEP_SECONDS * (longest - steps))]


def picture(film: Film, number: int) -> Image.Image:
    """Draw one frame of a film."""
    frame, side = film.frames[number], SIZE * FINER
    sheet = Image.new("RGB", (side, side + HEAD * FINER), PAPER)
    pen = ImageDraw.Draw(sheet)
    radius = side * min(0.045, 0.16 / math.sqrt(len(film.places)))
    margin = radius + 6 * FINER
    places = margin + film.places * (side - 2 * margin) + (0, HEAD * FINER)
    _draw_bonds(pen, frame, places, radius)
    for place, probabilities in zip(places, frame.atoms, strict=True):
        _draw_atom(pen, place, radius, probabilities, film.vocabulary)
    words = f"step {number} of {film.steps},  t = {frame.time:.2f}"
    pen.text((8 * FINER, 7 * FINER), words, INK, ImageFont.load_default(15 * FINER))
    return sheet.resize((SIZE, SIZE + HEAD), Image.Resampling.LANCZOS)


def _draw_bonds(pen: ImageDraw.ImageDraw, frame: Frame, places: Floats, radius: float) -> None:
    """Draw the faint ones first, so that the probable ones lie on top."""
    low, high = pair_endpoints(len(places))
    lines = [
        (float(p), order, int(i), int(j))
        for i, j, row in zip(low, high, frame.pairs, strict=True)
        for order, p in enumerate(row[1:], 1)
        if p >= FAINT
    ]
    width = max(round(radius * 0.22), 2)
    for p, order, i, j in sorted(lines):
        along = places[j] - places[i]
        across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-6)
        for k in range(order):
            aside = across * (k - (order - 1) / 2) * width * 2.1
            ends = [tuple(places[i] + aside), tuple(places[j] + aside)]
            pen.line(ends, _blend(INK, p), width)


def _draw_atom(
    pen: ImageDraw.ImageDraw,
    place: Floats,
    radius: float,
    probabilities: Floats,
    vocabulary: Vocabulary,
) -> None:
    x, y = (float(one) for one in place)
    box = (x - radius, y - radius, x + radius, y + radius)
    pen.ellipse((box[0] - 3, box[1] - 3, box[2] + 3, box[3] + 3), PAPER)
    angle = -90.0
    for name, p in elements(probabilities, vocabulary).items():
        if p * 360 >= 1:
            pen.pieslice(box, angle, angle + p * 360, COLOURS.get(name, OTHER))
        angle += p * 360
    likely = int(probabilities.argmax())
    if probabilities[likely] > 0.5:
        font = ImageFont.load_default(radius * 0.95)
        pen.text((x, y), vocabulary.atoms[likely], PAPER, font, anchor="mm")


def _blend(colour: tuple[int, int, int], opacity: float) -> tuple[int, int, int]:
    """Mix a colour with the paper."""
    red, green, blue = (round(p + (c - p) * opacity) for c, p in zip(colour, PAPER, strict=True))
    return red, green, blue


def animated(film: Film, longest: int) -> bytes:
    """Write a film as an animated PNG without an end.

    Args:
        film: to write.
        longest: steps of the longest film beside it.
    """
    frames = [picture(film, number) for number in shown_steps(film.steps)]
    file = io.BytesIO()
    frames[0].save(
        file,
        format="PNG",
        save_all=True,
        append_images=frames[1:],
        duration=durations(film.steps, longest),
        loop=0,
    )
    return file.getvalue()
