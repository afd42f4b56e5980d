"""How often does the alarm of the GAN page speak on games that end well, and stay silent on games that collapse?

Sixteen games at a time as one batched model, each watched as the page watches its one game. A game counts as healthy if
it ends with all modes at a fifth of their share or more, and as collapsed if it ends with a quarter of them or fewer.

    python -m benchmarks.bench_gan_alarm        writes benchmarks/results/gan_alarm.json
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.machine import keep
from engines.gan.plane.alarm import AlarmInputs, Watch
from engines.gan.plane.measures import N_COMPARED, N_SAMPLES, GameMeasures, Trace
from engines.gan.plane.settings import MOST_MODELS
from engines.gan.plane.spec import PLANE_GAN
from engines.tensors import use_threads
from engines.training import Experiment, Trainer

STEPS, SEED = 900, 1000  # the rules of the alarm were tuned on games of other seeds
RING = {"std": 0.1}
BATCHES = {"usual": 4, "equal rates": 4, "collapse": 2, "packing": 2, "minibatch spread": 2}
HEALTHY = ("usual", "equal rates")  # the cures with a slow discriminator are in real trouble at first
FEW = 0.25  # of the modes, with which a game has collapsed
N_PULLED = 250


@dataclass(frozen=True)
class Watched:
    """One game: what was seen at each look, and how many modes it holds fairly at the end."""

    signs: list[AlarmInputs]
    n_fair: int


def watch_games(preset: str, seed: int, n_games: int = MOST_MODELS) -> list[Watched]:
    """Play games of a preset side by side on the teaching ring and look at each as the page does."""
    settings = PLANE_GAN.settings() if preset == "usual" else PLANE_GAN.presets[preset]
    experiment = Experiment.default(
        "plane_gan", "ring", steps=STEPS, seed=seed, settings={**settings.to_dict(), "n_models": n_games},
        dataset_settings=RING,
    )  # fmt: skip
    trainer = Trainer(experiment, device="cpu")
    model: Any = trainer.model
    density = model._density
    measures, traces = GameMeasures(density), [Trace(density) for _ in range(n_games)]
    looks: list[list[AlarmInputs]] = [[] for _ in range(n_games)]
    most_pulls = torch.full((n_games,), 1e-12)
    while not trainer.is_done:
        trainer.advance()
        for trace, fakes in zip(traces, model.mean + model.scale * model.batch[2], strict=True):
            trace.add(fakes)
        if trainer.is_snapshot_due or trainer.is_done:
            model.eval()
            most_pulls = _look(model, measures, traces, looks, most_pulls)
            model.train()
    samples = model.decode(model._fixed_noise(N_SAMPLES), None).detach()
    ends = [int(measures.of_modes(points)["modes_fair"]) for points in samples]
    return [Watched(*each) for each in zip(looks, ends, strict=True)]


def _look(
    model: Any, measures: GameMeasures, traces: list[Trace], looks: list[list[AlarmInputs]], most: Tensor
) -> Tensor:
    """Add what is seen of each game now; returns the largest pulls so far."""
    samples = model.decode(model._fixed_noise(N_SAMPLES), None).detach()
    border, n_modes = model.game.border, len(model._density.modes)
    with torch.no_grad():
        real = model.discriminate(measures.reference[:N_COMPARED], None)
        fake = model.discriminate(samples[:, :N_COMPARED], None)
    accuracy = ((real > border).float().mean(1) + (fake <= border).float().mean(1)) / 2
    pull = _pulls(model, samples[:, :N_PULLED])
    most = torch.maximum(most, pull)
    for k, (points, trace) in enumerate(zip(samples, traces, strict=True)):
        found = measures.of_modes(points)
        looks[k].append(
            AlarmInputs(
                share=model.progress, n_modes=n_modes, n_found=measures.held(found), n_moves=trace.n_moves,
                n_gained=trace.n_gained, high_quality=found["high_quality"], accuracy=float(accuracy[k]),
                pull=float(pull[k] / most[k]),
            )
        )  # fmt: skip
    return most


def _pulls(model: Any, x: Tensor) -> Tensor:
    """Mean length of the arrows at points (K, N, 2) of each game: (K,)."""
    points = ((x - model.mean) / model.scale).requires_grad_()
    logits = model._judge_each(points)
    (slope,) = torch.autograd.grad(model.game.generator(logits, logits).sum() * x.shape[1], points)
    return (slope / model.scale).norm(dim=2).mean(1)


def loudness(game: Watched) -> list[str]:
    """What the alarm says at each look, "" for nothing."""
    watch = Watch()
    said = [watch.look(signs) for signs in game.signs]
    return ["" if alarm is None else alarm.key for alarm in said]


def rates(games: list[Watched], n_modes: int = 8) -> dict[str, Any]:
    """Counts of healthy and of collapsed games, and of those that the alarm spoke on."""
    healthy = [loudness(game) for game in games if game.n_fair == n_modes]
    collapsed = [loudness(game) for game in games if game.n_fair <= FEW * n_modes]
    return {
        "healthy": len(healthy),
        "healthy_and_silent": sum(not any(said) for said in healthy),
        "collapsed": len(collapsed),
        "collapsed_and_loud_at_the_end": sum(bool(said[-1]) for said in collapsed),
        "neither": len(games) - len(healthy) - len(collapsed),
    }


def main() -> None:
    """Play, watch, keep."""
    use_threads(1)
    report(
        {
            preset: [game for batch in range(n) for game in watch_games(preset, SEED + batch)]
            for preset, n in BATCHES.items()
        }
    )


def report(games: dict[str, list[Watched]]) -> None:
    """Keep the rates of each preset, and of those that are healthy from the start."""
    found = {preset: rates(played) for preset, played in games.items()}
    healthy = rates([game for preset in HEALTHY for game in games[preset]])
    keep("gan_alarm", {"steps": STEPS, "seeds_from": SEED, "presets": found, "healthy_presets": healthy})


if __name__ == "__main__":
    main()
