"""Moves of the two players by hand, off the plan of a stored run: what each sees, judges and becomes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from engines.errors import SettingError
from engines.gan.plane.gan import PlaneGan
from engines.tensors import to_numpy
from engines.training.experiment import Experiment
from engines.training.run import Run
from engines.training.trainer import Trainer

MOST_MOVES = 200
PLAYERS: Mapping[str, str] = {"D": "discriminator", "G": "generator"}
LATEST = 0.9  # share of the training as whose rates are used at the latest: where they decay, the last are zero
N_KEPT = 6  # bouts that wait for their next move
MOST_SEED = 10_000

Arrays = dict[str, np.ndarray]


class HandMoves:
    """A run's two players at a kept step, with fresh optimisers; moves are made one after the other.

    Args:
        run: Where the weights come from; it is left untouched.
        step: A step that keeps its weights; None for the final ones.
    """

    def __init__(self, run: Run, step: int | None) -> None:
        at = run.info.step if step is None else step
        self._trainer = Trainer(_reseeded(run.experiment, at), device="cpu", weights=run.weights(step))
        if not isinstance(self._trainer.model, PlaneGan):
            raise SettingError("Only a GAN of the plane plays move by move.")
        self._trainer.step = min(at, int(LATEST * run.experiment.steps))
        self._trainer.model.begin_step(self._trainer.step / run.experiment.steps)
        self.moves = ""
        self._last: Arrays = {}

    def play(self, moves: str) -> Arrays:
        """Go on to these moves, which begin with those made already; returns what is to be seen then.

        samples, arrows, warp, logits, fake_log_density as in a snapshot; of the last move batch_real, batch_fake
        (B, 2), batch_noise (B, 1 or 2: its first latents), real_logits, fake_logits (B,) as judged before it, and
        losses (2,) of discriminator and generator as last seen, not a number before their first.
        """
        for move in moves[len(self.moves) :]:
            self._last |= self._make(move)
            self.moves += move
        seen = {"losses": np.full(2, np.nan, np.float32)} | self._last
        return seen | self._trainer.observe(self._trainer.source.probe)

    def _make(self, move: str) -> Arrays:
        """One update of one player, and the batch that it was made with."""
        model: PlaneGan = self._trainer.model
        before = {name: value.clone() for name, value in model.state_dict().items()}
        found = self._trainer.update(PLAYERS[move])
        assert model.batch is not None  # noqa: S101
        real, noise, fake = (part[0] for part in model.batch)
        after = {name: value.clone() for name, value in model.state_dict().items()}
        model.load_state_dict(before)
        logits = [to_numpy(model.discriminate(model.mean + model.scale * x)) for x in (real, fake)]
        model.load_state_dict(after)
        losses = self._last.get("losses", np.full(2, np.nan, np.float32)).copy()
        losses["DG".index(move)] = found[f"{PLAYERS[move]}_game"]
        points = {"batch_real": model.mean + model.scale * real, "batch_fake": model.mean + model.scale * fake}
        arrays = {name: to_numpy(value) for name, value in points.items()} | {"batch_noise": to_numpy(noise[:, :2])}
        return arrays | {"real_logits": logits[0], "fake_logits": logits[1], "losses": losses}


_bouts: OrderedDict[tuple[str, float, int | None], HandMoves] = OrderedDict()


def play(run: Run, step: int | None, moves: str) -> Arrays:
    """What moves from a kept step of a run lead to: always the same; one more move costs one update.

    Args:
        run: A stored run of a GAN of the plane.
        step: A step that keeps its weights; None for the final ones.
        moves: Of D and G, at most MOST_MOVES.

    Raises:
        SettingError: If it is another model.
        RunFormatError: If there are no such weights.
    """
    key = (run.experiment.digest, run.info.started, step)
    with torch.inference_mode(False), torch.enable_grad():
        bout = _bouts.pop(key, None)
        if bout is None or not moves.startswith(bout.moves):
            bout = HandMoves(run, step)
        seen = bout.play(moves)
    _bouts[key] = bout
    while len(_bouts) > N_KEPT:
        _bouts.popitem(last=False)
    return seen


def check_moves(moves: object) -> str:
    """Moves as text.

    Raises:
        SettingError: If they are none.
    """
    if not isinstance(moves, str) or len(moves) > MOST_MOVES or not set(moves) <= PLAYERS.keys():
        raise SettingError(f"Expected at most {MOST_MOVES} moves of D and G, such as DDG; got {str(moves)[:20]!r}.")
    return moves


def _reseeded(experiment: Experiment, step: int) -> Experiment:
    """The same, with a seed that depends on the step as well."""
    return replace(experiment, seed=(31 * experiment.seed + step + 1) % MOST_SEED, origin="")
