"""A score field in numbers: the step with its numbers, the charts that prove the field, and the code behind it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import streamlit as st
import torch

from app.house import house
from app.page.charts import show_drawing
from app.source import source_of
from app.views.flows.formula import script_of
from app.views.score.asks import N_LEVELS, SIDE, band_of, target_of
from app.views.score.figures import (
    draw_error_by_density,
    draw_error_by_level,
    draw_error_over_training,
    draw_loss_and_fisher,
    draw_quality,
)
from engines.datasets.gaussian_mixture import GaussianMixture
from engines.errors import RunFormatError
from engines.probes import cell_centres
from engines.samplers import SAMPLERS, Range, diffusion, langevin
from engines.samplers.levels import langevin_share, largest_level, level_ratio
from engines.samplers.walks import WALKS, WalkSettings, count_calls
from engines.score import objectives
from engines.score.measures import N_SAMPLES
from engines.tensors import make_rng
from engines.training import Experiment
from engines.training.run import Run

CELLS = 96  # along each axis of the window, where the error is put against the density
PARTS = 10
RULED_POINTS = 500
FORMULAS = {
    "langevin": r"x' = x + a\, s(x, \sigma) + \sqrt{2 a T}\; z",
    "predictor_corrector": r"x' = x + (\sigma^2 - \sigma'^2)\, s(x, \sigma) + \sqrt{(\sigma^2 - \sigma'^2)\, T}\; z",
    "ancestral": r"x' = x + (\sigma^2 - \sigma'^2)\, s + \tfrac{\sigma'}{\sigma}\sqrt{(\sigma^2 - \sigma'^2)\,T}\; z",
    "ddim": r"x' = x + \sigma\,(\sigma - \sigma')\, s(x, \sigma)",
    "heun": r"x' = x + \tfrac{\sigma - \sigma'}{2}\,\big(\sigma s(x, \sigma) + \sigma' s(\tilde x, \sigma')\big)",
}
CONVENTION = (
    "Convention: a multiplies the score and 2a the noise. The NCSN paper writes α/2 and α, so its α is twice this a; "
    "its published code writes what stands here. The two differ by a factor of two."
)


def draw_score_formula(walk: WalkSettings, dial: Range, density: GaussianMixture) -> None:
    """The step of the walk with its numbers, and what was learned."""
    is_langevin = WALKS[walk.kind].is_held or walk.kind == "annealed"
    st.latex(FORMULAS["langevin" if is_langevin else walk.kind])
    st.latex(r"\text{learned: } \min_s\ \mathbb{E}\, \| \sigma s(x + \sigma z, \sigma) + z \|^2")
    st.caption(_numbers(walk, dial, density))
    if is_langevin:
        st.caption(CONVENTION)
    if walk.kind == "annealed" and walk.n_levels > 1:
        st.caption(_rules(walk, dial, density))


def _numbers(walk: WalkSettings, dial: Range, density: GaussianMixture) -> str:
    calls, t = f"{count_calls(walk):,} network calls for each particle", f"T = {walk.temperature:g}"
    if WALKS[walk.kind].is_held:
        sigma = min(max(walk.sigma, dial.sigma_min), dial.sigma_max)
        narrow = float(torch.linalg.eigvalsh(density.covariances).min()) + sigma**2
        return f"Now σ = {sigma:.3g}, a = {walk.step:g}, {t}: {calls}. It stays stable below a = {2 * narrow:.3g}."
    levels = f"σ from {dial.sigma_max:g} to {dial.sigma_min:g} in {walk.n_levels} levels"
    if walk.kind == "annealed":
        low, high = (walk.share * sigma**2 for sigma in dial)
        step = f"a = {walk.share:g} σ² = {high:.3g} … {low:.2g}"
        return f"Now {levels} of {walk.level_steps} steps, {step}, {t}: {calls}."
    warm = "" if walk.kind in ("ddim", "heun") else f", {t}"
    return f"Now {levels}, then 0{warm}: {calls}.{' x̃: after an Euler step.' if walk.kind == 'heun' else ''}"


@lru_cache(maxsize=64)
def _rules(walk: WalkSettings, dial: Range, density: GaussianMixture) -> str:
    """What NCSNv2's rules say of the levels and of the step here."""
    ratio = (dial.sigma_max / dial.sigma_min) ** (1 / (walk.n_levels - 1))
    share, reached = langevin_share(ratio, walk.level_steps)
    farthest = largest_level(density.sample(RULED_POINTS, rng=make_rng(0)))
    return (
        f"NCSNv2's rules: largest σ as far as two of {RULED_POINTS} points of the data are apart, {farthest:.3g}; any "
        f"ratio of levels will do in two dimensions (in 64, at most {level_ratio(64):.2f}); for {walk.level_steps} "
        f"steps between levels of ratio {ratio:.2f}, a = {share:.2g} σ², which leaves noise at {reached:.3g} times the "
        "variance it should have."
    )


