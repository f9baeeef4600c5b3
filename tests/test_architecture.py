"""Imports point one way, the mathematics needs torch alone, and no file can run code when read."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import molflow

ROOT = Path(molflow.__file__).parent

FLOORS: list[set[str]] = [
    {"errors", "files", "cores", "processes"},
    {"console", "functional", "plugins"},
    {"claims", "progress"},
    {"flow"},
    {"nn"},
    {"graph", "sequence"},
    {"chem"},
    {"metrics", "datasets"},
    {"config", "modality", "enough"},
    {"model"},
    {"sampling"},
    {"guidance", "early", "saving", "pictures"},
    {"tabulated", "build"},
    {"samples"},
    {"shareable"},
    {"generator"},
    {"loading"},
    {"evaluation", "health", "training", "optimization"},
    {"report"},
    {"library"},
    {"commands"},
    {"train", "sample", "check", "evaluate", "optimize", "models", "completion"},
    {"estimator", "demo"},
    {"__main__"},
    {"__init__"},
]
"""From the ground up: rooms of one floor do not import each other, and none imports one above."""
PURE = {"flow", "nn", "graph", "sequence"}
"""The mathematics, which imports nothing of molflow but itself."""
OF_TRAINING = {"training", "train"}
MODULE_LINES, FUNCTION_LINES = 300, 60
"""At most; what grows longer is two ideas, and is carved where they part."""
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


def floor(unit: str) -> int:
    """The place of a room in FLOORS."""
    found = [index for index, units in enumerate(FLOORS) if unit in units]
    assert found, f"{unit} stands on no floor: give it one in FLOORS"
    return found[0]


def allowed(unit: str, other: str) -> bool:
    """Whether a module of `unit` may import from `other`."""
    if unit == other:
        return True
    if unit in PURE and other not in PURE:
        return False
    return floor(other) < floor(unit)


def wrong_directions(root: Path) -> list[str]:
    return [
        f"{file} imports {name}"
        for file, unit, tree in modules(root)
        for name in imported(tree)
        if name.startswith("molflow.") and name != "molflow.__version__"
        if not allowed(unit, name.split(".")[1])
    ]


def circle(root: Path) -> list[str]:
    """Modules that import one another, the first being the last again; none if all imports end."""
    files = {
        ".".join(("molflow", *path.relative_to(root).with_suffix("").parts)): path
        for path in root.rglob("*.py")
        if path.parent != root or path.name != "__init__.py"
    }
    names = {name.removesuffix(".__init__"): path for name, path in files.items()}

    def module_of(name: str) -> str:
        """The module that a full name is, or is in."""
        while name not in names and "." in name:
            name = name.rpartition(".")[0]
        return name

    arrows = {
        name: {module_of(one) for one in described(ast.parse(path.read_text()))}
        & set(names) - {name}
        for name, path in names.items()
    }
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def described(tree: ast.Module) -> Iterator[str]:
    """Full names of all that a module imports, with the names that it takes from a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


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


def too_long(root: Path) -> list[str]:
    """Modules of more lines than MODULE_LINES, and functions of more than FUNCTION_LINES."""
    found = []
    for path in sorted(root.rglob("*.py")):
        text, file = path.read_text(), path.relative_to(root)
        if (lines := text.count("\n")) > MODULE_LINES:
            found.append(f"{file}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    found.append(f"{file}: {node.name}: {lines} lines")
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


def test_no_modules_import_one_another_in_a_circle():
    assert circle(ROOT) == []


def test_modules_and_functions_are_short():
    assert too_long(ROOT) == []


def test_lightning_is_for_training_alone():
    lightning = {"pytorch_lightning", "lightning_fabric"}
    found = [
        f"{file} imports {name}"
        for file, unit, tree in modules(ROOT)
        if unit not in OF_TRAINING
        for name in imported(tree)
        if name.split(".")[0] in lightning
    ]
    assert found == []


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
        ("flow/a.py", "import molflow.console", "imports molflow.console"),
        ("metrics/a.py", "def f():\n    import molflow.config", "imports molflow.config"),
        ("metrics/a.py", "import molflow.datasets.store", "imports molflow.datasets.store"),
        ("model/a.py", "from molflow.build import Dataset", "imports molflow.build"),
        ("sampling/a.py", "from molflow.build import dataset_of", "imports molflow.build"),
        ("sampling/a.py", "import molflow.training.module", "imports molflow.training.module"),
        ("sampling/a.py", "from molflow import guidance", "imports molflow.guidance"),
        ("guidance/a.py", "from molflow.build import dataset_of", "imports molflow.build"),
        (
            "guidance/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import molflow.generator",
            "imports molflow.generator",
        ),
        ("generator.py", "import molflow.training.module", "imports molflow.training.module"),
        ("build.py", "from molflow.train import main", "imports molflow.train"),
        ("errors.py", "import molflow.flow.state", "imports molflow.flow.state"),
    ],
)
def test_an_import_against_the_direction_is_found(tmp_path, file, line, message):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(line)
    assert wrong_directions(tmp_path) == [f"{file} {message}"]


def test_a_circle_is_found(tmp_path):
    (tmp_path / "guidance").mkdir()
    for file, line in (
        ("__init__.py", ""),
        ("generator.py", "from molflow.guidance.guided import guided_walk"),
        ("guidance/__init__.py", ""),
        ("guidance/guided.py", "def f():\n    from molflow.guidance import surrogate"),
        ("guidance/surrogate.py", "import molflow.generator"),
    ):
        (tmp_path / file).write_text(line)
    rooms = "molflow.guidance.guided", "molflow.guidance.surrogate", "molflow.generator"
    assert set(circle(tmp_path)) == set(rooms)


def test_a_room_without_a_floor_is_found(tmp_path):
    (tmp_path / "attic").mkdir()
    (tmp_path / "attic" / "a.py").write_text("import molflow.errors")
    with pytest.raises(AssertionError, match="attic stands on no floor"):
        wrong_directions(tmp_path)


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


def test_a_module_and_a_function_that_grow_too_long_are_found(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n" + "    x = 1\n" * 59 + "\n" * 240)
    assert too_long(tmp_path) == []
    (tmp_path / "a.py").write_text("def f():\n" + "    x = 1\n" * 60 + "\n" * 240)
    assert too_long(tmp_path) == ["a.py: 301 lines", "a.py: f: 61 lines"]


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


def test_a_network_of_distances_is_compared_without_a_compiler():
    code = (
        "import sys, torch\n"
        "from molflow.graph.transformer import GraphTransformer\n"
        "from molflow.model.checkpoint import _Unfilled\n"
        "with torch.device('meta'), _Unfilled():\n"
        "    GraphTransformer((4, 3), 5, 32, 16, 2, 4, distances=True)\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
