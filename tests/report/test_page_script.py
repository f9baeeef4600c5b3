"""The page in a browser: it searches as RDKit does, and saves what RDKit reads back.

These tests are skipped where there is no Chromium, and say so.
"""

import csv
import io
import json

import pytest
from rdkit import Chem
from rdkit.Chem import rdMolTransforms

from molflow.chem.smiles import canonical_smiles, identified
from molflow.metrics.filters import LISTS
from molflow.report import Attempt, Quantity, Report, write_report
from molflow.report.embedded import groups

SMILES = [
    *(
        "CCO",
        "CCN",
        "CCO",
        "c1ccncc1",
        "Cc1ccccc1",
        "CC(=O)Nc1ccccc1",
        "C1CC2CCC1C2",
        "C1CCC2(C1)CCC2",
    ),
    *("C[n+]1ccccc1", "NS(=O)(=O)c1ccccc1", "[NH3+]CC(=O)[O-]", "c1ccc2c(c1)[nH]c1ccccc12"),
    *("CC(=O)OC(C)=O", "FC(F)(F)c1ccncc1", "BrCCI", "c1cc[se]c1", "CP(=O)(O)O", "CN=[N+]=[N-]"),
    *(
        "O=[N+]([O-])c1ccccc1",
        "C#N",
        "c1ccsc1",
        "O=c1cc[nH]c(=O)[nH]1",
        "C12C3C4C1C5C2C3C45",
        "CCO.CN",
    ),
    *("[Na+].[Cl-]", "c1ccc(cc1)-c1ccccc1", "C[SiH3]", "OB(O)c1ccccc1", "[CH2]C", "C[O]", "[BH4-]"),
    *("C[SH2]C", "[C-]#[O+]", "CSSC", "C1CC1C1CO1", "N#CC1=CNC=C1", "COc1cc2ncncc2cc1OCCCN1CCOCC1"),
    *("O=C1CCCN1", "CC=NO", "NC(=N)N", "C=C=C", "c1nn[nH]n1", "OO", "CC(C)(C)C", "[H][H]"),
]
PRIMITIVES = """
* a A C c N n [#6] [#7,#8] [!#6] [!H] [H] [H1] [*H] [C,H] [h] [h2] [x] [x2] [x3] [x4] [D] [D3]
[D0]  [R] [R0] [R2] [R3] [r] [r5] [r3,r4] [v4] [v3;n] [X2] [X4] [+] [-] [+0] [O;-] [N+] [#7+]
[se] [Si]  C-C C=C C#N C~O c:c C@C C!@C C-,=;@C C-&@C C!-C [#6]=!@[#6] [R]!@[R] cc C1CC1 C1CC=1
C%12CC%12  C%(12)CC%(12) C(=O)O C(C)(C)C C.C C.N.O C1CC1.C [C:1][O:2] [!!C] [$(C)]
[$(C=O);!$(C-N)]  [$(C(=O)[$([NH2]),$(N(C)C)])] [c;R2] [nH] [NX3;H2,H1;!$(NC=O)] [N+](=O)[O-]
[!#6;!#1] [C!H0]  *~*~*~*~* [CX4;!$(C-[!#6])] [U] [Na+].[Cl-] [BH4-] c1ccccc1-c1ccccc1
"""
REFUSED = {
    "c1cc": "ring closure 1 is not closed, at character 5",
    "C(C": "the text ends too early, at character 4",
    "C)": "unexpected ), at character 2",
    "[C": "the text ends too early, at character 3",
    "[]": "unexpected ], at character 2",
    "C==": "the text ends too early, at character 4",
    "C11": "ring closure 1 joins atoms that are joined already, at character 4",
    "C-1CC=1": "ring closure 1 has two different bonds, at character 8",
    "[C@H](C)O": "stereochemistry (@) cannot be searched for here, at character 3",
    "C/C=C/C": "stereochemistry (/) cannot be searched for here, at character 2",
    "[13C]": "isotopes cannot be searched for here, at character 2",
    "C>>N": "reactions (>) cannot be searched for here, at character 2",
    "(C).(C)": "pieces in brackets cannot be searched for here, at character 1",
    "[R{2-3}]": "ranges ({) cannot be searched for here, at character 3",
    "[^2]": "hybridisation (^) cannot be searched for here, at character 2",
    "[z2]": "counts of hetero neighbours (z) cannot be searched for here, at character 2",
    "[#6]->[#7]": "dative bonds (->) cannot be searched for here, at character 5",
    "amidd": "unexpected m, at character 2",
    "C" * 2001: "more than 2000 characters",
}
SIZE = Quantity("size")
TOLUENE = 4


