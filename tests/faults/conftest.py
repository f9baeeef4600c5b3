"""Faulty inputs of every program, each a function of a seed: keys, files, objectives, scaffolds."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from rdkit import Chem

from molflow.chem.properties import PROPERTIES
from molflow.config.key import Key, keys
from molflow.config.programs import PROGRAMS
from molflow.config.recipes import groups
from molflow.files import CONFIG, WEIGHTS

# fmt: off
MOLECULES = [
    "CCO", "c1ccccc1", "CC(=O)O", "CN", "OCC", "C[C@H](N)O", "[NH4+].[Cl-]", "CC#N",
]
BROKEN = [
    "C1CC", "xyz", "", " ", "nan", "C" * 12_000, "[Fe]", "*", "[2H]O", "C\0C", "C,C", '"C', "é",
]
WORDS = (
    "", " ", "null", "None", "nan", "inf", "-inf", "-1", "0", "1", "2", "3", "1.5", "1e400",
    "-0.0", "true", "True", "yes", "[1,2]", "{a:1}", "${n}", "${oc.env:HOME}", "'", '"', "1,2",
    "a=b", "é", "日本", "\u202e", "\u2028", "\udcff", "~", "~nobody/x", "..", ".", "/", "x" * 5000,
    "1_000", "0x10", "١", "2147483648", "1" * 40, "!!python/object:os.system", "\\", "a\nb",
    "\t", "1" * 5_000, "/dev/null", "/proc/self/mem", "a/" * 300, "*", "--help=1", "range(1,3)",
    "0.5", "1e-320",
)
NAMES = (
    "", "=", "+n", "++n", "~n", "n.", ".n", "guidance", "hydra.run.dir", "-n", "N", "é", "seed ",
)
SCAFFOLDS = (
    "C", "CC", "[*:1]C", "*C*", "C(*)(*)(*)*", "*", "**", "*=C", "C1CC", "c1cccc1", "[Fe]",
    "[NH4+]", "[O-]", "[N+](=O)[O-]", "C" * 400, "C" * 20_000, "", ".", "C.C", "[*]C.[*]N",
    "[2H]", "C[C@H](N)O", "[U+6]", "[Xx]", "F/C=C/F", "(((", "[H][H]", "C~C", "[#6]", "C>>N",
    "é", "[*:0]C", "C%99C%99", "[CH5]", "[CH3]", "[13CH4]", "C->[Fe]", "[*:1]N[*:1]",
    "[*:99999999999]C",
)
GOALS = (
    "max", "min", "<3", ">=1", "2.5±0.5", "1..3", "2", "0", "-1", "nan", "inf", "1e999", "3..1",
)
# fmt: on
CHARACTERS = "()[]{}:,*<>=±.+-0123456789eEabcqdlogpsx \"'\\\t\n\udc80é"
SCORES = {
    "raises": "raise ValueError('a\\nb')",
    "none": "return None",
    "nan": "return float('nan')",
    "text": "return 'one'",
    "several": "import numpy; return numpy.ones(3)",
    "complex_": "return 1j",
    "huge": "return 10 ** 400",
    "leaves": "raise SystemExit(3)",
    "dies": "import os; os._exit(9)",
    "sleeps": "import time; time.sleep(3)",
    "interrupts": "raise KeyboardInterrupt",
    "prints": "print('x' * 100000); return 1",
}


@dataclass
class Faults:
    """Makes arguments. folder: where the model and files lie; checkpoint: a small sound model."""

    folder: Path
    checkpoint: Path
    molecules: Path

    def arguments(self, program: str, out: Path, random: Random) -> list[str]:
        """Arguments of a program that writes to ``out``: sound ones, then one to three that are
        rarely so."""
        chosen = self.sound(program, out)
        for _ in range(random.choice((1, 1, 2, 3))):
            make = random.choice(self._makers(program))
            chosen += make(program, random)
        return chosen

    def sound(self, program: str, out: Path) -> list[str]:
        """Few arguments that do the least that the program can do."""
        model, file = f"checkpoint={self.checkpoint}", self.molecules
        least = {
            "train": ["dataset=smiles_file", f"dataset.path={file}", "trainer.steps=1"],
            "sample": [model, "n=3", "steps=1"],
            "optimize": [f"start={file}", "moves=mutate", "calls=4", "guidance.objective=qed:max"],
            "evaluate": [f"samples={file}", f"reference={file}"],
            "check": [model, "n=2", "grid=2"],
        }
        if program == "train":
            least["train"] += ["model.width=16", "model.heads=2", "model.depth=1"]
            least["train"] += ["trainer.batch_size=4", "trainer.trial_molecules=0"]
        return [*least[program], f"out={out}"]

    def _makers(self, program: str) -> list[Callable[[str, Random], list[str]]]:
        own: dict[str, list[Callable[[str, Random], list[str]]]] = {
            "train": [self.data, self.data, self.model],
            "sample": [self.objective, self.scaffold, self.components, self.model],
            "optimize": [self.objective, self.scaffold, self.components, self.start],
            "evaluate": [self.compared, self.compared, self.compared, self.model],
            "check": [self.model, self.model],
        }
        return [self.key, self.name, *own[program], *own[program]]

    def key(self, program: str, random: Random) -> list[str]:
        """A key that there is, with any value."""
        known = keys(PROGRAMS[program])
        name = random.choice(sorted(known))
        return [f"{name}={self._value(known[name], random)}"]

    def _value(self, known: Key, random: Random) -> str:
        if known.choices and random.random() < 0.3 and known.name != "dataset.name":
            return random.choice(known.choices)
        return random.choice(WORDS)

    def name(self, program: str, random: Random) -> list[str]:
        """A name that is none, or a recipe."""
        known = sorted(keys(PROGRAMS[program]))
        letters = list(random.choice(known))
        place = random.randrange(len(letters))
        letters[place : place + random.randrange(2)] = random.choice(("", "x", ".", "é"))
        recipes = [*groups(program)] or known
        name = random.choice(("".join(letters), random.choice(NAMES), random.choice(recipes)))
        return [random.choice((f"{name}={random.choice(WORDS)}", name))]

    def objective(self, program: str, random: Random) -> list[str]:
        """A text by the grammar of objectives, or nearly."""
        text = ",".join(self._component(random) for _ in range(random.randrange(1, 4)))
        if random.random() < 0.4:
            place = random.randrange(len(text) + 1)
            text = text[:place] + random.choice(CHARACTERS) + text[place + random.randrange(2) :]
        way = ["guidance=best_of"] if program == "sample" else []
        return [*way, f"guidance.objective={text}"]

    def _component(self, random: Random) -> str:
        inside = random.choice((*SCAFFOLDS, *WORDS, "C2H6O", "C0", "F", "[#7]", "Xx2"))
        family = random.choice(("similarity", "smarts", "isomer", "element", "nothing"))
        name = random.choice((random.choice(sorted(PROPERTIES)), f"{family}({inside})", "qed", ""))
        bounds = ", ".join(
            f"{one}={random.choice(('0', '1', '-1', '1e308', '-1e308', 'x', '5e-324'))}"
            for one in random.sample(("low", "high", "k", "mean", "sd", "coef_div"), 3)
        )
        kind = random.choice(("sigmoid", "step", "gaussian", "double_sigmoid", "linear", "none"))
        wanted = random.choice((*GOALS, *GOALS, f"{kind}({bounds})"))
        weight = random.choice(("", "", "*2", "*0", "*-1", "*nan", "*1e999", "**"))
        return f"{name}:{wanted}{weight}"

    def scaffold(self, program: str, random: Random) -> list[str]:
        """Constraints of molecules; those of optimize ask a model too."""
        found = [f"scaffold={random.choice(SCAFFOLDS)}"]
        counts = (
            "N:1",
            "N:0",
            "N:-1",
            "N:1,N:2",
            "Fe:1",
            "Xx:1",
            "N",
            "N:99999999",
            "é:1",
            ",",
            "C:9",
        )
        if random.random() < 0.3:
            found = [f"elements={random.choice(counts)}"]
        if random.random() < 0.3:
            found.append(f"forbidden={random.choice(('F', 'C', 'N+', 'Xx', ',', 'C,N,O', 'é'))}")
        if random.random() < 0.3:
            found.append(f"atoms={random.choice(('1', '4', '5', '0', '100'))}")
        return found if program == "sample" else [f"checkpoint={self.checkpoint}", *found]

    def components(self, program: str, random: Random) -> list[str]:
        """A YAML file of an objective."""
        entry = {"name": self._component(random).split(":")[0], "goal": random.choice(GOALS)}
        if random.random() < 0.5:
            entry[random.choice(("weight", "transform", "goal", "name", "other"))] = random.choice(
                (
                    1,
                    -1,
                    None,
                    "x",
                    [],
                    {},
                    {"type": "step"},
                    {"type": "step", "low": "a", "high": 1},
                )
            )
        content = json.dumps(random.choice(([entry], {"components": [entry]}, entry, [], None, 3)))
        path = self._written(self._spoilt(content.encode(), random), "goals.yaml")
        way = ["guidance=best_of"] if program == "sample" else ["guidance.objective="]
        return [*way, f"guidance.components={path}"]

    def data(self, program: str, random: Random) -> list[str]:
        """What a training learns from."""
        found = [f"dataset.path={self.file(random)}"]
        columns = ("smiles", "SMILES", "x", "", "é", "split", "\udcff")
        for key in ("smiles_column", "split_column"):
            if random.random() < 0.25:
                found.append(f"dataset.{key}={random.choice(columns)}")
        kind = random.choice(("smiles_file", "smiles_file", "smiles_tokens", "text"))
        return [*found, f"dataset={kind}"]

    def compared(self, program: str, random: Random) -> list[str]:
        """What an evaluation reads."""
        key = random.choice(("samples", "samples", "reference", "reference_test"))
        columns = ("smiles", "x", "", "split", "é", "SMILES")
        found = [f"{key}={self.file(random)}"]
        for one in ("smiles_column", "reference_column", "split_column"):
            if random.random() < 0.15:
                found.append(f"{one}={random.choice(columns)}")
        return found

    def start(self, program: str, random: Random) -> list[str]:
        """What a search starts from."""
        return [f"start={self.file(random)}"]

    def model(self, program: str, random: Random) -> list[str]:
        """A folder of a model in which something is wrong."""
        place = self.folder / "spoilt"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.checkpoint, place)
        if random.random() < 0.25:
            content = (place / WEIGHTS).read_bytes()
            (place / WEIGHTS).write_bytes(self._spoilt(content, random))
        else:
            plain = json.loads((place / CONFIG).read_text())
            part = plain
            if random.random() < 0.4:
                part = plain[random.choice(("vocabulary", "dataset", "flow"))] or plain
            name = random.choice(sorted(part))
            values = (None, -1, 0, 1, 10**30, 1.5, "x", "", [], {}, [1], True, "é", 1e308, [None])
            part[name] = random.choice(values)
            if random.random() < 0.2:
                del part[name]
            content = self._spoilt(json.dumps(plain).encode(), random)
            (place / CONFIG).write_bytes(content)
        samples = ["samples=", "n=2", "steps=1"] if program == "evaluate" else []
        return [*samples, f"checkpoint={place}"]

    def score(self, name: str, given: str) -> str:
        """A function of a user in a file."""
        path = self._written(f"def {name}({given}):\n    {SCORES[name]}\n".encode(), "own.py")
        return f"guidance.score={path}:{name}"

    def file(self, random: Random) -> Path:
        """Molecules in a file of any kind, in which much may be wrong."""
        ending = random.choice(
            (".csv", ".csv", ".tsv", ".txt", ".smi", ".sdf", ".CSV", ".xlsx", "")
        )
        content = self._records(random) if ending == ".sdf" else self._rows(ending, random)
        content = self._spoilt(content, random)
        if random.random() < 0.2:
            ending += ".gz"
            content = gzip.compress(content) if random.random() < 0.8 else content
            content = self._spoilt(content, random) if random.random() < 0.3 else content
        if random.random() < 0.03:
            return random.choice((self.folder, self.folder / "absent.csv", Path("/dev/null")))
        return self._written(content, f"mine{ending}")

    def _rows(self, ending: str, random: Random) -> bytes:
        mark = {".tsv": "\t", ".smi": " "}.get(ending, random.choice((",", ",", ";", "\t")))
        heads = (
            ["smiles"],
            ["SMILES", "split"],
            ["x"],
            ["smiles", "smiles"],
            ["split", "smiles"],
            [],
        )
        head = random.choice(heads)
        lines = [mark.join(head)] if head else []
        cells = ("train", "val", "test", "TRAIN", "other", "")
        for _ in range(random.choice((0, 1, 4, 12))):
            smiles = random.choice(MOLECULES if random.random() < 0.7 else BROKEN)
            other = random.choice(cells)
            lines.append(
                mark.join(
                    smiles if one[:1].lower() == "s" and "m" in one else other
                    for one in head or ["smiles"]
                )
            )
        end = random.choice(("\n", "\n", "\r\n", "\r"))
        code = random.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"))
        return (end.join(lines) + random.choice(("", end))).encode(code, "replace")

    def _records(self, random: Random) -> bytes:
        found = b""
        for _ in range(random.choice((0, 1, 4))):
            mol = Chem.MolFromSmiles(random.choice(MOLECULES))
            block = Chem.MolToMolBlock(mol, forceV3000=random.random() < 0.2)
            found += block.encode() + random.choice(
                (b"$$$$\n", b"$$$$\n", b"", b">  <x>\n1\n\n$$$$\n")
            )
        return found

    def _spoilt(self, content: bytes, random: Random) -> bytes:
        """The same, or with a few bytes otherwise, or cut, or doubled."""
        if random.random() < 0.5:
            return content
        place = random.randrange(len(content) + 1)
        some = random.choice(
            (b"\0", b"\xff", b'"', b"\n", b"9" * 12, b"", b"\xef\xbb\xbf", b"x" * 150_000)
        )
        kept = random.choice((place, place + 1, len(content)))
        return content[:place] + some + content[kept:]

    def _written(self, content: bytes, name: str) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


@pytest.fixture(params=SCORES)
def score_name(request) -> str:
    """One of the functions of a user that do not score as they should."""
    return request.param


@pytest.fixture(scope="module")
def faults(tmp_path_factory, of_chance) -> Faults:
    """Inputs around a model that was never trained."""
    folder = tmp_path_factory.mktemp("faults")
    model = of_chance(folder / "model")
    molecules = folder / "sound.csv"
    molecules.write_text("smiles\n" + "\n".join(MOLECULES) + "\n")
    return Faults(folder, model, molecules)
