"""A stored run as one script of its own: the source of the model's classes, its settings, nothing of GenLab.

Beginning at the spec's `build`, every class, function and constant of engines that the source names is gathered, in
an order in which it can be read from top to bottom. Methods that only training and pictures use are left out.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from engines.datasets import DATASETS
from engines.errors import DataError
from engines.models import MODELS
from engines.training.run import Run

EXPORTED = ("flow",)
LEFT_OUT = ("phases", "observe", "_loss", "_reverse_loss", "_begin_with", "begin_with")

HEADER = '''\
"""{title}, trained on {dataset} by GenLab, run {digest}.

{idea}

    python {name}.py weights.safetensors        print ten samples and their log density

{paper}

Needs torch and safetensors only. From your own program: `model = load("weights.safetensors")`.
"""
'''

FOOTER = '''\
class Moments:
    """Mean and covariance of the data, all that the model is built from; the weights overwrite what they set."""

    def mean(self):
        return torch.tensor({mean})

    def covariance(self):
        return torch.tensor({covariance})


def load(path):
    """The trained model."""
    settings = SimpleNamespace({settings})
    model = {build}(settings, Moments())
    model.load_state_dict(load_file(path))
    return model.eval().requires_grad_(False)


def main():
    model = load(sys.argv[1] if len(sys.argv) > 1 else "weights.safetensors")
    samples = model.sample(10, rng=torch.Generator().manual_seed(0))
    print(samples)
{show_log_prob}

if __name__ == "__main__":
    main()
'''
SHOW_LOG_PROB = "    print(model.log_prob(samples))\n"
ALWAYS = {("sys", ""), ("torch", ""), ("types", "SimpleNamespace"), ("safetensors.torch", "load_file")}


def build_script(run: Run) -> str:
    """The text of a script that rebuilds the run's model from its weights file.

    Raises:
        DataError: If the model rests on more of GenLab than can stand in one file.
    """
    experiment, spec = run.experiment, MODELS[run.experiment.model]
    if spec.family not in EXPORTED:
        raise DataError(
            f"{spec.title} cannot be written as one file: it rests on too much of GenLab (exact targets, samplers, "
            f"likelihoods). With GenLab on the path, Run.load({str(run.folder)!r}).model() of engines.training.run "
            f"rebuilds it. Models of these families can be exported: {', '.join(EXPORTED)}."
        )
    if DATASETS[experiment.dataset].kind != "plane":
        raise DataError(
            f"{spec.title} cannot be written as one file: only models of points can. With GenLab on the path, "
            f"Run.load({str(run.folder)!r}).model() of engines.training.run rebuilds it."
        )
    gathered = _Gathered(imports=set(ALWAYS))
    gathered.add(spec.build.__name__, spec.build)
    header = HEADER.format(
        title=spec.title, dataset=experiment.dataset, digest=experiment.digest, idea=spec.idea, name=spec.key,
        paper=spec.paper,
    )  # fmt: skip
    values = spec.settings.from_dict(experiment.settings).to_dict()
    settings = ", ".join(f"{name}={value!r}" for name, value in values.items())
    show_log_prob = "" if "log_prob" in spec.absent else SHOW_LOG_PROB
    footer = FOOTER.format(
        **_moments(run), build=spec.build.__name__, settings=settings, show_log_prob=show_log_prob
    )  # fmt: skip
    top = [header, "from __future__ import annotations\n", gathered.import_block(), gathered.constant_block()]
    return "\n\n".join(["\n".join(part for part in top if part), *gathered.sources, footer])


def _moments(run: Run) -> dict[str, list[Any]]:
    spec = DATASETS[run.experiment.dataset]
    density: Any = spec.build(spec.settings.from_dict(run.experiment.dataset_settings))
    return {"mean": density.mean().tolist(), "covariance": density.covariance().tolist()}


@dataclass
class _Gathered:
    """What the script has so far; each thing comes after all that it names.

    Attributes:
        imports: (module, name) for `from module import name`; (module, "") or (module, "as name") for the whole.
        constants: Name -> value as source.
        sources: Classes and functions.
        annotations: Names of ours that stand in annotations.
        seen: Names in sources.
    """

    imports: set[tuple[str, str]]
    constants: dict[str, str] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    annotations: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)

    def add(self, name: str, value: Any) -> None:
        """Take over a class or function of engines with everything that it names."""
        if name in self.seen:
            return
        self.seen.add(name)
        lines = textwrap.dedent(inspect.getsource(value)).splitlines()
        node = ast.parse("\n".join(lines)).body[0]
        source = _without_methods(lines, node)
        node = ast.parse(source).body[0]
        at_run_time, in_annotations = _names(node)
        space = vars(sys.modules[value.__module__])
        for other in sorted(at_run_time & space.keys()):
            self._add_named(other, space[other])
        for other in sorted((in_annotations - at_run_time) & space.keys()):
            self._add_annotation(other, space[other])
        self.sources.append(source + "\n")

    def _add_named(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType):
            home, _, last = value.__name__.rpartition(".")
            whole = (value.__name__, "" if value.__name__ == name else f"as {name}")
            self.imports.add((home, name) if last == name and home else whole)
        elif not _has_source(value):
            self.constants[name] = repr(value)
        elif value.__module__.startswith("engines"):
            self.add(name, value)
        else:
            self.imports.add((_home(name, value), name))

    def _add_annotation(self, name: str, value: Any) -> None:
        """What stands in annotations only is imported if it is not ours; ours becomes Any."""
        if getattr(value, "__module__", "").startswith("engines"):
            self.annotations.add(name)
        else:
            self._add_named(name, value)

    def import_block(self) -> str:
        """Import lines, the standard library's first."""
        if self.annotations - self.seen:
            self.imports.add(("typing", "Any"))
        lines: dict[str, list[str]] = {}
        for module, name in sorted(self.imports):
            is_whole = not name or name.startswith("as ")
            lines.setdefault(f"import {module} {name}".rstrip() if is_whole else f"from {module} import ", []).append(
                name
            )
        texts = [line + ", ".join(names) if line.endswith(" ") else line for line, names in lines.items()]
        texts.sort(key=lambda text: (text.startswith("from"), text.split()[1]))
        ours = [text for text in texts if text.split()[1].split(".")[0] in sys.stdlib_module_names]
        return "\n".join([*ours, "", *(text for text in texts if text not in ours)]) + "\n"

    def constant_block(self) -> str:
        """Constants, and names that stand in annotations only."""
        lines = [f"{name} = {value}" for name, value in self.constants.items()]
        unknown = sorted(self.annotations - self.seen)
        if unknown:
            lines.append(" = ".join([*unknown, "Any  # named in annotations only"]))
        return "".join(f"{line}\n" for line in lines)


def _home(name: str, value: Any) -> str:
    """The module of a thing that is not ours; torch's parts come from where people import them."""
    homes = ("torch", "torch.nn")
    return next((home for home in homes if getattr(sys.modules[home], name, None) is value), value.__module__)


def _has_source(value: Any) -> bool:
    return isinstance(value, type) or callable(value) or hasattr(value, "__module__")


def _without_methods(lines: list[str], node: ast.stmt) -> str:
    """The source of a class without the methods that only training and pictures use."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    for method in reversed(body):
        if isinstance(method, ast.FunctionDef) and method.name in LEFT_OUT:
            del lines[method.lineno - 1 : method.end_lineno]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _names(node: ast.stmt) -> tuple[set[str], set[str]]:
    """Names that are needed at run time, and names in annotations."""
    notes = [n.annotation for n in ast.walk(node) if isinstance(n, ast.arg | ast.AnnAssign) and n.annotation]
    notes += [n.returns for n in ast.walk(node) if isinstance(n, ast.FunctionDef) and n.returns]
    inside = {id(n) for note in notes for n in ast.walk(note)}
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    return {n.id for n in names if id(n) not in inside}, {n.id for n in names if id(n) in inside}
