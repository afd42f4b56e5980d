"""Games about pictures: the odds of collapse and of its cures, what true stacked digits measure, and the cards.

Writes assets/properties/picture_gan.json, assets/properties/style_gan.json and assets/measured/gan_pictures.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from benchmarks.machine import ROOT, keep, machine
from engines.build_checkpoints import SHIPPED
from engines.datasets import DATASETS
from engines.gan.images.convolutional import COLLAPSED, PictureGanSettings
from engines.metrics.classifier import measure_digits
from engines.metrics.stacked_modes import N_STACKED, measure_stacked
from engines.models import MODELS
from engines.tensors import make_rng, use_threads
from engines.training import Experiment, Trainer
from engines.training.run import Run

STEPS, SEEDS = 800, range(4)
MISSING = 0.02  # share below which a digit counts as not made
GAMES = ("picture_gan", "style_gan")
CARDS = ROOT / "assets" / "properties"
MEASURED = ROOT / "assets" / "measured" / "gan_pictures.json"

# One change each on the same collapsing game.
CURES: dict[str, PictureGanSettings] = {
    "collapses": COLLAPSED,
    "sees the batch": replace(COLLAPSED, minibatch_std=True),
    "two at once": replace(COLLAPSED, pack=2),
    "equal pace": replace(COLLAPSED, discriminator_rate=1.0),
}


def shipped() -> dict[str, Run]:
    """The stored runs of games about pictures, by name."""
    found = [each for each in SHIPPED if each.model in GAMES and (each.folder / "run.json").exists()]
    return {each.name: Run.load(each.folder) for each in found}


def odds() -> dict[str, list[dict[str, float]]]:
    """Digits that are made, and the KL of the classes, for each cure and seed after few steps."""
    found: dict[str, list[dict[str, float]]] = {}
    for name, settings in CURES.items():
        found[name] = [after(settings, seed) for seed in SEEDS]
        print(name, found[name], flush=True)
    return found


def after(settings: PictureGanSettings, seed: int) -> dict[str, float]:
    """A short training on digits as it ends."""
    experiment = Experiment.default("picture_gan", "digits", settings=settings.to_dict(), steps=STEPS, seed=seed)
    trainer = Trainer(experiment, device="cpu")
    while not trainer.is_done:
        trainer.advance()
    metrics: Any = trainer.measure()
    made = sum(share >= MISSING for share in metrics["classes"])
    return {"digits_made": made, "class_kl": metrics["class_kl"], "frechet": metrics["frechet"]}


def floors() -> dict[str, dict[str, float]]:
    """What true pictures measure: as many stacked digits as samples are taken, and training digits."""
    stacked, digits = DATASETS["stacked_digits"].examples(), DATASETS["digits"].examples()
    with torch.inference_mode():
        return {
            "stacked_floor": measure_stacked(stacked.train[:N_STACKED].float()),
            "digits_floor": measure_digits(digits.train.float(), digits.test.float()),
        }


def speeds(runs: dict[str, Run]) -> dict[str, dict[str, float]]:
    """Training steps, drawn pictures and milliseconds for one picture, of processor time, for each stored run."""
    found = {}
    for name, run in runs.items():
        model: Any = run.model().eval()
        z, trainer = model.draw_latents(1, make_rng(0)), Trainer(full_grown(run.experiment), device="cpu")
        with torch.inference_mode():
            drawn = 32 * rate(lambda model=model: model.sample(32, rng=make_rng(0)), 5)
            one = 1000 / rate(lambda model=model, z=z: model.decode(z), 30)
        found[name] = {"drawn": drawn, "one_ms": one, "steps": rate(trainer.advance, 10)}
    return found


def full_grown(experiment: Experiment) -> Experiment:
    """The same training at full size from the start: the steps that cost most."""
    settings = dict(experiment.settings)
    return replace(experiment, settings=settings | ({"grows": False} if "grows" in settings else {}))


def rate(act: Callable[[], object], count: int) -> float:
    """How often something is done in a second of the processor's time, whatever else the machine does."""
    act()
    start = time.process_time()
    for _ in range(count):
        act()
    return count / (time.process_time() - start)


def said_of_odds(found: dict[str, list[dict[str, float]]]) -> str:
    """The odds in words: least and most digits made by each."""
    words = []
    for name, ends in found.items():
        made = [int(end["digits_made"]) for end in ends]
        span = f"{min(made)}" if min(made) == max(made) else f"{min(made)} to {max(made)}"
        words.append(f"{name}: {span}")
    return "; ".join(words)


