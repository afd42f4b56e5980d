"""The rules of the house, read from the source itself: who may import whom, and what no file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400

# Folder or file (the longest match counts) -> outside packages that it may import when it is loaded.
AT_LOAD = {
    "engines": {"torch", "numpy", "sklearn"},
    "engines/training/worker": {"torch", "numpy", "sklearn", "distributed"},
}
# The same inside functions; scipy comes with scikit-learn.
IN_FUNCTIONS = {
    "engines": {"safetensors", "PIL", "torchvision", "psutil", "scipy", "skimage"},
    "engines/training/worker": {"dask"},
}
# Folder -> what no file in it may import, in whatever way.
FORBIDDEN = {
    "engines": {"streamlit", "plotly", "app", "tests"},
    "app": {"tests"},
}
# The same for files of that name in any folder: a figure gets numbers, and what it draws with is no framework.
FORBIDDEN_IN = {name: {"torch", "streamlit"} for name in ("figures.py", "bound_figures.py", "curves.py")}
# What no source may call or name: pickles are programs, and a path of one machine is none on another.
NO_PICKLE = re.compile(r"\b(pickle|torch\.load|joblib\.load|np\.load|allow_pickle)\b")
MACHINE_PATH = re.compile(r"""(?<![\w.])/(work|root|tmp|home)/|["']/(work|root|tmp|home)["']""")


@dataclass(frozen=True)
class Import:
    """One import: the module, and whether it happens when the file is loaded."""

    module: str
    is_at_load: bool
    line: int

    @property
    def package(self) -> str:
        return self.module.split(".")[0]


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def walk_imports(node: ast.AST, is_at_load: bool = True) -> Iterator[Import]:
    """Imports below a node; those for type checkers only are left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, is_at_load, child.lineno) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield Import("." * child.level + (child.module or ""), is_at_load, child.lineno)
        elif not is_type_checking(child):
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk_imports(child, is_at_load and not is_function)


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    return tuple(walk_imports(ast.parse(path.read_text(encoding="utf-8"))))


def allowed(table: dict[str, set[str]], name: str) -> set[str]:
    matching = [prefix for prefix in table if name.startswith(prefix)]
    return table[max(matching, key=len)] if matching else set()


@pytest.mark.parametrize("path", sources("engines", "app"), ids=name_of)
def test_imports_keep_the_rules(path: Path) -> None:
    name = name_of(path)
    for each in imports_of(path):
        where = f"{name}:{each.line} imports {each.module}"
        assert not each.module.startswith("."), f"{where}: write the whole name"
        for folder, names in FORBIDDEN.items():
            assert not (name.startswith(f"{folder}/") and each.package in names), f"{where}, which {folder} never may"
        assert each.package not in FORBIDDEN_IN.get(path.name, ()), f"{where}, which no {path.name} may"
        if not name.startswith("engines/") or each.package in {"engines", *sys.stdlib_module_names}:
            continue
        outside = allowed(AT_LOAD, name) | (set() if each.is_at_load else allowed(IN_FUNCTIONS, name))
        outside |= set() if each.is_at_load else IN_FUNCTIONS["engines"]
        assert each.package in outside, f"{where}: import it where it is used, or not at all"


@pytest.mark.parametrize("path", sources("engines", "app"), ids=name_of)
def test_file_is_of_readable_size(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_no_pickle_is_read() -> None:
    for path in sources("engines", "app", "benchmarks"):
        found = NO_PICKLE.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{name_of(path)}: {found}"


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Every text file that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert listed.returncode == 0, listed.stderr
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 1 << 20 and path != Path(__file__).resolve():
            content = path.read_bytes()
            if b"\0" not in content:
                yield name, content.decode("utf-8", errors="replace")


def test_no_path_of_one_machine_is_in_the_source() -> None:
    found = [f"{name}: {match[0]}" for name, text in tracked_texts() for match in [MACHINE_PATH.search(text)] if match]
    assert not found


def test_engines_load_with_torch_numpy_and_sklearn_alone() -> None:
    code = """
import sys
for name in "streamlit plotly distributed dask PIL safetensors torchvision psutil uvloop pandas".split():
    sys.modules[name] = None  # from now on its import fails
import engines.training, engines.training.store, engines.cli.main
from engines import DATASETS, MODELS
assert DATASETS and MODELS
next(engines.training.train(engines.training.Experiment.default("realnvp", "gaussian", steps=1)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
