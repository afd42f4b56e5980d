"""The Dirac-GAN in numbers: its field and Jacobian, a table of all games, and the code behind it."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st
import torch

from app.source import source_of
from app.theme import ROLES
from app.views.dirac_gan.canvas import DiracPlace
from engines.gan.dirac.game import CURES, DiracSettings, losses_at, vector_field
from engines.gan.dirac.steps import Stability, outlook, step
from engines.gan.losses import LOSSES

SIGNS = {"in": "comes in", "out": "is thrown out", "circles": "circles", "halts": "halts", "kink": "has a kink"}


@lru_cache(maxsize=256)
def outlook_of(game: DiracSettings) -> Stability:
    """What the eigenvalues of a game say, by the engine."""
    return outlook(game)


@lru_cache(maxsize=64)
def jacobian_of(game: DiracSettings) -> tuple[tuple[float, float], tuple[float, float]]:
    """The field's Jacobian at (0, 0), by autograd."""

    def field(x: torch.Tensor) -> torch.Tensor:
        return torch.stack(vector_field(game, x[:1], x[1:]), dim=-1)[0]

    found = torch.autograd.functional.jacobian(field, torch.zeros(2, dtype=torch.float64))
    (a, b), (c, d) = torch.as_tensor(found).tolist()
    return (a, b), (c, d)


def draw_dirac_formula(game: DiracSettings) -> None:
    """The two losses, the field, its Jacobian with numbers, and the eigenvalues."""
    loss, cure = LOSSES[game.loss], CURES[game.cure]
    st.latex(loss.formula + (rf"\qquad \text{{cure}}:\ {cure.term}" if cure.term else ""))
    st.latex(
        r"r = \psi \cdot 0,\quad f = \psi\theta,\qquad v(\theta, \psi) = (-\partial_\theta L_G,\ -\partial_\psi L_D)"
    )
    if cure.is_kink:
        st.caption(
            f"The {cure.title.lower()} pulls the slope to ±1 also where the generator is right, so the game has no "
            "rest there, and no Jacobian: what is measured on the way is all that can be said."
        )
        return
    (a, b), (c, d) = jacobian_of(game)
    orange = ROLES["model"]["light"]
    numbers = rf"\begin{{pmatrix}} {a:.2f} & {b:.2f} \\ {c:.2f} & {d:.2f} \end{{pmatrix}}"
    found = ",\\ ".join(_complex(z) for z in outlook_of(game).eigenvalues)
    name = r"\lambda" if game.dynamics == "flow" else "z"
    st.latex(rf"v'(0,0) = {numbers},\qquad {name} = \textcolor{{{orange}}}{{{found}}}")
    what = "of the flow" if game.dynamics == "flow" else "of one step"
    st.caption(
        f"Jacobian at the equilibrium and eigenvalues {what}, by autograd through the same losses and penalties that "
        f"train every GAN here. {outlook_of(game).sentence} Eigenvalues speak of the neighbourhood of the equilibrium "
        "only; the distance on the way, under the field, is measured."
    )


def _complex(z: complex) -> str:
    if abs(z.imag) < 1e-9:
        return f"{z.real:.3f}"
    return f"{z.real:.3f} {'+' if z.imag > 0 else '-'} {abs(z.imag):.3f}i"


def draw_dirac_table(game: DiracSettings, *, key: str) -> None:
    """An expander with every loss and cure in words; nothing is computed before it is opened."""
    box = st.expander(
        "Every loss with every cure, by its eigenvalues", icon=":material/table_chart:", key=key, on_change="rerun"
    )
    if not box.open:
        return
    head = "| | " + " | ".join(cure.title for cure in CURES.values()) + " |\n|---" + "|---" * len(CURES) + "|\n"
    box.markdown(head + "".join(_row(game, loss) for loss in LOSSES))
    box.caption(
        f"Dynamics: {game.dynamics}; strength {game.strength:g}, h = {game.h:g}, ratio {game.ratio:g}, momentum "
        f"{game.momentum:g}, {game.n_critic} discriminator step{'s' if game.n_critic > 1 else ''}. The number: by what "
        f"the distance is multiplied in a {'unit of time' if game.dynamics == 'flow' else 'step'}, near its end."
    )


def _row(game: DiracSettings, loss: str) -> str:
    cells = []
    for cure in CURES:
        found = outlook_of(DiracSettings.from_dict(game.to_dict() | {"loss": loss, "cure": cure}))
        cells.append(SIGNS[found.kind] + (f", ×{found.factor:.4f}" if found.kind in ("in", "out") else ""))
    return f"| **{LOSSES[loss].title}** | " + " | ".join(cells) + " |\n"


def draw_dirac_code(place: DiracPlace) -> None:
    """The lines that compute the same way, the losses, and a step."""
    changed = "".join(f"\n    {name}={getattr(place.game, name)!r}," for name in place.game.changed())
    settings = f"DiracSettings({changed}\n)" if changed else "DiracSettings()"
    st.code(
        "from engines.gan.dirac.game import DiracSettings\n"
        "from engines.gan.dirac.steps import outlook, trajectory\n\n"
        f"game = {settings}\n"
        f"print(trajectory(game, {place.start}, n_steps=500))  # θ and ψ after each step\n"
        "print(outlook(game))\n",
        language="python",
    )
    st.caption("The game, from engines/gan/dirac/game.py, and a step of it, from engines/gan/dirac/steps.py:")
    st.code(f"{source_of(losses_at)}\n\n{source_of(step)}", language="python")