@lru_cache(maxsize=32)
def errors_by_density(digest: str, started: float, step: int | None) -> dict[str, list[float]]:
    """sigma² |s - s*|² over the window in ten equal parts, the emptiest first, at three levels of a stored run.

    `started` tells trainings of the same run apart.

    Raises:
        RunFormatError: If the run or its weights are not there.
    """
    run = house().shelves.get(digest)
    if run is None:
        raise RunFormatError(f"There is no run {digest!r} here.")
    model, density = run.model(step), target_of(run.experiment)
    low, high = model.levels
    found = {}
    for sigma in sorted({low, (low * high) ** 0.5, high}):
        noised, x = density.noised(sigma), cell_centres(density.window, CELLS)
        with torch.inference_mode():
            off = sigma**2 * (model.score(x, sigma) - noised.score(x)).square().sum(1)
        parts = off[noised.log_prob(x).argsort()].tensor_split(PARTS)
        found[f"σ = {sigma:.3g}"] = [float(part.mean()) for part in parts]
    return found


def draw_score_charts(run: Run | None, step: int | None, *, key: str) -> None:
    """An expander with all charts; nothing is computed before it is opened."""
    box = st.expander(
        "Charts: where the field is wrong, its loss, and quality against network calls",
        icon=":material/show_chart:",
        key=key,
        on_change="rerun",
    )
    if not box.open:
        return
    with box:
        measured = [s for s in run.snapshots if "sigmas" in s.metrics] if run is not None else []
        if run is None or not measured:
            st.caption("The charts come when the run has ended.")
            return
        _draw_all(run, measured, step if step in run.weight_steps else None, key)


def _draw_all(run: Run, measured: list[Any], step: int | None, key: str) -> None:
    last = [s for s in measured if step is None or s.step <= step][-1].metrics
    left, right = st.columns(2)
    show_drawing(left, draw_error_by_level(last["sigmas"], last["score_errors"]), f"{key}/level")
    by_density = errors_by_density(run.name, run.info.started, step)
    show_drawing(right, draw_error_by_density(by_density), f"{key}/density")
    left.caption("Against the exact score of the noised data, in closed form. Mean over points of the noised data.")
    right.caption("The same error cell by cell over the window: it is large where there is no data to learn from.")
    left, right = st.columns(2)
    columns = (last[name] for name in ("sigmas", "losses", "least_losses", "score_errors"))
    show_drawing(left, draw_loss_and_fisher(*columns), f"{key}/loss")
    errors = [s.metrics["score_error"] for s in measured]
    gaps = [_mean(s.metrics["losses"]) - _mean(s.metrics["least_losses"]) for s in measured]
    show_drawing(right, draw_error_over_training([s.step for s in measured], errors, gaps), f"{key}/training")
    left.caption("At small σ no field can foresee the noise, so the loss never falls far: watch the error instead.")
    _draw_quality(run, measured[-1].metrics, key)


def _draw_quality(run: Run, last: dict[str, Any], key: str) -> None:
    """Quality against network calls, and where all of it comes from."""
    names = [name for name in SAMPLERS if f"energies_{name}" in last]
    if names:
        band = band_of(run.experiment.dataset, tuple(sorted(run.experiment.dataset_settings.items())), N_SAMPLES)
        curves = {SAMPLERS[name].title: (last[f"calls_{name}"], last[f"energies_{name}"]) for name in names}
        show_drawing(st.container(), draw_quality(curves, band), f"{key}/quality")
        st.caption(
            "Energy distance of 2,000 samples from 2,000 true ones; one true sample in twenty lies above the band. It "
            "is a U-statistic: that of good samples scatters around 0 and may be negative. Values below an eighth of "
            "the band are drawn there."
        )
    info = run.info
    st.caption(
        f"At the end: score error {last['score_error']:.4f}. Trained on {info.device} in {info.seconds:.1f} s, seed "
        f"{run.experiment.seed}, {info.n_parameters:,} parameters, torch {info.versions.get('torch', '?')}."
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def draw_score_code(experiment: Experiment, walk: WalkSettings) -> None:
    """The lines that compute the same run, its objective, and the sampler of the walk."""
    st.code(script_of(experiment), language="python")
    st.caption("What it learned by, from engines/score/objectives.py, and the walk, from engines/samplers:")
    samplers = {
        "hold": langevin.langevin,
        "annealed": langevin.annealed_langevin,
        "metropolis": langevin.metropolis_langevin,
        "predictor_corrector": diffusion.predictor_corrector,
        "heun": diffusion.heun,
    }
    parts: tuple[Any, ...] = (
        getattr(objectives, str(experiment.settings.get("objective", "denoising"))),
        samplers.get(walk.kind, diffusion.ddim),
    )
    st.code("\n".join(source_of(part) for part in parts), language="python")
    st.caption(
        "The canvas runs the same steps in app/views/score/walkers.js, on the field that the network gives on "
        f"{SIDE} × {SIDE} cells at {N_LEVELS} levels, each over the window and three σ beyond; between them it is "
        "linear. How much that costs stands in the property card. Beyond a grid the exact field goes on as the widest "
        "of its Gaussians, the learned one as at its edge."
    )