def mol_of(smiles: str) -> Chem.Mol:
    return identified(Chem.MolFromSmiles(smiles))


def attempt(smiles: str, **values: float) -> Attempt:
    mol = mol_of(smiles)
    reason = "fragments: 2" if "." in smiles else None
    return Attempt(canonical_smiles(mol), reason, mol, values or {"size": mol.GetNumAtoms()})


ATTEMPTS = [*map(attempt, SMILES), Attempt(None, "valence: C 5 > 4 at atom 3")]
REPORT = Report("Some", "All kinds", [], [SIZE], ATTEMPTS, {})


@pytest.fixture
def page(browser, tmp_path):
    """Opens a report, which must not fault, with a fragment of the address."""

    def page(report: Report = REPORT, fragment: str = ""):
        write_report(tmp_path / "report.html", report)
        browser.open((tmp_path / "report.html").as_uri() + fragment)
        return browser

    yield page
    assert browser.faults() == []


def seek(page, text: str) -> None:
    page.run(f"search.value = {json.dumps(text)}; controls.requestSubmit()")


def shown(page) -> list[int]:
    """Indices of the cards that are shown, in their order."""
    script = "[...molecules.children].filter(c => !c.hidden).map(c => Number(c.id.slice(1)))"
    return page.run(script)


def patterns() -> list[str]:
    with (LISTS / "mcf.csv").open(newline="") as file:
        filters = [row["smarts"] for row in csv.DictReader(file)]
    with (LISTS / "wehi_pains.csv").open(newline="") as file:
        filters += [row[0].strip() for row in csv.reader(file)]
    return [*PRIMITIVES.split(), *(pattern for _, pattern in groups()), *SMILES, *filters]


def test_every_smarts_finds_the_atoms_that_rdkit_finds(page):
    script = """(() => {
      const data = JSON.parse(document.getElementById("data").textContent);
      const all = data.structures.slice(0, -1).map((one) => smarts.molecule(one, data.kinds));
      return %s.map((text) => smarts.search(smarts.parse(text), all)
        .map((atoms) => atoms.map((atom) => atom.index).sort((a, b) => a - b)));
    })()"""
    texts = patterns()
    found = page().run(script % json.dumps(texts))
    wrong = {}
    for text, each in zip(texts, found, strict=True):
        query = Chem.MolFromSmarts(text)
        for smiles, atoms in zip(SMILES, each, strict=True):
            matches = mol_of(smiles).GetSubstructMatches(query, uniquify=False, maxMatches=10_000)
            if sorted({atom for match in matches for atom in match}) != atoms:
                wrong[text] = smiles
    assert wrong == {}


def test_what_cannot_be_searched_for_is_told_with_its_place(page):
    script = """%s.map((text) => {
      try { smarts.parse(text); } catch (error) { return error.message; }
    })"""
    told = page().run(script % json.dumps(list(REFUSED)))
    assert dict(zip(REFUSED, told, strict=True)) == REFUSED


def test_a_search_that_is_refused_says_so_beside_the_box_and_the_one_before_it_stands(page):
    opened = page()
    seek(opened, "c1ccncc1")
    seek(opened, "c1cc")
    words = "Neither a group's name nor a SMARTS: ring closure 1 is not closed, at character 5."
    assert words in opened.run("fault.textContent")
    assert opened.run("search.getAttribute('aria-invalid')") == "true"
    assert shown(opened) == [3, 8, 13]


def test_a_search_without_an_end_is_broken_off_and_told(page):
    opened = page()
    seek(opened, ".".join("*" * 15) + ".[U]")
    assert "this takes too long" in opened.run("fault.textContent")


def test_the_name_of_a_group_finds_it_in_any_case_and_marks_it(page):
    opened = page()
    seek(opened, "Amide")
    assert shown(opened) == [5, 37]
    assert opened.run("document.querySelectorAll('path.hit').length") == 2
    seek(opened, "")
    assert len(shown(opened)) == len(ATTEMPTS)
    assert opened.run("document.querySelectorAll('path.hit').length") == 0


def test_a_part_of_the_smiles_is_found_as_text(page):
    opened = page()
    opened.run("by.value = 'text'; by.dispatchEvent(new Event('change'))")
    seek(opened, "[C")
    assert shown(opened) == [24, 28, 32]
    assert opened.run("fault.textContent") == ""


def test_the_names_of_the_groups_that_are_there_are_suggested_commonest_first(page):
    opened = page()
    opened.run("search.dispatchEvent(new Event('focus'))")
    opened.until("groups.children.length > 0")
    options = opened.run("[...groups.children].map((one) => [one.value, one.textContent])")
    assert ["amide", "2 on this page"] in options
    assert "acyl chloride" not in dict(options)
    counts = [int(text.split()[0]) for _, text in options]
    assert counts == sorted(counts, reverse=True)


