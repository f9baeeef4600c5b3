"""The controls of the page, and their values in one order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from molflow.chem.constraints import MARKS
from molflow.chem.describing import DESCRIBED
from molflow.chem.properties import PROPERTIES
from molflow.demo.asking import (
    BOUNDS,
    FIELDS,
    GUIDING,
    LETTERS,
    OFF,
    RANGE,
    WISHES,
    Asked,
    Goal,
    methods_of,
    steps_of,
)
from molflow.demo.gallery import PICTURED
from molflow.demo.making import Offer
from molflow.model.conditions import Standard

NOISE_NOTE = "below 1 molecules are likelier and less diverse"
STARTING = 24

Control = Any
"""A component of Gradio, which gives its classes their events at run time."""


@dataclass(frozen=True)
class Condition:
    """The controls of properties that a model is told.

    Attributes:
        box: around them, to be seen where the model was trained with properties.
        told: those that are told are ticked.
        values: property -> the value that is told.
        weight: of the condition.
    """

    box: gr.Accordion
    told: gr.CheckboxGroup
    values: dict[str, gr.Slider]
    weight: gr.Slider


@dataclass(frozen=True)
class Controls:
    """All controls.

    Attributes:
        single: name in ``Asked`` -> control.
        goals: property -> its wish, low, high and weight.
        condition: of properties that the model is told.
    """

    single: dict[str, Control]
    goals: dict[str, Sequence[Control]]
    condition: Condition

    def __getitem__(self, name: str) -> Control:
        return self.single[name]

    def all(self) -> list[Control]:
        """List the controls in the order in which ``asked`` takes their values."""
        goals = [control for row in self.goals.values() for control in row]
        return [*self.single.values(), *goals, self.condition.told, *self.condition.values.values()]

    def asked(self, values: Sequence[Any]) -> Asked:
        """Read the values of ``all``."""
        left = iter(values)
        single = {name: next(left) for name in self.single}
        goals = tuple(_goal(name, row, left) for name, row in self.goals.items())
        told = next(left) or ()
        condition = {name: next(left) for name in self.condition.values}
        condition = {name: value for name, value in condition.items() if name in told}
        return Asked(**single, goals=goals, condition=condition)


def _goal(name: str, row: Sequence[Any], left: Iterator[Any]) -> Goal:
    wish, low, high, weight = (next(left) for _ in row)
    return Goal(name, wish, low, high, weight)


def main_controls(offers: Mapping[str, Offer]) -> dict[str, Control]:
    """Make the controls that every run needs."""
    first = next(iter(offers.values()))
    least, most = steps_of(first.spec)
    model = gr.Radio(list(offers), value=first.name, label="model")
    steps = gr.Slider(least, most, value=least, step=1, label="steps")
    return {"model": model, "steps": steps}


def count_controls() -> dict[str, Control]:
    """Make the controls of how many molecules there are, and which."""
    n = gr.Slider(*BOUNDS["n"], value=STARTING, step=1, label="molecules")
    seed = gr.Number(0, label="seed", precision=0, minimum=0)
    return {"n": n, "seed": seed}


def scaffold_controls() -> dict[str, Control]:
    """Make the controls of the scaffold."""
    scaffold = gr.Textbox(
        "",
        label="scaffold (SMILES)",
        info="[*] marks where it grows; without a mark it grows anywhere",
        placeholder="[*]C1CC1",
        max_length=LETTERS,
        lines=1,
        max_lines=1,
    )
    marks = gr.Radio(MARKS, value=MARKS[0], label="new bonds at each mark")
    return {"scaffold": scaffold, "marks": marks}


def noise_controls(offers: Mapping[str, Offer]) -> dict[str, Control]:
    """Make the controls of the noise and of the method."""
    methods = methods_of(next(iter(offers.values())).spec)
    with gr.Accordion("Noise and method", open=False):
        scale = gr.Slider(
            *BOUNDS["noise scale"], value=1, step=0.05, label="noise scale", info=NOISE_NOTE
        )
        noise_of = gr.Radio(FIELDS, value=FIELDS[0], label="noise of")
        method = gr.Dropdown(methods, value=methods[0], label="method", filterable=False)
    return {"noise_scale": scale, "noise_of": noise_of, "method": method}


def score_controls() -> tuple[dict[str, Control], dict[str, Sequence[Control]]]:
    """Make the controls of the guide, and those of the goals."""
    with gr.Accordion("Score", open=False):
        goals = {name: _goal_row(name) for name in DESCRIBED}
        guide = gr.Dropdown(GUIDING, value="search", label="guide", filterable=False)
        walks = slider(BOUNDS["walks"], 16, "walks", step=1, info="or draws, of each molecule")
    return {"guide": guide, "walks": walks}, goals


def _goal_row(name: str) -> Sequence[Control]:
    """Make the controls of one property; its numbers are seen once it is wanted."""
    prop = PROPERTIES[name]
    label = f"{PICTURED[name]}: {prop.doc}"
    wish = gr.Radio(WISHES, value=OFF, label=label, elem_classes="mf-wish")
    step = 0.01 if prop.high - prop.low <= 1 else 0.1 if prop.high < 20 else 1
    third, ends = (prop.high - prop.low) / 3, {"visible": False, "step": step}
    with gr.Group(visible=False) as box:
        low = slider((prop.low, prop.high), prop.low + third, "from", **ends)
        high = slider((prop.low, prop.high), prop.high - third, "to", **ends)
        weight = slider(BOUNDS["weight of a goal"], 1, "weight", step=0.1)

    def seen(wish: str) -> list[dict[str, Any]]:
        return [gr.update(visible=one) for one in (wish != OFF, wish == RANGE, wish == RANGE)]

    wish.change(seen, wish, [box, low, high], api_visibility="private", queue=False)
    return wish, low, high, weight


def condition_controls(offers: Mapping[str, Offer]) -> Condition:
    """Make the controls of the properties that some model was trained with."""
    known: dict[str, Standard] = {}
    for offer in reversed(list(offers.values())):
        known |= {one.name: one for one in offer.spec.condition}
    first = next(iter(offers.values())).spec.condition
    with gr.Accordion("Properties that the model is told", open=False, visible=bool(first)) as box:
        told = gr.CheckboxGroup(list(known), label="tell it", value=[])
        values = {
            name: gr.Slider(
                round(one.low, 2), round(one.high, 2), round(one.mean, 2), label=name, visible=False
            )
            for name, one in known.items()
        }
        weight = gr.Slider(
            *BOUNDS["weight of the condition"],
            value=1,
            step=0.1,
            label="weight",
            info="more than 1 strengthens it and doubles the evaluations",
        )

    def seen(told: list[str]) -> list[dict[str, Any]]:
        return [gr.update(visible=name in told) for name in values]

    if values:
        told.change(seen, told, list(values.values()), api_visibility="private", queue=False)
    return Condition(box, told, values, weight)


def slider(bounds: tuple[float, float], value: float, label: str, **options: Any) -> gr.Slider:
    """Make a slider with rounded numbers.

    Args:
        bounds: of its values.
        value: at first.
        label: beside it.
        options: others of Gradio's.
    """
    low, high = bounds
    return gr.Slider(round(low, 2), round(high, 2), round(value, 2), label=label, **options)
