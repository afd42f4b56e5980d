"""`evaluate`, `sample`, `export`: what can be done with a stored run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engines.blobs import pack, write_atomically
from engines.cli.export import build_script
from engines.cli.options import add_settings, read_settings
from engines.cli.training import print_metrics
from engines.datasets import DATASETS
from engines.errors import DataError
from engines.metrics.divergences import kl_from_data, plane_integral
from engines.models import MODELS
from engines.sampling import Draw, draw
from engines.tensors import describe_device, make_rng, pick_device, to_numpy
from engines.training.run import Run
from engines.training.sources import build_source

FRESH_POINTS = 50_000
FRESH_SEED = 24_680_135  # apart from the seeds of training (at most 9999) and of its held-out points
INTEGRAL_POINTS = 200_000


def add_evaluate(commands: Any) -> None:
    """Add `evaluate` to the parser."""
    command = commands.add_parser("evaluate", help="measure a stored run on fresh points")
    _add_folder(command)
    _add_device(command)
    command.set_defaults(call=evaluate)


def add_sample(commands: Any) -> None:
    """Add `sample` to the parser."""
    command = commands.add_parser("sample", help="draw from a stored run's model into a file")
    _add_folder(command)
    _add_device(command)
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .csv or .safetensors file")
    add_settings(command, "what is drawn", Draw)
    command.set_defaults(call=sample)


def add_export(commands: Any) -> None:
    """Add `export` to the parser."""
    command = commands.add_parser("export", help="print a script that rebuilds the model without GenLab")
    _add_folder(command)
    command.add_argument("--out", type=Path, metavar="FILE.py", help="write the script here instead")
    command.set_defaults(call=export)


def evaluate(arguments: argparse.Namespace) -> None:
    """Print the measures of a run's final model against its exact target."""
    run, device = Run.load(arguments.folder), pick_device(arguments.device)
    experiment, spec = run.experiment, MODELS[run.experiment.model]
    density: Any = DATASETS[experiment.dataset].build(_dataset_settings(run))
    print(f"{spec.title} on {experiment.dataset}, {run.info.state}")
    print(f"weights            of step {run.info.step}" + (f": {run.info.reason}" if run.info.reason else ""))
    print(f"measured on        {describe_device(device)}")
    model = run.model().to(device)
    if density is None or not hasattr(model, "log_prob"):
        print(f"no exact density   {spec.absent.get('log_prob', 'The data set has no known density.')}")
        _print_own_measures(run, model.eval(), device)
        return
    points = density.sample(FRESH_POINTS, rng=make_rng(FRESH_SEED))
    kl, kl_error = kl_from_data(model, density.log_prob(points.double()).to(device), points.to(device))
    narrowest = float(density.scale_tril.diagonal(dim1=1, dim2=2).min())
    integral = plane_integral(model, density.window, scale=narrowest, n_points=INTEGRAL_POINTS)
    print_metrics({"kl": kl, "kl_error": kl_error, "integral": integral})
    print(f"entropy of data    {density.entropy():.4f} ± {density.entropy_error():.4f} nats (estimate)")


def _print_own_measures(run: Run, model: Any, device: torch.device) -> None:
    """What the model's own family measures, with the care of a snapshot in training."""
    data = DATASETS[run.experiment.dataset].data(_dataset_settings(run))
    source = build_source(data, batch_size=1, uses_labels=False, device=device)
    with torch.no_grad():
        measures = source.measure(model, is_last=False)
    for name, value in measures.items():
        numbers = value if isinstance(value, list) else [value]
        print(f"{name:18} {' '.join(f'{number:.4g}' for number in numbers)}")


def sample(arguments: argparse.Namespace) -> None:
    """Draw samples and write them."""
    suffix = arguments.out.suffix
    if suffix not in (".csv", ".safetensors"):
        raise DataError(f"Expected a file that ends in .csv or .safetensors, got {arguments.out.name!r}.")
    wanted, device = Draw.from_dict(read_settings(arguments, Draw)), pick_device(arguments.device)
    _check_parent(arguments.out)
    model = Run.load(arguments.folder).model().to(device)
    _write_samples(arguments.out, np.concatenate([to_numpy(part) for part in draw(model, wanted)]))
    print(f"{wanted.n} samples in {arguments.out}, drawn on {describe_device(device)}")


def export(arguments: argparse.Namespace) -> None:
    """Print or write the stand-alone script."""
    run = Run.load(arguments.folder)
    script = build_script(run)
    if arguments.out is None:
        print(script, end="")
        return
    _check_parent(arguments.out)
    write_atomically(arguments.out, script.encode())
    print(f"python {arguments.out} {run.folder / 'weights.safetensors'}")


def _write_samples(path: Path, samples: np.ndarray) -> None:
    if path.suffix == ".safetensors":
        write_atomically(path, pack({"samples": samples}, {}))
        return
    flat = samples.reshape(len(samples), -1)
    names = ["x", "y"] if flat.shape[1] == 2 else [f"x{i}" for i in range(flat.shape[1])]
    rows = [",".join(names), *(",".join(f"{value:.9g}" for value in row) for row in flat)]
    write_atomically(path, ("\n".join(rows) + "\n").encode())


def _check_parent(path: Path) -> None:
    if not path.parent.is_dir():
        raise DataError(f"Expected a file in a folder that exists, but there is no folder {str(path.parent)!r}.")


def _dataset_settings(run: Run) -> Any:
    return DATASETS[run.experiment.dataset].settings.from_dict(run.experiment.dataset_settings)


def _add_folder(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="FOLDER", help="a stored run")


def _add_device(command: argparse.ArgumentParser) -> None:
    command.add_argument("--device", default="auto", help="auto, cuda, mps or cpu; default auto")
