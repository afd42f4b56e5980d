"""The one optimisation loop, for every family: a model's phases tell it what a step is.

`train` is an iterator of snapshots; who consumes it decides when to go on, and stops by not asking again.
`Trainer` is the same loop one step at a time, for workers that must also listen while they train.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.datasets import DATASETS
from engines.errors import RunFormatError, TrainingDiverged
from engines.metrics.divergences import kl_from_data, plane_integral
from engines.model_spec import Phase
from engines.models import MODELS, build_model
from engines.probes import Probe, build_probe
from engines.tensors import make_rng, pick_device, to_numpy
from engines.training.experiment import Experiment
from engines.training.snapshot import Snapshot, as_picture

N_SNAPSHOTS = 40
KEPT_WEIGHTS_BYTES = 600_000  # weights of as many snapshots as fit are kept, for forks and for other temperatures
HELD_OUT = 2048
HELD_OUT_AT_END = 20_000
INTEGRAL_POINTS = 6000
INTEGRAL_POINTS_AT_END = 400_000
CHUNK_OF_BATCHES = 32
EXPLODED = 1e4  # times the first loss, for this many steps on end: training has diverged, even if it is still finite
EXPLODED_STEPS = 50
SHOWN_AS = {"log_prob": "log density"}
WARM_UP = 20  # steps over which the learning rate rises: Adam's first steps move every weight by the full rate
_HELD_OUT_SEED = 7_654_321  # apart from every training seed (at most 9999)


def snapshot_steps(steps: int) -> tuple[int, ...]:
    """When snapshots are taken: step 0, dense at the start, wider later, and the last step."""
    return tuple(sorted({round(steps * (i / N_SNAPSHOTS) ** 2) for i in range(N_SNAPSHOTS + 1)}))


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
        self._due = snapshot_steps(experiment.steps)
        self._keeps = _steps_with_weights(self._due, self.model)
        self._sums: dict[str, list[Tensor]] = defaultdict(list)
        self._last_losses: dict[str, float] = {}
        self._first_losses: dict[str, float] = {}
        self._exploded_steps: dict[str, int] = defaultdict(int)
        self.last_good, self.last_good_step = self.weights(), 0

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
        for phase, optimiser in self._phases:
            for _ in range(phase.repeats):
                self._update(phase, optimiser)
        self.step += 1
        self._seconds += time.perf_counter() - start

    def snapshot(self) -> Snapshot:
        """Look at the model on the fixed probe and measure it.

        Raises:
            TrainingDiverged: If what it shows is no longer finite.
        """
        arrays = self.observe(self.probe)
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise TrainingDiverged(
                    self.step, self._reason(f"the model's {SHOWN_AS.get(name, name)} holds numbers that are not finite")
                )
        if not any(self._exploded_steps.values()):
            self.last_good, self.last_good_step = self.weights(), self.step
        weights = self.weights() if self.step in self._keeps else None
        return Snapshot(self.step, self._seconds, self._mean_losses(), self._measure(), as_picture(arrays), weights)

    def observe(self, probe: Probe) -> dict[str, np.ndarray]:
        """What the model looks like on a probe, now."""
        self.model.eval()
        seen = self.model.observe(probe)
        self.model.train()
        return seen

    def weights(self) -> dict[str, np.ndarray]:
        """A copy of the model's state, by name."""
        return {name: to_numpy(value).copy() for name, value in self.model.state_dict().items()}

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
            load_weights(self.model, weights)
        self.model.to(self.device)
        fused = self.device.type in ("cpu", "cuda")
        self._phases = [
            (phase, torch.optim.Adam(phase.parameters, lr=experiment.learning_rate, fused=fused))
            for phase in self.model.phases()
        ]

    def _build_data(self) -> None:
        experiment = self.experiment
        spec = DATASETS[experiment.dataset]
        density: Any = spec.build(spec.settings.from_dict(experiment.dataset_settings))
        self.density = density.to(self.device)
        self._rng = make_rng(experiment.seed, self.device)
        self._batches: list[Tensor] = []
        self._scale = float(density.scale_tril.diagonal(dim1=1, dim2=2).min())
        self.probe = build_probe(density.window, device=self.device)
        held_out = density.sample(HELD_OUT_AT_END, rng=make_rng(_HELD_OUT_SEED))
        self._held_out = held_out.to(self.device)
        self._held_out_log_prob = self.density.log_prob(self._held_out.to(self.density.means.dtype))

    def _update(self, phase: Phase, optimiser: torch.optim.Optimizer) -> None:
        for group in optimiser.param_groups:
            group["lr"] = self._learning_rate()
        losses = phase.loss(self._next_batch(), self._rng)
        self._check_loss(phase.name, losses["loss"].item())
        optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        optimiser.step()
        for name, value in losses.items():
            self._sums[name if len(self._phases) == 1 else f"{phase.name}_{name}"].append(value.detach())

    def _check_loss(self, phase: str, loss: float) -> None:
        """Raise TrainingDiverged if a loss is not finite, or has left all bounds of what it began with."""
        if not math.isfinite(loss):
            raise TrainingDiverged(self.step, self._reason("the loss is no longer a finite number"))
        first = self._first_losses.setdefault(phase, loss)
        is_exploded = abs(loss) > EXPLODED * max(1.0, abs(first))
        self._exploded_steps[phase] = self._exploded_steps[phase] + 1 if is_exploded else 0
        if self._exploded_steps[phase] > EXPLODED_STEPS:
            raise TrainingDiverged(self.step, self._reason(f"the loss has exploded from {first:.3g} to {loss:.3g}"))

    def _learning_rate(self) -> float:
        """A short linear rise, then cosine decay from the full rate to zero."""
        warm = min(1.0, (self.step + 1) / WARM_UP)
        return warm * self.experiment.learning_rate * 0.5 * (1 + math.cos(math.pi * self.step / self.experiment.steps))

    def _next_batch(self) -> Tensor:
        if not self._batches:
            size = self.experiment.batch_size
            points = self.density.sample(CHUNK_OF_BATCHES * size, rng=self._rng)
            self._batches = list(points.split(size))
        return self._batches.pop()

    def _mean_losses(self) -> dict[str, float]:
        if self._sums:
            self._last_losses = {name: float(torch.stack(values).mean()) for name, values in self._sums.items()}
            self._sums.clear()
        return self._last_losses

    def _measure(self) -> dict[str, float]:
        if not hasattr(self.model, "log_prob"):
            return {}
        n = HELD_OUT_AT_END if self.is_done else HELD_OUT
        kl, error = kl_from_data(self.model, self._held_out_log_prob[:n], self._held_out[:n])
        n_points = INTEGRAL_POINTS_AT_END if self.is_done else INTEGRAL_POINTS
        integral = plane_integral(self.model, self.density.window, scale=self._scale, n_points=n_points)
        measures = {"kl": kl, "kl_error": error, "integral": integral}
        return {name: value for name, value in measures.items() if math.isfinite(value)}  # JSON knows no infinity

    def _reason(self, what: str) -> str:
        return (
            f"At step {self.step} {what}. The usual cause is a learning rate that is too high (here "
            f"{self.experiment.learning_rate:g}): try a tenth of it. The last good snapshot, of step "
            f"{self.last_good_step}, is kept."
        )


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
    """The snapshots that keep the weights: as many, evenly spread, as fit the budget; always first and last."""
    size = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    count = max(2, min(len(due), KEPT_WEIGHTS_BYTES // max(1, size)))
    places = np.linspace(0, len(due) - 1, count).round().astype(int)
    return frozenset(due[i] for i in places)
