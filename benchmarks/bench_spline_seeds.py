"""How far from the truth does a spline flow end at its usual settings, with seeds that nothing was tuned on?

python -m benchmarks.bench_spline_seeds        writes benchmarks/results/spline_seeds.json, about 4 minutes
"""

from __future__ import annotations

from benchmarks.bench_properties_kl import Kl, points_of
from benchmarks.machine import keep
from engines.metrics.divergences import kl_from_data
from engines.tensors import use_threads
from engines.training import Experiment, Trainer

SEEDS = (4101, 4102, 4103)
TARGETS = ("ring", "spirals", "moons", "rings")


def kl_of(dataset: str, seed: int) -> Kl:
    """KL(data || model) of one training on 100,000 fresh points, with its standard error, nats."""
    trainer = Trainer(Experiment.default("spline", dataset, seed=seed), device="cpu")
    while not trainer.is_done:
        trainer.advance()
    trainer.model.eval()
    x, true = points_of(dataset)
    return kl_from_data(trainer.model, true, x)


def main() -> None:
    """Train, measure, keep."""
    use_threads(1)
    keep("spline_seeds", {target: {str(seed): kl_of(target, seed) for seed in SEEDS} for target in TARGETS})


if __name__ == "__main__":
    main()
