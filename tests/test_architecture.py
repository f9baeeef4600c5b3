"""Imports point one way, the mathematics needs torch alone, and no file can run code when read."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import molflow

ROOT = Path(molflow.__file__).parent

LAYERS: list[set[str]] = [
    {"flow"},
    {"nn"},
    {"graph", "sequence"},
    {"chem"},
    {"metrics", "datasets"},
]
PROGRAMS = {"train", "sample", "check", "evaluate", "optimize", "__init__"}
ANYWHERE = {"errors", "console", "processes"}
WITHOUT_CONSOLE = {"flow", "nn", "graph", "sequence"}
PICKLERS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def modules(root: Path) -> Iterator[tuple[str, str, ast.Module]]:
    """For every module under root: its file, its unit (first folder or file name), its syntax."""
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        yield str(relative), relative.parts[0].removesuffix(".py"), ast.parse(path.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    """Full names that a module imports, also inside functions; `from molflow import x` gives x."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "molflow":
                yield from (f"molflow.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def layer(unit: str) -> int:
    """The place in LAYERS; above them config, build, module and their like, then the programs."""
    if unit in PROGRAMS:
        return len(LAYERS) + 1
    return next((index for index, units in enumerate(LAYERS) if unit in units), len(LAYERS))


def allowed(unit: str, other: str) -> bool:
    """Whether a module of `unit` may import from `other`."""
    if other in ANYWHERE:
        return unit not in WITHOUT_CONSOLE
    if unit in ANYWHERE:
        return False
    if unit == other or layer(unit) == layer(other) == len(LAYERS):
        return True
    return layer(other) < layer(unit)


def wrong_directions(root: Path) -> list[str]:
    return [
        f"{file} imports {name}"
        for file, unit, tree in modules(root)
        for name in imported(tree)
        if name.startswith("molflow.") and name != "molflow.__version__"
        if not allowed(unit, name.split(".")[1])
    ]


def foreign_imports(root: Path, units: set[str], permitted: set[str]) -> list[str]:
    """Imports in `units` of packages that are neither standard library, molflow nor permitted."""
    return [
        f"{file} imports {name}"
        for file, unit, tree in modules(root)
        if unit in units
        for name in imported(tree)
        if name.split(".")[0] not in {*sys.stdlib_module_names, "molflow", *permitted}
    ]


def unsafe_reads(root: Path) -> list[str]:
    """Picklers, torch.load without weights_only=True, np.load with allow_pickle, and _target_."""
    found = []
    for file, _, tree in modules(root):
        found += [f"{file} imports {n}" for n in imported(tree) if n.split(".")[0] in PICKLERS]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                if "weights_only=True" not in ast.unparse(node):
                    found.append(f"{file}:{node.lineno} torch.load without weights_only=True")
            elif isinstance(node, ast.keyword) and ast.unparse(node) == "allow_pickle=True":
                found.append(f"{file}:{node.lineno} allow_pickle")
            elif isinstance(node, ast.Constant) and node.value == "_target_":
                found.append(f"{file}:{node.lineno} _target_")
    return found


def named(root: Path, files: list[str], words: set[str]) -> list[str]:
    """Where code of ``files`` has a string, a name or an attribute that is one of ``words``."""
    found = []
    for file in files:
        for node in ast.walk(ast.parse((root / file).read_text())):
            said = {getattr(node, part, None) for part in ("id", "attr", "arg", "name")}
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said = {node.value}
            elif isinstance(node, ast.ImportFrom):
                said = set((node.module or "").split("."))
            found += [f"{file}:{node.lineno} {word}" for word in said & words]
    return found


def test_neither_the_flow_nor_its_training_knows_what_it_generates():
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "flow").glob("*.py")]
    words = {"atoms", "bonds", "tokens", "graph", "sequence", "modality", "chem"}
    assert named(ROOT, [*files, "training/module.py"], words) == []


def test_imports_point_one_way():
    assert wrong_directions(ROOT) == []


def test_the_mathematics_imports_torch_and_the_standard_library_alone():
    assert foreign_imports(ROOT, {"flow"}, {"torch"}) == []


def test_networks_and_states_know_no_chemistry():
    # Two to convert to their own form and back: graph/pyg.py and sequence/vocabulary.py.
    allowed = {"torch", "numpy", "torch_geometric", "selfies"}
    assert foreign_imports(ROOT, {"nn", "graph", "sequence"}, allowed) == []


def test_nothing_that_is_read_can_run_code():
    assert unsafe_reads(ROOT) == []


def test_configuration_files_name_no_code():
    files = list((ROOT.parent / "configs").rglob("*.yaml"))
    assert files
    assert [file for file in files if "_target_" in file.read_text()] == []


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("flow/a.py", "from molflow.nn.layers import Norm", "imports molflow.nn.layers"),
        ("flow/a.py", "from molflow.errors import InputError", "imports molflow.errors"),
        ("graph/a.py", "from molflow import sequence", "imports molflow.sequence"),
        ("sequence/a.py", "import molflow.graph.graph", "imports molflow.graph.graph"),
        ("metrics/a.py", "def f():\n    import molflow.config", "imports molflow.config"),
        ("build.py", "from molflow.train import main", "imports molflow.train"),
        ("errors.py", "import molflow.flow.state", "imports molflow.flow.state"),
    ],
)
def test_an_import_against_the_direction_is_found(tmp_path, file, line, message):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(line)
    assert wrong_directions(tmp_path) == [f"{file} {message}"]


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "import torch\ntorch.load('a')",
        "import torch\ntorch.load('a', weights_only=False)",
        "import numpy as np\nnp.load('a', allow_pickle=True)",
        "x = {'_target_': 'os.system'}",
    ],
)
def test_an_unsafe_read_is_found(tmp_path, line):
    (tmp_path / "a.py").write_text(line)
    assert len(unsafe_reads(tmp_path)) == 1


def test_a_foreign_import_is_found(tmp_path):
    (tmp_path / "flow").mkdir()
    (tmp_path / "flow" / "a.py").write_text("import math\nimport numpy as np\nimport torch")
    assert foreign_imports(tmp_path, {"flow"}, {"torch"}) == ["flow/a.py imports numpy"]


@pytest.mark.parametrize(
    "line", ["x['atoms']", "x.atoms", "def f(atoms): ...", "from molflow.graph.state import blank"]
)
def test_what_names_a_field_or_a_kind_is_found(tmp_path, line):
    (tmp_path / "a.py").write_text(line)
    assert len(named(tmp_path, ["a.py"], {"atoms", "graph"})) == 1


def test_importing_molflow_imports_no_torch():
    code = "import sys, molflow; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


TRAINING = {"pytorch_lightning", "torch._dynamo", "sympy"}
MEASURING = {"rdkit.Chem.QED", "scipy", "sklearn", "matplotlib"}


@pytest.mark.parametrize("released", ["qm9", "qm9_smiles"])
def test_a_model_is_loaded_without_what_trains_measures_or_draws(released):
    code = f"import sys, molflow; molflow.load('{released}'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (TRAINING | MEASURING) & set(done.stdout.split()) == set()
