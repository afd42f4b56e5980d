"""Where a fork begins: the kept weights of a stored run, checked."""

from __future__ import annotations

from engines.blobs import pack
from engines.errors import RunFormatError, SettingError
from engines.models import MODELS
from engines.training.experiment import Experiment
from engines.training.store import NAME, Shelves


def origin_weights(shelves: Shelves, experiment: Experiment) -> bytes | None:
    """The weights that a fork starts from, as bytes; None for a run that starts anew.

    Any run of the experiment that keeps the step will do: on one machine they are the same, bit for bit.

    Raises:
        RunFormatError: If they are not there.
        SettingError: If they do not fit.
    """
    if not experiment.origin:
        return None
    digest, _, step = experiment.origin.partition("@")
    runs = shelves.attempts(digest) if NAME.fullmatch(digest) and step.isdigit() else []
    if not runs:
        raise RunFormatError(f"This run starts from run {digest[:16]!r}, which is not stored here.")
    run = next((run for run in runs if int(step) in (*run.weight_steps, run.info.step)), runs[0])
    origin = run.experiment
    is_alike = MODELS[experiment.model].adopts or dict(origin.settings) == dict(experiment.settings)
    if origin.model != experiment.model or not is_alike:
        raise SettingError("A fork keeps the model and its size: expected the settings of the run it starts from.")
    kept = int(step) if int(step) in run.weight_steps else None
    if kept is None and int(step) != run.info.step:
        raise RunFormatError(f"Run {digest} keeps no weights of step {step[:9]}; kept: {run.weight_steps}.")
    return pack(run.weights(kept), {})
