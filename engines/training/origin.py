"""Where a fork begins: the kept weights of a stored run, checked."""

from __future__ import annotations

from engines.blobs import pack
from engines.errors import RunFormatError, SettingError
from engines.models import MODELS
from engines.training.experiment import Experiment
from engines.training.store import Shelves


def origin_weights(shelves: Shelves, experiment: Experiment) -> bytes | None:
    """The weights that a fork starts from, as bytes; None for a run that starts anew.

    Raises:
        RunFormatError: If they are not there.
        SettingError: If they do not fit.
    """
    if not experiment.origin:
        return None
    digest, _, step = experiment.origin.partition("@")
    run = shelves.get(digest)
    if run is None or not step.isdigit():
        raise RunFormatError(f"This run starts from run {digest[:16]!r}, which is not stored here.")
    origin = run.experiment
    is_alike = MODELS[experiment.model].adopts or dict(origin.settings) == dict(experiment.settings)
    if origin.model != experiment.model or not is_alike:
        raise SettingError("A fork keeps the model and its size: expected the settings of the run it starts from.")
    kept = int(step) if int(step) in run.weight_steps else None
    if kept is None and int(step) != run.info.step:
        raise RunFormatError(f"Run {digest} keeps no weights of step {step[:9]}; kept: {run.weight_steps}.")
    return pack(run.weights(kept), {})
