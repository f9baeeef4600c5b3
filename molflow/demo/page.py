"""The page in Gradio: its layout, and which answer goes where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from html import escape
from typing import Any

import gradio as gr

from molflow.demo import controls as parts
from molflow.demo.answers import Answers, Progress, View
from molflow.demo.asking import methods_of, steps_of
from molflow.demo.controls import Control, Controls
from molflow.demo.gallery import ALL, INDEX, KINDS, ORDERS
from molflow.errors import InputError

TITLE = (
    "<div class=mf-title><h1>molflow</h1><p>Molecules from noise in one to a few network "
    "evaluations, toward a score and around a scaffold.</p></div>"
)
WAITING = "<p class=mf-note>Nothing is made yet.</p>"
CODE_NOTE = "<p class=mf-note>Each makes the molecules of the last run again.</p>"
FILES_NOTE = (
    "<p class=mf-note>A file holds the ticked molecules, or all that are shown. An SDF holds the "
    "valid ones of them.</p>"
)
FILM_NOTE = (
    "<p class=mf-note>One molecule of the last run, from the same noise in 1, 4 and 50 steps, "
    "unguided. Atoms are pies of their probable elements, bonds as opaque as they are probable. "
    "They stand where the finished molecule has them.</p>"
)
FORGET = "(...values) => { window.molflow.forget(); return values; }"
PICKED = "(...values) => [...values.slice(0, -1), window.molflow.picked()]"
SAVE = "(file) => window.molflow.save(file)"
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
LIGHT: dict[str, Any] = {**PRIVATE, "show_progress": "hidden"}
"""Events that take no time."""
HEAVY: dict[str, Any] = {**PRIVATE, "concurrency_id": "making", "concurrency_limit": 1}
"""Events that keep the processor busy: one at a time, whoever asks."""


@dataclass(frozen=True)
class Left:
    """The side of the page where a run is asked for."""

    controls: Controls
    quality: gr.HTML
    picture: gr.HTML
    go: gr.Button
    stop: gr.Button


@dataclass(frozen=True)
class Right:
    """The side of the page where its molecules are; ``progress`` takes the parts of Progress."""

    progress: Sequence[Control]
    view: Sequence[Control]
    cards: gr.HTML


def page(answers: Answers) -> gr.Blocks:
    """Lay the page out and wire it."""
    with gr.Blocks(title="molflow", analytics_enabled=False, fill_width=True) as blocks:
        gr.HTML(TITLE)
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                left = _left(answers)
            with gr.Column(scale=5, min_width=320):
                right = _right(answers)
        _wire_controls(answers, left)
        _wire_run(answers, left, right)
    return blocks


def _left(answers: Answers) -> Left:
    single = parts.main_controls(answers.offers)
    name, steps = (single[key].value for key in ("model", "steps"))
    quality = gr.HTML(answers.quality(name, steps))
    single |= parts.count_controls()
    with gr.Row():
        go = gr.Button("Make", variant="primary", elem_id="mf-go", scale=2, min_width=120)
        stop = gr.Button("Stop", elem_id="mf-stop", min_width=80)
    with gr.Accordion("Scaffold", open=False):
        single |= parts.scaffold_controls()
        picture = gr.HTML()
    score, goals = parts.score_controls()
    single |= score
    condition = parts.condition_controls(answers.offers)
    single |= parts.noise_controls(answers.offers) | {"weight": condition.weight}
    return Left(Controls(single, goals, condition), quality, picture, go, stop)


def _right(answers: Answers) -> Right:
    made = gr.State()
    with gr.Tab("Molecules"):
        status = gr.HTML(WAITING)
        with gr.Row():
            kind = gr.Radio(KINDS, value=ALL, label="shown", scale=2, min_width=220)
            order = gr.Dropdown(
                ORDERS, value=INDEX, label="sorted by", filterable=False, min_width=110
            )
            largest = gr.Checkbox(False, label="largest first", min_width=110)
        view: list[Control] = [kind, order, largest]
        _files(answers, made, view)
        cards = gr.HTML(elem_id="mf-gallery")
    with gr.Tab("The same as code"):
        gr.HTML(CODE_NOTE)
        line = gr.Code(language="shell", label="command line", elem_id="mf-command")
        code = gr.Code(language="python", label="Python", elem_id="mf-python")
    with gr.Tab("Film"):
        _film(answers, made)

    def show(made: Any, *values: Any) -> str:
        return answers.cards(made, View(*values))

    changes = [one.change for one in view]
    gr.on(changes, told(show), [made, *view], cards, **LIGHT)
    return Right([made, status, cards, line, code], view, cards)


def _files(answers: Answers, made: gr.State, view: Sequence[Control]) -> None:
    picked = gr.Textbox(visible="hidden")
    file = gr.JSON(visible="hidden")
    with gr.Row():
        sdf = gr.Button("Download SDF", size="sm", elem_id="mf-sdf", min_width=120)
        csv = gr.Button("Download CSV", size="sm", elem_id="mf-csv", min_width=120)
    gr.HTML(FILES_NOTE)
    for button, answer in ((sdf, answers.sdf), (csv, answers.csv)):

        def write(made: Any, *values: Any, answer: Callable[..., Any] = answer) -> Any:
            return answer(made, View(*values[:-1]), values[-1] or "")

        button.click(told(write), [made, *view, picked], file, js=PICKED, **LIGHT).success(
            None, file, None, js=SAVE, **PRIVATE
        )


def _film(answers: Answers, made: gr.State) -> None:
    gr.HTML(FILM_NOTE)
    with gr.Row():
        molecule = gr.Number(0, label="molecule", precision=0, minimum=0, min_width=110)
        show = gr.Button("Show the film", elem_id="mf-show", min_width=150)
    shown = gr.HTML(elem_id="mf-film", min_height=80)
    show.click(told(answers.film), [made, molecule], shown, **HEAVY)


def _wire_controls(answers: Answers, left: Left) -> None:
    controls = left.controls
    model, steps = controls["model"], controls["steps"]

    def adapt(name: str) -> tuple[Any, ...]:
        offer = answers.offer(name)
        (least, most), methods = steps_of(offer.spec), methods_of(offer.spec)
        return (
            gr.update(minimum=least, maximum=most, value=least),
            gr.update(choices=list(methods), value=methods[0]),
            gr.update(visible=bool(offer.spec.condition)),
            gr.update(value=[]),
            answers.quality(name, least),
        )

    condition = controls.condition
    outputs = [steps, controls["method"], condition.box, condition.told, left.quality]
    model.change(told(adapt), model, outputs, **LIGHT)
    steps.change(told(answers.quality), [model, steps], left.quality, **LIGHT)
    inputs = [model, controls["scaffold"], controls["marks"]]
    changes = [one.change for one in inputs]
    gr.on(
        changes, told(answers.scaffold), inputs, left.picture, trigger_mode="always_last", **LIGHT
    )


def _wire_run(answers: Answers, left: Left, right: Right) -> None:
    several = len(fields(View))

    def run(*values: Any) -> Iterator[tuple[Any, ...]]:
        asked, view = left.controls.asked(values[:-several]), View(*values[-several:])
        try:
            for progress in answers.run(asked, view):
                yield _parts(progress)
        except InputError as error:
            raise _shown(error) from None

    started = left.go.click(
        run,
        [*left.controls.all(), *right.view],
        right.progress,
        js=FORGET,
        show_progress="hidden",
        **HEAVY,
    )
    left.stop.click(None, cancels=[started], **PRIVATE)


def _parts(progress: Progress) -> tuple[Any, ...]:
    return progress.made, progress.status, progress.cards, progress.command, progress.python


def told(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Make a handler that shows a mistake of the user as a message of the page."""

    def handle(*values: Any) -> Any:
        try:
            return handler(*values)
        except InputError as error:
            raise _shown(error) from None

    return handle


def _shown(error: InputError) -> gr.Error:
    return gr.Error(escape(str(error)), print_exception=False)
