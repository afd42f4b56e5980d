"""The property card of the Dirac-GAN: what the game of two numbers can and cannot do, computed over all its games.

Run `python -m benchmarks.bench_properties_dirac`; it writes assets/properties/dirac.json.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

from engines.gan.dirac.game import CURES, DiracSettings
from engines.gan.dirac.steps import outlook, trajectory
from engines.gan.losses import LOSSES
from engines.tensors import use_threads

CARD = Path(__file__).resolve().parents[1] / "assets" / "properties" / "dirac.json"
N_STEPS = 400
START = (1.0, 1.0)
ARRIVED = 0.01


def games(dynamics: str) -> list[DiracSettings]:
    """Every loss with every cure."""
    return [DiracSettings(loss=loss, cure=cure, dynamics=dynamics, h=0.1) for loss in LOSSES for cure in CURES]


def arrives(game: DiracSettings) -> bool:
    """Whether it is within ARRIVED of the equilibrium after N_STEPS."""
    return float(trajectory(game, START, N_STEPS)[-1].norm()) < ARRIVED


def count(found: Counter[str]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in found.most_common())


def main() -> None:
    use_threads()
    kinds = {name: Counter(outlook(game).kind for game in games(name)) for name in ("simultaneous", "alternating")}
    arrived = {name: [game for game in games(name) if arrives(game)] for name in kinds}
    of = len(games("flow"))
    by_cure = Counter(game.cure for game in arrived["simultaneous"])
    start = time.perf_counter()
    trajectory(DiracSettings(), START, 500)
    seconds = time.perf_counter() - start
    told = ", ".join(f"{CURES[cure].title} {n} of {len(LOSSES)}" for cure, n in by_cure.items())
    card = {
        "stability": {
            "value": f"{len(arrived['simultaneous'])} of {of} games arrive with both players moving at once, "
            f"{len(arrived['alternating'])} of {of} in turn",
            "how": f"Every loss with every cure at strength 1, h = 0.1, from θ = ψ = 1, {N_STEPS:,} steps; arrived: "
            f"within {ARRIVED} of the equilibrium. By cure: {told}. By eigenvalues: {count(kinds['simultaneous'])}.",
        },
        "capacity": {
            "value": "one point and one slope: two numbers",
            "how": "By construction.",
        },
        "density": {
            "value": "none: the generator is a point",
            "how": "By construction. That is the worst case for a GAN, data and samples never overlap.",
        },
        "constraints": {
            "value": "the discriminator is a line through 0; least squares cannot be right with it",
            "how": "D(0) = 0 always, while least squares asks for 1 at the data: its slope dies instead.",
        },
        "speed": {
            "value": f"{1e6 * seconds / 500:.0f} µs a step by autograd; the browser takes 500 at each turn of a slider",
            "how": "500 steps of the default game, one thread; a test holds the browser's arithmetic to the engine's.",
        },
    }
    CARD.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(card, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
