"""A film goes from the posterior at noise to the molecule, and its pictures show what it holds."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from molflow.chem.vocabulary import Vocabulary
from molflow.demo.asking import Asked, config_of
from molflow.demo.film import film, films, layout
from molflow.demo.film_drawing import (
    COLOURS,
    HEAD,
    SIZE,
    animated,
    durations,
    elements,
    picture,
    shown_steps,
)
from molflow.demo.making import plan_run
from molflow.errors import InputError


@pytest.fixture(scope="module")
def task(answers, model_folder):
    """A run of twelve molecules in three steps."""
    return plan_run(config_of(Asked(str(model_folder), 12, 3), answers.specs), answers.models).task


@pytest.fixture(scope="module")
def four(task):
    """The film of molecule 5 in four steps."""
    return film(task, 5, 4)


def test_a_film_has_a_frame_at_every_time_of_the_walk(four):
    times = [frame.time for frame in four.frames]
    assert four.steps == 4
    assert times[0] == 0
    assert times[-1] == 1
    assert times == sorted(times)


def test_every_frame_is_a_posterior_and_the_last_is_sure(four):
    for frame in four.frames:
        assert frame.atoms.sum(1) == pytest.approx(np.ones(len(frame.atoms)), abs=1e-5)
        assert frame.pairs.sum(1) == pytest.approx(np.ones(len(frame.pairs)), abs=1e-5)
    assert set(np.unique(four.frames[-1].atoms)) <= {0.0, 1.0}
    assert four.frames[0].atoms.max() < 1


def test_the_film_ends_at_the_molecule_of_the_run_where_it_has_its_steps(task):
    made = task.make_all(None)
    for i in (0, 5, 11):
        assert film(task, i, 3).checked.smiles == made.smiles[i]


def test_films_of_several_steps_begin_at_the_same_noise(task):
    one, other = films(task, 2, (1, 3))
    assert np.array_equal(one.frames[0].atoms, other.frames[0].atoms)


def test_a_molecule_that_is_not_there_is_refused(task):
    with pytest.raises(InputError, match="molecule=12: from 0 to 11"):
        film(task, 12, 1)


def test_atoms_lie_inside_of_the_picture(four):
    from rdkit import Chem

    assert four.places.min() >= 0
    assert four.places.max() <= 1
    assert layout(Chem.MolFromSmiles("C")) == pytest.approx(np.array([[0.5, 0.5]]))


def test_charges_count_to_their_element():
    vocabulary = Vocabulary(("C", "N", "N+"), charged=True)
    found = elements(np.array([0.5, 0.25, 0.25]), vocabulary)
    assert found == {"C": 0.5, "N": 0.5}


def test_many_steps_have_fewer_pictures_which_last_as_long():
    assert shown_steps(1) == [0, 1]
    assert shown_steps(4) == [0, 1, 2, 3, 4]
    assert shown_steps(50) == [*range(0, 50, 2), 50]
    assert durations(1, 50) == [1650, 10350]
    assert durations(4, 50) == [1650, 150, 150, 150, 9900]
    assert sum(durations(1, 50)) == sum(durations(50, 50)) == 12000


def test_a_picture_shows_the_elements_of_the_molecule_in_their_colours(four):
    end = picture(four, four.steps)
    assert end.size == (SIZE, SIZE + HEAD)
    pixels = {colour for _, colour in end.getcolors(1 << 20)}
    likely = {four.vocabulary.atoms[i] for i in four.frames[-1].atoms.argmax(1)}
    assert {COLOURS[name] for name in likely} <= pixels


def test_noise_is_drawn_paler_than_the_molecule_that_is_sure(four):
    dark = [np.asarray(picture(four, k).convert("L")).min() for k in (0, four.steps)]
    assert dark[1] <= dark[0]
    assert picture(four, 0).tobytes() != picture(four, four.steps).tobytes()


def test_a_film_is_an_animated_png_that_begins_again(four):
    image = Image.open(io.BytesIO(animated(four, 50)))
    assert image.format == "PNG"
    assert image.n_frames == 5
    assert image.info["loop"] == 0
