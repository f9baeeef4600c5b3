"""The quality that the page shows is that of the model's card, at the steps that were measured."""

from __future__ import annotations

import pytest

from molflow.demo.quality import Card, quality_html, read_card
from molflow.model.place import find_model

CARD = """# a model

| | |
|---|---|
| use | steps |

Of 100 molecules, `percent`
of attempts.

| steps | strict valid | unique | FCD, test |
|---|---|---|---|
| 1 | 90 ± 1 | 98 | 1.5 |
| 1, `noise_scale=0.75` | 95 | 97 | <2 |
| 8 | 99 | 96 | 0.3 |

After it.
"""


@pytest.fixture
def card(tmp_path):
    (tmp_path / "README.md").write_text(CARD)
    return read_card(tmp_path)


def test_the_rows_of_a_card_are_its_numbers_word_for_word(card):
    assert card.note == "Of 100 molecules, percent of attempts."
    assert [(row.steps, row.setting) for row in card.rows] == [
        (1, ""),
        (1, "noise_scale=0.75"),
        (8, ""),
    ]
    assert card.rows[0].cells == {"strict valid": "90 ± 1", "unique": "98", "FCD, test": "1.5"}


def test_measured_steps_have_all_their_rows(card):
    assert [row.setting for row in card.at(1)] == ["", "noise_scale=0.75"]


def test_other_steps_have_the_usual_rows_beside_them(card):
    assert [row.steps for row in card.at(4)] == [1, 8]
    assert [row.steps for row in card.at(50)] == [8]


def test_numbers_between_are_not_invented(card):
    page = quality_html(card, 4)
    assert "At 4 steps nothing was measured" in page
    assert "<th scope=row>4" not in page
    assert "nothing was measured" not in quality_html(card, 8)


def test_what_a_card_says_is_escaped(card):
    assert "<td>&lt;2</td>" in quality_html(card, 1)


def test_a_model_without_a_card_says_so(tmp_path):
    assert read_card(tmp_path) == Card()
    assert "No quality is known" in quality_html(Card(), 4)


@pytest.mark.parametrize(("model", "steps"), [("qm9", 1), ("zinc250k", 16)])
def test_the_cards_of_the_released_models_are_read(model, steps):
    rows = read_card(find_model(model)).at(steps)
    assert rows[0].steps == steps
    assert float(rows[0].cells["strict valid"].split()[0]) > 50