def write_picture_card(found: dict[str, Any], ends: dict[str, Any], runs: dict[str, Run]) -> None:
    digits, stacked, floor = ends["picture_gan-digits"], ends.get("picture_gan-stacked_digits"), found["stacked_floor"]
    speed, where = found["per_second"]["picture_gan-digits"], machine()
    faces = ends.get("picture_gan-faces")
    card = {
        "stability": {
            "value": "digits made of 10 after a short training, by cure: " + said_of_odds(found["odds"]),
            "how": f"Perceptrons on digits, {STEPS} steps, seeds {SEEDS[0]} to {SEEDS[-1]}; a digit counts from "
            f"{100 * MISSING:.0f} % of 300 samples on, by our own classifier. 'Collapses' has a discriminator at a "
            "twentieth of the pace; each cure changes one thing.",
        },
        "capacity": {
            "value": f"digits: squared Fréchet distance {digits['frechet']:.1f}, training digits themselves "
            f"{found['digits_floor']['frechet']:.1f}; "
            + (
                f"stacked digits: {stacked['modes']:,.0f} of 1,000 modes, KL {stacked['mode_kl']:.2f}"
                if stacked
                else ""
            ),
            "how": f"Stored runs, {N_STACKED:,} samples for the modes; true stacked digits {floor['modes']:,.0f} and "
            f"{floor['mode_kl']:.3f}; PacGAN's table on stacked MNIST: 1,000 and 0.06. "
            f"Weights: digits {runs['picture_gan-digits'].info.n_parameters:,}"
            + (f"; faces reach {100 * faces['coverage']:.0f} % of held-out ones by pixels" if faces else "")
            + ".",
        },
        "density": {
            "value": "none: only samples, and the discriminator's opinion",
            "how": "By construction: the pictures lie on a thin sheet, where a density is not defined.",
        },
        "constraints": {
            "value": "none on the generator; the discriminator's slope must be bounded, or the game does not settle",
            "how": "R1 on every shipped run but the collapsed one; see the page of Dirac-GAN for why.",
        },
        "speed": {
            "value": f"one pass: {speed['drawn']:,.0f} digits a second, one in {speed['one_ms']:.1f} ms",
            "how": f"Of processor time, one thread, torch {where['torch']}. Training steps a second: "
            + ", ".join(f"{name} {each['steps']:.0f}" for name, each in found["per_second"].items())
            + ".",
        },
    }
    write("picture_gan", card)


def write_style_card(found: dict[str, Any], ends: dict[str, Any], runs: dict[str, Run]) -> None:
    names = [name for name in ends if name.startswith("style_gan")]
    speed, where = {name: found["per_second"][name] for name in names}, machine()
    titles = {name: name.removeprefix("style_gan-") for name in names}
    kls = ", ".join(f"{titles[name]} {ends[name]['class_kl']:.3f}" for name in names)
    card = {
        "stability": {
            "value": f"KL of the kinds in nats, 0 as in the data: {kls}; kinds missing: {missing_of(names, ends)}",
            "how": "One seed each: ten digits by our own classifier, day and night by the brightness of the sky. The "
            "discriminator always sees how much a batch differs, and its slope is bounded by R1.",
        },
        "capacity": {
            "value": "; ".join(
                f"{titles[name]}: {100 * ends[name]['coverage']:.0f} % of the held-out pictures reached, "
                f"{runs[name].info.n_parameters:,} weights"
                for name in names
            ),
            "how": "Stored runs. Coverage of digits on the classifier's features with 1,500 samples, of faces on "
            "pixels with 300. Newness, 1 for held-out pictures: "
            + ", ".join(f"{titles[name]} {ends[name]['neighbour_ratio']:.2f}" for name in names)
            + ".",
        },
        "density": {
            "value": "none: only samples, and the discriminator's opinion",
            "how": "By construction: the pictures lie on a thin sheet, where a density is not defined.",
        },
        "constraints": {
            "value": "sides of the picture are doublings of about 4; else none",
            "how": "By construction; what is too large is cut off.",
        },
        "speed": {
            "value": "; ".join(f"{titles[name]}: one in {speed[name]['one_ms']:.1f} ms" for name in names),
            "how": f"Of processor time, one thread, torch {where['torch']}. Full-grown training steps a second: "
            + ", ".join(f"{titles[name]} {each['steps']:.1f}" for name, each in speed.items())
            + ".",
        },
    }
    write("style_gan", card)


def missing_of(names: list[str], ends: dict[str, Any]) -> str:
    """How many kinds each run hardly makes, in words."""
    counts = {name.removeprefix("style_gan-"): ends[name]["classes"] for name in names}
    return ", ".join(f"{title} {sum(s < MISSING for s in shares)} of {len(shares)}" for title, shares in counts.items())


def write(model: str, card: dict[str, Any]) -> None:
    (CARDS / f"{model}.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Measure, keep the numbers, and write the cards and what the page quotes."""
    use_threads(1)
    runs = shipped()
    ends = {name: dict(run.snapshots[-1].metrics) for name, run in runs.items()}
    found: dict[str, Any] = floors() | {"odds": odds(), "per_second": speeds(runs)}
    keep("properties_gan_pictures", found | {"ends": ends, "models": [MODELS[model].title for model in GAMES]})
    MEASURED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    write_picture_card(found, ends, runs)
    write_style_card(found, ends, runs)


if __name__ == "__main__":
    main()
