"""The one optimisation loop, for every family: a model's phases tell it what a step is.

`train` is an iterator of snapshots; who consumes it decides when to go on, and stops by not asking again.
`Trainer` is the same loop one step at a time, for workers that must also listen while they train.
"""

from __future__ import annotations

import math
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.batches import Measures
from engines.blobs import as_picture
from engines.datasets import DATASETS
from engines.errors import RunFormatError, TrainingDiverged
from engines.model_spec import Phase
from engines.models import MODELS, build_model
from engines.tensors import make_rng, pick_device, release_memory, to_numpy
from engines.training.adam import LeanAdam
from engines.training.experiment import Experiment
from engines.training.snapshot import Snapshot
from engines.training.sources import build_source

N_SNAPSHOTS = 40
FEWEST_SNAPSHOTS = 8
PICTURE_BYTES = 1_200_000  # of all snapshots together: large pictures are kept at fewer steps
KEPT_WEIGHTS_BYTES = 600_000  # weights of as many snapshots as fit are kept, for forks and for other temperatures
EXPLODED = 1e4  # times the first loss, for this many steps on end: training has diverged, even if it is still finite
EXPLODED_STEPS = 50
SHOWN_AS = {"log_prob": "log density"}
WARM_UP = 20  # steps over which the learning rate rises: Adam's first steps move every weight by the full rate


def snapshot_steps(steps: int, count: int = N_SNAPSHOTS) -> tuple[int, ...]:
    """When snapshots are taken: step 0, dense at the start, wider later, and the last step."""
    return tuple(sorted({round(steps * (i / count) ** 2) for i in range(count + 1)}))


def train(
    experiment: Experiment, *, device: str = "auto", weights: Mapping[str, np.ndarray] | None = None
) -> Iterator[Snapshot]:
    """Train an experiment and yield its snapshots, the untrained model first.

    Args:
        experiment: What to train.
        device: "auto", "cuda", "mps" or "cpu".
        weights: State to start from, for an experiment with an origin.

    Raises:
        TrainingDiverged: After the last good snapshot, if a loss or picture is no longer finite, or a loss explodes.
    """
    trainer = Trainer(experiment, device=device, weights=weights)
    yield trainer.snapshot()
    while not trainer.is_done:
        trainer.advance()
        if trainer.is_snapshot_due:
            yield trainer.snapshot()


