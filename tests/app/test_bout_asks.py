"""Moves of two players by hand: the same each time, one after the other, and the run stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from app.asks import read_ask
from app.views.gan.asks import BoutAsk
from engines.errors import SettingError
from engines.training import Experiment, Trainer
from engines.training import moves as bout
from engines.training.moves import MOST_MOVES, HandMoves, play
from engines.training.run import Run
from engines.training.storing import train_and_store

SMALL = {"width": 8, "n_hidden": 1, "discriminator_hidden": 1}
STEPS = 4
ARROWS = 300


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small game after four steps."""
    experiment = Experiment.default("plane_gan", "ring", steps=STEPS, batch_size=32, settings=SMALL)
    folder = tmp_path_factory.mktemp("game") / experiment.digest
    return train_and_store(Trainer(experiment, device="cpu"), folder)


@pytest.fixture(autouse=True)
def afresh() -> None:
    """No bout of another test waits."""
    bout._bouts.clear()


def weights_after(run: Run, moves: str) -> dict[str, torch.Tensor]:
    made = HandMoves(run, STEPS)
    made.play(moves)
    return {name: value.clone() for name, value in made._trainer.model.state_dict().items()}


def moved(before: Mapping[str, torch.Tensor], after: Mapping[str, torch.Tensor]) -> set[str]:
    """Whose weights differ."""
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


def same(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


def test_without_moves_it_is_the_stored_step(small: Run) -> None:
    seen, stored = play(small, STEPS, ""), small.snapshots[-1].arrays
    for name in ("samples", "logits", "warp", "arrows"):
        assert np.allclose(seen[name], stored[name], atol=2e-3), name


def test_the_same_moves_lead_to_the_same_place(small: Run) -> None:
    first = play(small, STEPS, "DDG")
    bout._bouts.clear()
    assert same(first, play(small, STEPS, "DDG"))


def test_one_more_move_goes_on_from_where_the_last_one_ended(small: Run) -> None:
    at_once = play(small, STEPS, "DGD")
    bout._bouts.clear()
    for moves in ("", "D", "DG"):
        play(small, STEPS, moves)
    assert same(at_once, play(small, STEPS, "DGD"))


def test_to_take_a_move_back_is_never_to_have_made_it(small: Run) -> None:
    before = play(small, STEPS, "DG")
    play(small, STEPS, "DGG")
    assert same(before, play(small, STEPS, "DG"))


def test_another_step_has_another_bout(small: Run) -> None:
    assert not same(play(small, STEPS, "D"), play(small, 0, "D"))


def test_each_move_changes_its_own_player_alone(small: Run) -> None:
    start = weights_after(small, "")
    assert moved(start, weights_after(small, "D")) == {"discriminator"}
    assert moved(start, weights_after(small, "G")) == {"generator"}


def test_the_batch_is_judged_as_it_was_before_the_move(small: Run) -> None:
    seen, before = play(small, STEPS, "D"), HandMoves(small, STEPS)
    judge = before._trainer.model
    for points, logits in (("batch_real", "real_logits"), ("batch_fake", "fake_logits")):
        with torch.no_grad():
            assert np.allclose(judge.discriminate(torch.from_numpy(seen[points])), seen[logits], atol=1e-4)
    assert len(seen["batch_real"]) == len(seen["batch_fake"]) == len(seen["batch_noise"]) == 32
    softplus = lambda v: np.log1p(np.exp(v))  # noqa: E731
    by_hand = softplus(-seen["real_logits"]).mean() + softplus(seen["fake_logits"]).mean()
    assert seen["losses"][0] == pytest.approx(by_hand, abs=1e-4)
    assert np.isnan(seen["losses"][1])


def test_fakes_of_a_batch_are_made_of_its_noise(small: Run) -> None:
    seen, before = play(small, STEPS, "D"), HandMoves(small, STEPS)
    with torch.no_grad():
        made = before._trainer.model.decode(torch.from_numpy(seen["batch_noise"]))
    assert np.allclose(made, seen["batch_fake"], atol=1e-4)


def test_the_stored_run_is_untouched(small: Run) -> None:
    before = {path.name: path.read_bytes() for path in small.folder.iterdir()}
    play(small, STEPS, "DGDG")
    assert {path.name: path.read_bytes() for path in small.folder.iterdir()} == before


def test_the_canvas_gets_all_that_it_draws(small: Run) -> None:
    asks: Any = [read_ask({"run": "r", "step": STEPS, "what": "bout", "moves": moves}) for moves in ("DG", "D")]
    with torch.inference_mode():  # as the decoder asks
        found = BoutAsk.answer(small.model(), small, asks)
    seen = found[asks[0]]
    assert seen["arrows"].shape == (ARROWS, 2)
    assert seen["logits"].shape == seen["fake_log_density"].shape == (64, 64)
    assert np.isfinite(seen["losses"]).all()
    assert not np.array_equal(seen["samples"], found[asks[1]]["samples"])


@pytest.mark.parametrize("moves", [None, 3, "DX", "d", "DG" * MOST_MOVES, ["D"]])
def test_nonsense_is_refused_with_a_sentence(moves: object) -> None:
    with pytest.raises(SettingError, match=r"moves of D and G"):
        read_ask({"run": "r", "step": 0, "what": "bout", "moves": moves})


def test_another_model_plays_no_bout(trained: Run) -> None:
    with pytest.raises(SettingError, match=r"Only a GAN"):
        play(trained, None, "D")
