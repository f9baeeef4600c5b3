"""The report: one page that fetches nothing, hides no attempt and runs no text it was given."""

import base64
import hashlib
import json
import math
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest
from rdkit import Chem

from molflow.chem.molecule import Vocabulary, check_many, read_smiles, to_graph
from molflow.errors import InputError
from molflow.graph.graph import Graph
from molflow.modality import Graphs
from molflow.report import Attempt, Ess, Measure, Quantity, Report, attempts, cards, write_report
from molflow.report.binning import bin_values, front, ticks
from molflow.report.charts import ess_chart, number, percent
from molflow.report.drawing import compact, draw
from molflow.report.page import render

HOSTILE = "</script></style></title><img src=x onerror=\"alert('1')\">&lt;"
LIMIT = 4_000_000
DRUG = "COc1cc2ncnc(Nc3ccc(C(=O)NC(C)C)c(Cl)c3)c2cc1OCCCN1CCOCC1"


class Page(HTMLParser):
    """The elements of a page, each with its attributes and the text directly inside it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_data(self, data):
        if self.elements and data.strip():
            self.elements[-1][2].append(data)

    def texts(self, tag: str, **attributes: str) -> list[str]:
        return [
            "".join(text)
            for name, found, text in self.elements
            if name == tag and all(found.get(key) == value for key, value in attributes.items())
        ]

    @property
    def data(self) -> dict:
        return json.loads(self.texts("script", id="data")[0])


def attempt(smiles: str, **values: float) -> Attempt:
    return Attempt(smiles, None, Chem.MolFromSmiles(smiles), values)


GOOD = attempt("CCO", score=0.25, size=3)
BEST = attempt("CCN", score=0.5, size=2)
BROKEN = Attempt(None, "valence: C 5 > 4 at atom 3")
PIECES = Attempt("C.O", "fragments: 2", Chem.MolFromSmiles("C.O"), {"size": 1})
SCORE = Quantity("score", better="high", target=(0.4, math.inf), training=(0.1, 0.2))
SIZE = Quantity("size", training=(1.0, 1.0, 2.0))
PLAIN = Report(
    title="A run",
    summary="Four attempts",
    table=[Measure("mean score", 0.375), Measure("strict validity", 0.5, share=True)],
    quantities=[SCORE, SIZE],
    attempts=[GOOD, BROKEN, PIECES, BEST],
    config={"n": 4, "guidance": {"objective": "qed:max"}},
)
GUIDED = replace(
    PLAIN,
    table=[Measure("mean score", 0.125, 0.375), Measure("calls", math.nan, 1234.0)],
    quantities=[replace(SCORE, unguided=(0.1, 0.3)), replace(SIZE, better="low", unguided=(2, 3))],
    guided=True,
    ess=Ess(4, (0.0, 1.0), ((4, 4, 4), (1, 2, 3))),
    fronts=[("score", "size")],
)


def hostile(text: str = HOSTILE) -> Report:
    """Every text of a report, hostile."""
    name = "name" + text
    quantity = Quantity(name, text, "high", (0, 1), (0.5,), (0.5,))
    return Report(
        title="title" + text,
        summary="summary" + text,
        table=[Measure("measure" + text, 1, 2, doc=text)],
        quantities=[quantity],
        attempts=[
            Attempt("smiles" + text, None, Chem.MolFromSmiles("CC"), {name: 0.5}),
            Attempt(None, "reason" + text),
        ],
        config={"key" + text: ["value" + text]},
        guided=True,
        fronts=[(name, name)],
    )


@pytest.mark.parametrize("report", [PLAIN, GUIDED, hostile()])
def test_a_page_refers_to_nothing_outside(report):
    page = render(report)
    assert re.findall(r"[a-z]+://", page) == []
    assert "url(" not in page
    assert "@import" not in page
    assert Page(page).texts("link") == []


def test_hostile_texts_make_no_element_and_no_attribute():
    def shape(page: str) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes, _ in Page(page).elements]

    assert shape(render(hostile())) == shape(render(hostile("harmless")))


def test_hostile_texts_are_read_as_they_were_given():
    page = Page(render(hostile()))
    assert page.texts("h1") == ["title" + HOSTILE]
    assert page.texts("p", **{"class": "lead"}) == ["summary" + HOSTILE]
    assert page.texts("button", **{"class": "smiles"}) == ["smiles" + HOSTILE]
    assert page.texts("dt") == ["name" + HOSTILE]
    assert page.data["quantities"][0]["name"] == "name" + HOSTILE
    assert "reason" + HOSTILE in page.data["reasons"]
    (config,) = page.texts("pre")
    assert "key" + HOSTILE in config.replace("''", "'")


def test_embedded_data_cannot_end_their_element():
    raw = render(hostile()).split("id=data>")[1].split("</script>")[0]
    assert not set("<>&") & set(raw)


def test_the_security_policy_names_the_page_s_own_style_and_script():
    page = Page(render(hostile()))
    (policy,) = (a["content"] for tag, a, _ in page.elements if "http-equiv" in a)

    def digest(text: str) -> str:
        return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

    assert f"script-src '{digest(page.texts('script')[1])}'" in policy
    assert f"style-src '{digest(page.texts('style')[0])}'" in policy
    assert policy.startswith("default-src 'none'")


def test_the_table_holds_the_numbers_given():
    (table,) = re.findall(r"<section id=summary>.*?</section>", render(GUIDED))
    assert Page(table).texts("td") == ["0.125", "0.375", "–", "1,234"]


def test_a_plain_sampling_has_one_column_and_no_word_of_guidance():
    page = render(replace(PLAIN, config={}))
    (table,) = re.findall(r"<section id=summary>.*?</section>", page)
    assert Page(table).texts("td") == ["0.375", "50.0 %"]
    body = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    assert "sampled" in body
    assert re.findall("guided|Pareto|particles", body.replace('"swatch unguided"', "")) == [
        "guided" for _ in re.findall('"line unguided"', body)
    ]


def test_target_against_achieved_gives_means_and_the_share_within():
    (section,) = re.findall(r"<section id=goals>.*?</section>", render(PLAIN))
    assert Page(section).texts("td") == ["0.15", "0.375"]
    assert Page(section).texts("small") == ["at least 0.4", "0.0 % in", "50.0 % in"]


@pytest.mark.parametrize(("value", "hit"), [(0.9, False), (1.0, True), (2.0, True), (2.1, False)])
def test_the_ends_of_a_target_belong_to_it(value, hit):
    assert Quantity("x", target=(1.0, 2.0)).hits(value) == hit


def test_every_attempt_has_a_card_best_first_and_those_without_a_number_last():
    page = Page(render(PLAIN))
    ids = [a["id"] for tag, a, _ in page.elements if tag == "li" and "id" in a]
    assert ids == ["m3", "m0", "m1", "m2"]
    assert [row[0] for row in page.data["rows"]] == [3, 0, 1, 2]


def test_attempts_stay_in_their_order_where_nothing_is_wanted():
    assert cards.select(replace(PLAIN, quantities=[SIZE])) == [0, 1, 2, 3]


def test_a_low_quantity_is_ordered_lowest_first():
    report = replace(PLAIN, quantities=[replace(SIZE, better="low")])
    assert cards.select(report) == [2, 3, 0, 1]


def test_invalid_attempts_are_counted_and_shown_with_their_reason():
    again = Attempt(None, "valence: C 5 > 4 at atom 0")
    html = render(replace(PLAIN, attempts=[*PLAIN.attempts, again]))
    page = Page(html)
    assert "2 of 5 attempts are strictly valid. The other 3, by reason:" in html
    assert "2 × valence: C 5 > 4" in page.texts("li")
    assert "1 × fragments: 2" in page.texts("li")
    assert "<b>Invalid</b> valence: C 5 &gt; 4 at atom 3" in html
    assert "<b>Not strictly valid</b> fragments: 2" in html
    assert len([1 for tag, a, _ in page.elements if a.get("class") == "invalid"]) == 2


def test_the_script_gets_reasons_without_atoms_and_numbers_or_nothing():
    data = Page(render(PLAIN)).data
    assert data["reasons"] == ["", "valence: C 5 > 4", "fragments: 2"]
    assert data["rows"] == [[3, 0, 0.5, 2], [0, 0, 0.25, 3], [1, 1, None, None], [2, 2, None, 1]]
    assert data["sorted"] == 0


def test_too_many_attempts_are_cut_apart_and_the_page_says_so(monkeypatch):
    monkeypatch.setattr(cards, "SHOWN", 10)
    many = [attempt("C", score=k / 100) for k in range(30)] + [BROKEN] * 5
    report = replace(PLAIN, attempts=many)
    assert cards.select(report) == [29, 28, 27, 26, 25, 24, 23, 22, 21, 30]
    words = "holds 9 of the 30 strictly valid molecules and 1 of the 5 others, the best by score"
    assert words in render(report)


def test_hostile_texts_stay_text_where_the_page_says_what_is_cut(monkeypatch):
    monkeypatch.setattr(cards, "SHOWN", 1)
    assert f"the best by name{escape(HOSTILE)};" in render(hostile())


def test_few_valid_molecules_leave_their_room_to_the_others(monkeypatch):
    monkeypatch.setattr(cards, "SHOWN", 4)
    report = replace(PLAIN, attempts=[BROKEN] * 5 + [BEST])
    assert cards.select(report) == [5, 0, 1, 2]


def test_whole_numbers_get_a_bin_each():
    bins = bin_values({"training": (2.0, 2.0), "unguided": (0.0, 1.0, 1.0, 3.0)}, Quantity("rings"))
    assert bins.edges == (-0.5, 0.5, 1.5, 2.5, 3.5)
    assert bins.counts == {"training": (0, 0, 2, 0), "unguided": (1, 2, 0, 1)}
    assert bins.share("unguided", 1) == 0.5
    assert bins.outside == 0


def test_other_numbers_get_round_bins_that_hold_their_lower_edge():
    values = (0.0, 0.3, 0.31, 0.59, 1.3)
    bins = bin_values({"unguided": values}, Quantity("x"))
    assert bins.edges[:8] == (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35)
    assert [k for k, count in enumerate(bins.counts["unguided"]) if count] == [0, 6, 11, 25]
    assert bins.counts["unguided"][6] == 2


def test_a_far_value_is_counted_and_not_drawn():
    bins = bin_values({"training": [*np.linspace(0, 1, 1000), 1e6]}, Quantity("x"))
    assert bins.edges[-1] == 1.0
    assert bins.outside == 1
    assert bins.sizes == {"training": 1001}


def test_a_small_series_lies_on_the_axis_whole():
    bins = bin_values({"unguided": [0.0, *np.linspace(10, 20, 99), 30.5]}, Quantity("x"))
    assert bins.outside == 0


def test_the_axis_reaches_the_target():
    bins = bin_values({"training": (0.25, 0.5)}, Quantity("x", target=(2.0, math.inf)))
    assert bins.edges[-1] == 2.0


@pytest.mark.parametrize("value", [0.0, 0.7, -3.0, 1e9])
def test_one_value_alone_gets_a_bin(value):
    bins = bin_values({"unguided": (value,)}, Quantity("x"))
    assert sum(bins.counts["unguided"]) == 1


def test_a_histogram_says_what_each_bin_holds():
    titles = Page(render(replace(PLAIN, quantities=[SIZE]))).texts("title")
    assert "0.5 to 1.5\ntraining set: 2 of 3 (66.7 %)\nsampled: 1 of 3 (33.3 %)" in titles


def test_the_front_has_what_no_other_beats_in_both():
    points = [(1, 1), (3, 0), (2, 2), (2, 3), (0, 3), (3, 0)]
    assert front(points, ("high", "high")) == [1, 3]
    assert front(points, ("low", "low")) == [4, 0, 1]
    assert front(points, ("high", "low")) == [1]


def test_a_front_s_points_lead_to_their_cards_and_leave_out_what_is_not_valid():
    cheap = replace(BROKEN, values={"score": 0.9, "size": 0})
    html = render(replace(GUIDED, attempts=[*GUIDED.attempts, cheap]))
    page = Page(re.findall(r"<section id=sampling>.*?</section>", html, re.DOTALL)[0])
    assert [a["href"] for tag, a, _ in page.elements if tag == "a"] == ["#m3"]
    assert "1 of 2 molecules on the front" in html


def test_the_ess_curve_passes_through_the_medians():
    page = Page(ess_chart(GUIDED.ess))
    assert page.texts("title") == [
        "t = 0: median 4, 4 to 4",
        "t = 1: median 2, 1.2 to 2.8",
    ]


def test_ticks_are_round():
    assert ticks(0.0, 1.0) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(-2.9, 3.1, 3) == [-2, 0, 2]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (-1.5, "−1.5"),
        (2.0, "2"),
        (12345.0, "12,345"),
        (1 / 3, "0.3333"),
    ],
)
def test_numbers_are_written_to_four_digits(value, text):
    assert number(value) == text


def test_undefined_shares_are_a_dash():
    assert percent(math.nan) == "–"


def test_a_quantity_that_no_molecule_has_is_said_to_have_none():
    html = render(replace(PLAIN, quantities=[Quantity("absent")]))
    assert "No molecule has this number." in html


def test_the_configuration_is_there_as_given():
    (config,) = Page(render(PLAIN)).texts("pre")
    assert config == "n: 4\nguidance:\n  objective: qed:max\n"


def test_a_drawing_has_a_path_for_every_colour_and_letters_as_text():
    page = Page(draw(attempt("CC(=O)N")).svg)
    kinds = [(tag, a.get("class")) for tag, a, _ in page.elements]
    assert kinds == [("svg", "mol"), ("path", "c"), ("path", "o"), ("path", "n")] + [
        ("text", "o"),
        ("text", "n"),
        ("text", "n"),
    ]
    assert page.texts("text") == ["O", "NH", "2"]


def test_coordinates_become_whole_and_lines_of_a_colour_one_path():
    line = "<path class='bond-0' d='M {},95.9 L 46.7,-86.3' style='fill:none;stroke:#000000' />"
    corner = line.replace("class='bond-0' ", "").format("3.0")
    assert compact(f"<svg>{line.format('30.0')}{line.format('1.4')}{corner}</svg>") == (
        '<path class=c d="M30 96L47 -86M1 96L47 -86"/>'
    )


def test_the_letters_of_a_drawing_stay_text():
    letter = "<text x='1' y='2' style='font-size:25px;fill:#010000'>&lt;</text>"
    assert compact(f"<svg>{letter}</svg>") == '<text class=n y=2 x="1">&lt;</text>'


def test_an_invalid_molecule_is_drawn_with_the_atom_at_fault_marked():
    vocabulary = Vocabulary(("C", "N", "O"))
    graphs = [
        Graph(np.array([0, 0, 0]), np.array([3, 2, 0])),
        to_graph(read_smiles("CCO"), vocabulary),
        Graph(np.array([], int), np.array([], int)),
    ]
    checked = check_many(graphs, vocabulary)
    made = attempts(graphs, checked, Graphs(vocabulary), [{}, {"score": 1.0}, {}])
    assert [one.reason for one in made] == ["valence: C 5 > 4 at atom 0", None, "empty"]
    assert [draw(one).svg.count("<circle class=x") for one in made] == [1, 0, 0]
    assert [draw(one).svg != "" for one in made] == [True, True, False]
    assert made[1].values == {"score": 1.0}


def test_what_cannot_be_kekulised_is_drawn_too():
    mol = Chem.MolFromSmiles("c1cccc1", sanitize=False)
    mol.UpdatePropertyCache(strict=False)
    assert "<path" in draw(Attempt(None, "kekulisation", mol)).svg


def test_a_thousand_molecules_of_the_size_of_drugs_stay_below_the_limit():
    names = [f"property {k}" for k in range(12)]
    one = attempt(DRUG, **dict.fromkeys(names, 123.4567))
    report = replace(PLAIN, quantities=[Quantity(n) for n in names], attempts=[])
    empty, page = render(report), render(replace(report, attempts=[one] * 100))
    assert page.count("<svg class=mol") == 100
    assert len(empty.encode()) + 10 * (len(page.encode()) - len(empty.encode())) < LIMIT


def test_the_page_is_written_where_asked_and_over_an_older_one(tmp_path):
    path = tmp_path / "new" / "report.html"
    write_report(path, PLAIN)
    write_report(path, GUIDED)
    assert path.read_text("utf-8") == render(GUIDED)
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_text_that_utf_8_cannot_hold_does_not_end_the_report(tmp_path):
    write_report(tmp_path / "report.html", replace(PLAIN, title="a\udcff"))
    assert "<h1>a?</h1>" in (tmp_path / "report.html").read_text("utf-8")


def test_a_place_that_cannot_be_written_is_the_user_s_mistake(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write"):
        write_report(tmp_path / "file" / "report.html", PLAIN)