class Trainer:
    """A training that advances one step at a time.

    Args: see `train`.
    """

    def __init__(
        self, experiment: Experiment, *, device: str = "auto", weights: Mapping[str, np.ndarray] | None = None
    ) -> None:
        experiment.check()
        self.experiment = experiment
        self.device = pick_device(device)
        self.step = 0
        self._seconds = 0.0
        self._build_model(weights)
        self._build_data()
        self._compile_if_wanted()
        self._due = snapshot_steps(experiment.steps, self._snapshot_count())
        self._keeps = _steps_with_weights(self._due, self.model)
        self._sums: dict[str, list[Tensor]] = defaultdict(list)
        self._last_losses: dict[str, float] = {}
        self._first_losses: dict[str, float] = {}
        self._exploded_steps: dict[str, int] = defaultdict(int)
        self.last_good, self.last_good_step = self.weights(), 0
        self._better: tuple[dict[str, np.ndarray], int] | None = None  # until the next loss proves the last good one

    @property
    def is_done(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.experiment.steps

    @property
    def is_snapshot_due(self) -> bool:
        """Whether the schedule asks for a snapshot of this step."""
        return self.step in self._due

    @property
    def seconds(self) -> float:
        """Time spent in training steps."""
        return self._seconds

    def advance(self) -> None:
        """One step: each phase in turn, as often as it asks.

        Raises:
            TrainingDiverged: If a loss is no longer finite or explodes; `last_good` holds earlier weights.
        """
        start = time.perf_counter()
        if hasattr(self.model, "begin_step"):
            self.model.begin_step(self.step / self.experiment.steps)
        for phase, optimiser in self._phases:
            if phase.span[0] <= self.step / self.experiment.steps < phase.span[1]:
                for _ in range(phase.repeats):
                    self._update(phase, optimiser)
        self.step += 1
        self._seconds += time.perf_counter() - start

    def update(self, name: str) -> dict[str, float]:
        """One update of the phase of that name alone, off the plan; returns its losses."""
        phase, optimiser = next((phase, optimiser) for phase, optimiser in self._phases if phase.name == name)
        self._update(phase, optimiser)
        return {key: value for key, value in self.recent_losses.items() if key.startswith(f"{name}_")}

    def snapshot(self) -> Snapshot:
        """Look at the model on the fixed probe and measure it.

        Raises:
            TrainingDiverged: If what it shows is no longer finite.
        """
        arrays = self.observe(self.source.probe)
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise TrainingDiverged(
                    self.step, self._reason(f"the model's {SHOWN_AS.get(name, name)} holds numbers that are not finite")
                )
        if not any(self._exploded_steps.values()):
            self._better = self.last_good, self.last_good_step
            self.last_good, self.last_good_step = self.weights(), self.step
        weights = self.weights() if self.step in self._keeps else None
        release_memory()
        return Snapshot(self.step, self._seconds, self._mean_losses(), self.measure(), as_picture(arrays), weights)

    def observe(self, probe: Any) -> dict[str, np.ndarray]:
        """What the model looks like on a probe, now."""
        self.model.eval()
        seen = self.model.observe(probe)
        self.model.train()
        return seen

    def measure(self) -> Measures:
        """The finite ones of the measures of the model as it is now."""
        self.model.eval()
        with torch.no_grad():
            measures = self.source.measure(self.model, is_last=self.is_done)
        self.model.train()
        return {name: value for name, value in measures.items() if np.isfinite(value).all()}  # JSON knows no infinity

    def weights(self) -> dict[str, np.ndarray]:
        """A copy of the model's state, by name."""
        return {name: to_numpy(value).copy() for name, value in self.model.state_dict().items()}

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Put a state into the model."""
        load_weights(self.model, weights)

    @property
    def n_parameters(self) -> int:
        """Weights that are trained."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def recent_losses(self) -> dict[str, float]:
        """The losses of the last step."""
        return {name: float(values[-1]) for name, values in self._sums.items() if values} or self._last_losses

    def _build_model(self, weights: Mapping[str, np.ndarray] | None) -> None:
        experiment = self.experiment
        spec, data = MODELS[experiment.model], DATASETS[experiment.dataset]
        settings = spec.settings.from_dict(experiment.settings)
        data_settings = data.settings.from_dict(experiment.dataset_settings)
        self.model: Any = build_model(spec, settings, data, data_settings, experiment.seed)
        if weights is not None:
            start_from(self.model, weights)
        self.model.to(self.device)
        self._phases = [
            (phase, LeanAdam(phase.parameters, experiment.learning_rate, phase.betas)) for phase in self.model.phases()
        ]

    def _build_data(self) -> None:
        experiment = self.experiment
        spec = DATASETS[experiment.dataset]
        data = spec.data(spec.settings.from_dict(experiment.dataset_settings))
        uses_labels = getattr(self.model, "uses_labels", False)
        self.source = build_source(data, batch_size=experiment.batch_size, uses_labels=uses_labels, device=self.device)
        self._rng = make_rng(experiment.seed, self.device)

    def _compile_if_wanted(self) -> None:
        """GENLAB_COMPILE=1 lets flows train through a compiled density as soon as it is there."""
        if os.environ.get("GENLAB_COMPILE") == "1" and hasattr(self.model, "fast_log_prob"):
            from engines.flows.compiled import has_compiler, warm_up

            if has_compiler():
                shape = (self.experiment.batch_size, *self.model.event_shape)
                warm_up(self.model, torch.zeros(shape, device=self.device))

    def _snapshot_count(self) -> int:
        """As many snapshots as fit their budget of bytes."""
        size = sum(array.nbytes for array in as_picture(self.observe(self.source.probe)).values())
        return max(FEWEST_SNAPSHOTS, min(N_SNAPSHOTS, PICTURE_BYTES // max(1, size)))

    def _update(self, phase: Phase, optimiser: LeanAdam) -> None:
        optimiser.rate = self._learning_rate(phase)
        losses = phase.loss(self.source.next_batch(self._rng), self._rng)
        self._check_loss(phase.name, losses["loss"].item())
        optimiser.zero_grad()
        losses["loss"].backward()
        if phase.clip:
            torch.nn.utils.clip_grad_norm_(phase.parameters, phase.clip)
        optimiser.step()
        if phase.after is not None:
            phase.after()
        for name, value in losses.items():
            self._sums[name if len(self._phases) == 1 else f"{phase.name}_{name}"].append(value.detach())

    def _check_loss(self, phase: str, loss: float) -> None:
        """Raise TrainingDiverged if a loss is not finite, or has left all bounds of what it began with."""
        if not math.isfinite(loss):
            raise TrainingDiverged(self.step, self._reason("the loss is no longer a finite number"))
        first = self._first_losses.setdefault(phase, loss)
        is_exploded = abs(loss) > EXPLODED * max(1.0, abs(first))
        self._exploded_steps[phase] = self._exploded_steps[phase] + 1 if is_exploded else 0
        if is_exploded and self._better:
            self.last_good, self.last_good_step = self._better
        self._better = None
        if self._exploded_steps[phase] > EXPLODED_STEPS:
            raise TrainingDiverged(self.step, self._reason(f"the loss has exploded from {first:.3g} to {loss:.3g}"))

    def _learning_rate(self, phase: Phase) -> float:
        """A short linear rise, then cosine decay from the full rate to zero, over the phase's own span."""
        start, end = (share * self.experiment.steps for share in phase.span)
        warm = min(1.0, (self.step - start + 1) / WARM_UP)
        fall = 0.5 * (1 + math.cos(math.pi * (self.step - start) / (end - start))) if phase.decays else 1.0
        return warm * phase.rate * self.experiment.learning_rate * fall

    def _mean_losses(self) -> dict[str, float]:
        if self._sums:
            self._last_losses = {name: float(torch.stack(values).mean()) for name, values in self._sums.items()}
            self._sums.clear()
        return self._last_losses

    def _reason(self, what: str) -> str:
        return (
            f"At step {self.step} {what}. The usual cause is a learning rate that is too high (here "
            f"{self.experiment.learning_rate:g}): try a tenth of it. The last good snapshot, of step "
            f"{self.last_good_step}, is kept."
        )


def start_from(model: Any, weights: Mapping[str, np.ndarray]) -> None:
    """Let a training begin with the state of another one; a model that can `adopt` takes over what fits it.

    Raises:
        RunFormatError: If they are weights of another model.
    """
    if hasattr(model, "adopt"):
        model.adopt({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    else:
        load_weights(model, weights)


def load_weights(model: torch.nn.Module, weights: Mapping[str, np.ndarray]) -> None:
    """Put a stored state into a model.

    Raises:
        RunFormatError: If they are weights of another model, or of other settings.
    """
    try:
        model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    except RuntimeError:
        raise RunFormatError(
            "The stored weights do not fit this model: its settings must be those of the run."
        ) from None


def _steps_with_weights(due: tuple[int, ...], model: torch.nn.Module) -> frozenset[int]:
    """The snapshots that keep the weights: as many as fit the budget, evenly spread (the last is kept anyway)."""
    size = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    if size > KEPT_WEIGHTS_BYTES:
        return frozenset()
    count = max(2, min(len(due), KEPT_WEIGHTS_BYTES // max(1, size)))
    places = np.linspace(0, len(due) - 1, count).round().astype(int)
    return frozenset(due[i] for i in places)
