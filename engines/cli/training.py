"""`train`: one run into a folder, with a progress bar."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engines.cli.options import add_settings, read_settings
from engines.cli.progress import Progress
from engines.datasets import DATASETS
from engines.errors import DataError, SettingError, TrainingDiverged
from engines.models import MODELS
from engines.settings import Settings
from engines.tensors import describe_device
from engines.training.experiment import Experiment, Plan
from engines.training.run import Run
from engines.training.snapshot import Snapshot
from engines.training.storing import train_and_store
from engines.training.trainer import Trainer

_Outcome = tuple[Mapping[str, Any], BaseException | None]


def add_train(commands: Any, words: Sequence[str]) -> None:
    """Add the command to the parser; its options depend on the model and data set that the words name."""
    command = commands.add_parser("train", help="train a model and store the run", allow_abbrev=False)
    command.add_argument("model", metavar="MODEL", help="a model's key, as shown by list")
    command.add_argument("--dataset", metavar="D", required=True, help="a data set's key, as shown by list")
    command.add_argument("--preset", metavar="NAME", help="the model's settings to begin with")
    command.add_argument("--device", default="auto", help="auto, cuda, mps or cpu; default auto")
    command.add_argument("--out", type=Path, metavar="FOLDER", help="where the run is stored; default runs/DIGEST")
    _add_named_settings(command, words[1:] if words[:1] == ["train"] else ())
    command.set_defaults(call=train_run)


def train_run(arguments: argparse.Namespace) -> None:
    """Train, store, and print what came out.

    Raises:
        TrainingDiverged: After the last good state was stored.
        KeyboardInterrupt: Likewise, after Ctrl-C.
    """
    experiment = read_experiment(arguments)
    folder = arguments.out or Path("runs") / experiment.digest
    _check_folder(folder)
    metrics, trouble = _train_into(folder, experiment, arguments.device)
    run = Run.load(folder)
    reached = "at" if run.info.state == "finished" else "and keeps the weights of"
    print(f"{run.info.state} {reached} step {run.info.step} after {run.info.seconds:.1f} s, stored in {folder}")
    print_metrics(metrics)
    if trouble is not None:
        raise trouble


def _add_named_settings(command: argparse.ArgumentParser, words: Sequence[str]) -> None:
    """Options of the model and data set that are named; an unknown name is told once all words are read."""
    dataset = _word_after("--dataset", words)
    model = words[0] if words and not words[0].startswith("-") else ""
    usual = MODELS[model].usual(dataset) if model else None
    add_settings(command, "training", Plan, usual=usual.plan if usual else None)
    if usual:
        add_settings(command, f"settings of {MODELS[model].title}", MODELS[model].settings, usual=usual.settings)
    if dataset:
        add_settings(command, f"settings of the data set {dataset}", DATASETS[dataset].settings, "data.")


def _word_after(option: str, words: Sequence[str]) -> str:
    """The value of an option, written as two words or as option=value; empty if it is not there."""
    joined = [word.removeprefix(f"{option}=") for word in words if word.startswith(f"{option}=")]
    apart = [value for word, value in itertools.pairwise(words) if word == option]
    return (joined + apart + [""])[0]


def read_experiment(arguments: argparse.Namespace) -> Experiment:
    """The beginning that page and API have (`ModelSpec.usual`), then the preset, then the options."""
    spec, data = MODELS[arguments.model], DATASETS[arguments.dataset]
    return Experiment.default(
        spec.key,
        data.key,
        settings=_preset(arguments.preset, spec.presets) | read_settings(arguments, spec.settings),
        dataset_settings=read_settings(arguments, data.settings, "data."),
        **read_settings(arguments, Plan),
    )


def _preset(name: str | None, presets: Mapping[str, Settings]) -> dict[str, Any]:
    if name is None:
        return {}
    if name not in presets:
        raise SettingError(f"Expected a preset out of {', '.join(presets) or 'none'}, got {name[:40]!r}.")
    return presets[name].to_dict()


def _check_folder(folder: Path) -> None:
    """Only a new or empty folder, or one that holds a run, is written to."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "run.json").exists():
        raise DataError(f"Expected a new folder, an empty one or a run's, but {str(folder)!r} holds other files.")
    if folder.exists() and not folder.is_dir():
        raise DataError(f"Expected a folder to store the run in, but {str(folder)!r} is a file.")


def _train_into(folder: Path, experiment: Experiment, device: str) -> _Outcome:
    """Train to the end, to divergence or to a Ctrl-C; in each case a complete run is stored."""
    trainer = Trainer(experiment, device=device)
    where = describe_device(trainer.device)
    print(f"{experiment.model} on {experiment.dataset}: {trainer.n_parameters:,} parameters, {where}")
    try:
        with Progress(experiment.steps) as progress:
            run = train_and_store(
                trainer, folder, on_step=lambda t, s: progress.show(t.step, {**t.recent_losses, **_kl(s)})
            )
    except (TrainingDiverged, KeyboardInterrupt) as trouble:
        return {}, trouble
    return run.snapshots[-1].metrics, None


def _kl(snapshot: Snapshot) -> dict[str, Any]:
    return {"KL": snapshot.metrics["kl"]} if "kl" in snapshot.metrics else {}


def print_metrics(metrics: Mapping[str, Any]) -> None:
    """One line for each measure, with its error and whether it is exact."""
    if "kl" in metrics:
        print(f"KL(data || model)  {metrics['kl']:.4f} ± {metrics['kl_error']:.4f} nats (estimate)")
    if "bits_per_dim" in metrics:
        bounds = zip(metrics["bound"], metrics["bound_error"], metrics["bits_per_dim"], strict=True)
        for k, (bound, error, bits) in enumerate(bounds):
            print(f"model {k}: bound     {bound:.2f} ± {error:.2f} nats, {bits:.3f} bits per dimension (lower bound)")
    if "integral" in metrics:
        print(f"integral           {metrics['integral']:.4f} (of the density over the plane; 1 if it is proper)")