def test_distinct_leaves_the_first_card_of_every_molecule_in_the_order_shown(page):
    opened = page(Report("Twice", "", [], [SIZE], [attempt(s) for s in ("CCO", "C", "OCC")], {}))
    assert opened.run("[...document.querySelectorAll('.times')].map((one) => one.textContent)") == [
        "2 attempts gave it",
        "2 attempts gave it",
    ]
    opened.run("distinct.click()")
    assert shown(opened) == [0, 1]
    opened.run("direction.click()")
    assert shown(opened) == [2, 1]


def test_stars_stand_in_the_address_and_a_link_keeps_them(page):
    opened = page()
    opened.run("[7, 3].forEach((k) => document.querySelector(`#m${k} .star`).click())")
    assert opened.run("location.hash") == "#stars=3,7"
    again = page(fragment="#stars=3,7,99999,x")
    assert again.run("[...document.querySelectorAll('.star[aria-pressed=true]')].length") == 2
    again.run("starred.click()")
    assert shown(again) == [3, 7]


def test_stars_stay_where_a_link_of_the_page_is_followed(page):
    opened = page(fragment="#m5&stars=3")
    assert opened.run("document.querySelector('.here').id") == "m5"
    opened.run("document.querySelector('a[href=\"#config\"]').click()")
    opened.until("location.hash === '#config&stars=3'")
    opened.run("document.querySelector('#m3 .star').click()")
    assert opened.run("location.hash") == "#config"


def test_where_nothing_is_shown_the_page_says_why_and_offers_all(page):
    opened = page()
    assert opened.run("empty.hidden")
    opened.run("starred.click()")
    assert "No molecule is starred" in opened.run("empty.textContent")
    opened.run("empty.querySelector('button').click()")
    assert len(shown(opened)) == len(ATTEMPTS)


def test_a_smiles_is_copied_and_the_page_says_so(page):
    opened = page()
    opened.run("document.querySelector('#m3 .smiles').click()")
    opened.until("count.textContent === 'copied c1ccncc1'")
    assert opened.run("document.activeElement.textContent") == "c1ccncc1"


def test_a_saved_table_has_what_is_shown_in_its_order(page):
    opened = page()
    seek(opened, "[Na,se,SiX4]")
    opened.run("sort.value = '0'; sort.dispatchEvent(new Event('change')); csv.click()")
    rows = list(csv.reader(io.StringIO(opened.saved("molecules.csv"))))
    assert rows == [
        ["index", "smiles", "reason", "size"],
        ["15", "c1cc[se]c1", "", "5"],
        ["24", "[Cl-].[Na+]", "fragments: 2", "2"],
        ["26", "C[SiH3]", "", "2"],
    ]


def test_saved_molecules_are_read_by_rdkit_as_they_are(page):
    opened = page()
    opened.run("sdf.click()")
    supplier = Chem.SDMolSupplier()
    supplier.SetData(opened.saved("molecules.sdf"), removeHs=False)
    mols = list(supplier)
    assert [canonical_smiles(mol) for mol in mols] == [one.smiles for one in ATTEMPTS[:-1]]
    assert [mol.GetProp("SMILES") for mol in mols] == [one.smiles for one in ATTEMPTS[:-1]]
    assert [int(mol.GetProp("_Name")) for mol in mols] == list(range(len(SMILES)))
    assert mols[0].GetPropsAsDict() == {"index": 0, "SMILES": "CCO", "size": 3}
    toluene = mols[TOLUENE]
    ends = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in toluene.GetBonds()]
    lengths = [rdMolTransforms.GetBondLength(toluene.GetConformer(), *both) for both in ends]
    assert sum(lengths) / len(lengths) == pytest.approx(1.5, abs=0.01)
    assert "1 have no structure" in opened.run("count.textContent")


def test_a_hostile_name_ends_no_record_and_makes_no_element(page):
    name = "<img src=x onerror=\"document.title='run'\">\n$$$$\n>"
    value = attempt("CCO", **{name: 1.0})
    opened = page(Report("Named", "", [], [Quantity(name)], [value, value], {}))
    opened.run("sdf.click()")
    supplier = Chem.SDMolSupplier()
    supplier.SetData(opened.saved("molecules.sdf"))
    assert [canonical_smiles(mol) for mol in supplier] == ["CCO", "CCO"]
    assert opened.run("[document.images.length, document.title]") == [0, "Named"]
