"""The page answers its controls with HTML and texts: no Gradio here.

Every answer makes the checks that the programs make, and raises their InputError.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from molflow.demo.as_code import command, python
from molflow.demo.asking import Asked, config_of, methods_of, steps_of
from molflow.demo.film import STEPS, Film, films
from molflow.demo.film_drawing import animated
from molflow.demo.gallery import (
    Made,
    chosen,
    csv_text,
    extended,
    gallery,
    sdf_text,
    summary,
    wanted_of,
)
from molflow.demo.making import Models, Offer, plan_run
from molflow.demo.quality import quality_html
from molflow.demo.scaffolds import scaffold_html
from molflow.errors import InputError


@dataclass(frozen=True)
class View:
    """Which molecules are shown, and in which order; see ``gallery.chosen``."""

    kind: str
    order: str
    largest_first: bool

    def of(self, made: Made) -> list[int]:
        """List the indices that are shown."""
        return chosen(made, self.kind, self.order, self.largest_first)


@dataclass(frozen=True)
class Progress:
    """A run so far: its molecules, a line about them, their cards, and the same run as code."""

    made: Made | None
    status: str
    cards: str
    command: str
    python: str


class Answers:
    """The answers of a page that offers some models."""

    def __init__(self, offers: Mapping[str, Offer]) -> None:
        self.offers, self.models = offers, Models()
        self.specs = {name: offer.spec for name, offer in offers.items()}

    def run(self, asked: Asked, view: View) -> Iterator[Progress]:
        """Make the molecules that are asked for, and show them batch by batch."""
        config = config_of(asked, self.specs)
        run = plan_run(config, self.models)
        code = command(config), python(config)
        notes = "".join(f"<p class=mf-note>{escape(one)}</p>" for one in run.cautions)
        yield Progress(None, f"<p class=mf-status>Making molecules …</p>{notes}", "", *code)
        made: Made | None = None
        for part in run.batches():
            made = extended(made, config, part)
            status = summary(made, config.n) + notes
            yield Progress(made, status, gallery(made, view.of(made)), *code)

    def cards(self, made: Made | None, view: View) -> str:
        """Show the molecules that there are in another order or choice."""
        return "" if made is None else gallery(made, view.of(made))

    def sdf(self, made: Made | None, view: View, picked: str) -> dict[str, str]:
        """Write the SDF that the browser saves: its name and text."""
        return _file("molecules.sdf", sdf_text, made, view, picked)

    def csv(self, made: Made | None, view: View, picked: str) -> dict[str, str]:
        """Write the CSV that the browser saves: its name and text."""
        return _file("molecules.csv", csv_text, made, view, picked)

    def film(self, made: Made | None, molecule: object) -> str:
        """Film one molecule of the last run in every number of steps of STEPS."""
        run = plan_run(_required(made).config, self.models)
        if not isinstance(molecule, int):
            raise InputError("molecule: a whole number is needed")
        shown = "".join(_figure(film) for film in films(run.task, molecule))
        return f"<div class=mf-films>{shown}</div>"

    def quality(self, name: str, steps: float) -> str:
        """Say what the card of a model says of so many steps."""
        return quality_html(self.offer(name).card, round(steps))

    def scaffold(self, name: str, scaffold: str, marks: str) -> str:
        """Draw the scaffold, or say what is wrong with it."""
        spec = self.offer(name).spec
        method, (_, steps) = methods_of(spec)[0], steps_of(spec)
        try:
            asked = Asked(name, 1, steps, method, scaffold=scaffold, marks=marks)
            config = config_of(asked, self.specs)
            return scaffold_html(self.models[name], config.scaffold, config.marks)
        except InputError as error:
            return f"<p class=mf-error>{escape(str(error))}</p>"

    def offer(self, name: str) -> Offer:
        """Find a model by its name.

        Raises:
            InputError: the page offers no such model.
        """
        if name not in self.offers:
            raise InputError(f"model={name!r}: one of {', '.join(self.offers)}")
        return self.offers[name]


def _required(made: Made | None) -> Made:
    if made is None:
        raise InputError("there are no molecules yet: make some first")
    return made


def _file(
    name: str,
    write: Callable[[Made, Sequence[int]], str],
    made: Made | None,
    view: View,
    picked: str,
) -> dict[str, str]:
    known = _required(made)
    indices = wanted_of(picked, view.of(known), len(known.samples))
    return {"name": name, "text": write(known, indices)}


def _figure(film: Film) -> str:
    code = base64.b64encode(animated(film, max(STEPS))).decode()
    checked = film.checked
    count = f"{film.steps} step{'s' if film.steps > 1 else ''}"
    told = f"{checked.smiles or 'no SMILES'}, {checked.reason or 'strictly valid'}"
    return (
        f'<figure><img alt="{count} from noise to a molecule" src="data:image/png;base64,{code}">'
        f"<figcaption><b>{count}</b>: {escape(told)}</figcaption></figure>"
    )
