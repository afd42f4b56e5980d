"""How often a preset of the GAN page does what it is advertised for, as it was measured over seeds."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any

import streamlit as st

from engines.gan.plane.spec import PLANE_GAN, PUBLISHED
from engines.training import Experiment

ODDS = Path(__file__).resolve().parents[3] / "assets" / "measured" / "gan_odds.json"
TEACHING = {"std": 0.1}  # the ring of the page's presets
# Table 1 of VEEGAN (arXiv:1705.07761) and of PacGAN (arXiv:1712.04086): modes, share of high quality, reverse KL.
PAPERS = {
    "ring of 8": (
        ("GAN (VEEGAN's table)", 1, 0.993, None),
        ("Unrolled GAN (VEEGAN's table)", 7.6, 0.356, None),
        ("VEEGAN (its own table)", 8, 0.529, None),
        ("GAN (PacGAN's table)", 6.3, 0.982, 0.45),
        ("PacGAN2 (its own table)", 7.9, 0.956, 0.07),
    ),
    "grid of 25": (
        ("GAN (VEEGAN's table)", 3.3, 0.005, None),
        ("Unrolled GAN (VEEGAN's table)", 23.6, 0.16, None),
        ("VEEGAN (its own table)", 24.6, 0.40, None),
        ("GAN (PacGAN's table)", 17.3, 0.948, 0.70),
        ("PacGAN4 (its own table)", 24.8, 0.936, 0.04),
    ),
}


@lru_cache(maxsize=1)
def measured_odds() -> dict[str, Any]:
    """What benchmarks/bench_gan_odds.py found."""
    return json.loads(ODDS.read_text(encoding="utf-8"))


def draw_odds(experiment: Experiment) -> None:
    """One line, where this very experiment was measured over seeds."""
    if said := odds_said(experiment):
        st.caption(said)


def odds_said(experiment: Experiment) -> str:
    """The odds of an experiment in words, whatever its seed; empty where they were not measured."""
    found = measured_odds()
    for name, odds in found.get("presets", {}).items():
        settings = PLANE_GAN.presets[name].to_dict()
        changes = {"settings": settings, "dataset_settings": TEACHING} | PLANE_GAN.plan.to_dict()
        if _is_same(experiment, Experiment.default("plane_gan", "ring", **changes)):
            return _of_preset(name, odds, experiment.steps)
    for name, odds in found.get("published", {}).items():
        if _is_same(experiment, Experiment.default("plane_gan", PUBLISHED[name][0])):
            return _of_protocol(name, odds)
    return ""


def published_table(name: str) -> str:
    """The rows of the papers for a protocol, and ours with the preset that made it, as Markdown."""
    odds, (_, usual) = measured_odds()["published"][name], PUBLISHED[name]
    preset = next(key for key, settings in PLANE_GAN.presets.items() if settings == usual.settings)
    ours = f"**here: preset *{preset}*, {odds['steps']:,} steps, mean of {len(odds['modes'])} seeds**"
    means = (fmean(odds[key]) for key in ("modes", "high_quality", "reverse_kl"))
    rows = [*PAPERS[name], (ours, *means)]
    lines = (
        f"| {row} | {modes:g} | {100 * quality:.1f} % | {'' if kl is None else format(kl, '.2g')} |"
        for row, modes, quality, kl in rows
    )
    return f"| {name} | modes | high quality | reverse KL |\n|---|---|---|---|\n" + "\n".join(lines)


def _is_same(a: Experiment, b: Experiment) -> bool:
    """Whether two experiments differ in nothing but the seed and the number of games."""
    one, other = ({**each.to_dict(), "seed": 0} for each in (a, b))
    for each in (one, other):
        each["settings"] = each["settings"] | {"n_models": 1}
    return one == other


def _of_preset(name: str, odds: dict[str, Any], steps: int) -> str:
    end = "at 2 modes or fewer" if name == "collapse" else "with 8 of 8 modes"
    return (
        f"Odds of the preset *{name}*: {odds['as_said']} of {odds['seeds']} seeds ended {end} after {steps:,} steps; "
        f"on average {100 * odds['high_quality']:.0f} % of high quality, reverse KL {odds['reverse_kl']:.2f}."
    )


def _of_protocol(name: str, odds: dict[str, Any]) -> str:
    modes, quality, kl = odds["modes"], odds["high_quality"], odds["reverse_kl"]
    return (
        f"The published {name} by this preset, {len(modes)} seeds: {_range(modes, '.0f')} modes, high quality "
        f"{_range([100 * q for q in quality], '.1f')} % (true samples have 98.9 %: more means that tails are missing), "
        f"reverse KL at most {max(kl):.3f}, in {max(odds['seconds']):.0f} s of one core or less."
    )


def _range(values: list[float], form: str) -> str:
    low, high = (format(value, form) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
