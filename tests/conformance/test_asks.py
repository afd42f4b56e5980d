"""Every question to a stored run of every model: it gets arrays or a sentence, and hurts nobody who asks beside it."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.asks import ASKS, read_ask
from app.live.ask import Ask
from app.live.decode import TROUBLE, Decoder
from app.views.fast_sampling.asks import WAYS
from engines.errors import GenLabError
from engines.models import MODELS
from engines.training.run import Run
from engines.training.store import RunStore, Shelves

CHECKPOINTS = Path(__file__).resolve().parents[2] / "checkpoints"
INNOCENT = CHECKPOINTS / "flow" / "realnvp-moons"
STORED = {run.experiment.model: run for run in map(Run.load, sorted(CHECKPOINTS.glob("*/*")))}
WAYS_TO_ASK: Mapping[str, tuple[str, ...]] = {  # models that answer each word; those of the plane answer log_prob
    "decode": ("vae", "conditional_vae"),
    "encode": ("vae", "conditional_vae"),
    "portrait": ("vae", "conditional_vae"),
    "aggregate": ("vae", "conditional_vae"),
    "posterior": ("plane_vae",),
    **dict.fromkeys(("codes", "palette", "code_encode", "code_draw", "atlas"), ("vq_vae",)),
    **dict.fromkeys(("spell", "name_code", "name_draw", "name_map"), ("name_vae",)),
    **dict.fromkeys(("denoise_path", "denoise_belief"), ("image_denoiser",)),
    **dict.fromkeys(("field", "walk", "ode_log_prob"), ("score_field",)),
    "quiz": ("plane_gan", "picture_gan", "style_gan"),
    "bout": ("plane_gan",),
    **dict.fromkeys(("game_decode", "game_nearest", "game_latents"), ("picture_gan", "style_gan")),
    "translate": ("picture_cycle",),
    "waves": ("tone_distillation",),
}


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder(Shelves([RunStore(CHECKPOINTS)]))


def questions(run: Run, model: Any) -> dict[str, dict[str, Any]]:
    """A small question of each word, as it would fit this model."""
    place = {"run": run.experiment.digest, "step": None}
    z = [[0.0] * getattr(model, "n_latents", 2)]
    pixels = base64.b64encode(bytes(min(math.prod(model.event_shape), 3 * 32 * 32))).decode()
    maps = [[0] * math.prod(getattr(model, name, (1,))) for name in ("top_shape", "bottom_shape")]
    way = next((key for key, way in WAYS.items() if way.model == run.experiment.model), "heun")
    one_map = {"top": maps[0], "bottom": maps[1], "level": 0, "cell": 0}
    more: dict[str, dict[str, Any]] = {
        "samples": {"n": 3},
        "log_prob": {"n": 4},
        "decode": {"z": z},
        "encode": {"pixels": pixels},
        "aggregate": {"axes": [[1.0, *z[0][1:]], [*z[0][1:], 1.0]]},
        "posterior": {"x": [0, 0]},
        "codes": {"top": maps[:1], "bottom": maps[1:]},
        "palette": one_map,
        "code_encode": {"pixels": pixels},
        "code_draw": {"n_coarse": 1, "n_fine": 1, "seed": 0},
        "spell": {"z": z},
        "name_code": {"names": ["oslo"]},
        "name_draw": {"n": 1},
        "name_map": {"part": 0},
        "denoise_path": {"n_calls": 2, "n": 1, "seed": 0},
        "denoise_belief": {"picture": pixels, "sigma": 1.0, "seed": 0},
        "walk": {"walk": {"steps": 20}, "x": [0, 0]},
        "ode_log_prob": {"x": [0, 0], "steps": 5},
        "ways": {"way": way, "n_calls": WAYS[way].fewest, "n": 4},
        "flow_particles": {"temperature": 0.5},
        "flow_ledger": {"x": [0, 0]},
        "quiz": {"seed": 0},
        "bout": {"moves": "D"},
        "game_decode": {"z": z},
        "game_nearest": {"z": z},
        "translate": {"way": 0, "n": 1},
        "waves": {"seed": 0, "n": 1},
    }
    return {word: {"what": word} | place | more.get(word, {}) for word in ASKS}


def test_every_model_is_stored() -> None:
    """Else the tests below would pass it over; the Dirac-GAN is computed on its page, and never stored."""
    assert set(MODELS) - set(STORED) == set()


@pytest.mark.parametrize("key", STORED)
def test_each_question_is_answered_or_refused_alone(key: str, decoder: Decoder) -> None:
    run = STORED[key]
    asks = [read_ask(message) for message in questions(run, run.model()).values()]
    neighbour = read_ask({"run": Run.load(INNOCENT).experiment.digest, "step": None, "what": "samples", "n": 2})
    found = decoder.compute([*asks, neighbour], seconds=1e9)  # all in one batch, however long it takes
    assert isinstance(found[neighbour], dict) and found[neighbour]["samples"].shape == (2, 2)  # pyright: ignore
    answered = set()
    for word, ask in zip(ASKS, asks, strict=True):
        answer = found[ask]
        assert not (isinstance(answer, GenLabError) and str(answer) == TROUBLE), f"{word} breaks on {key}"
        if isinstance(answer, dict):
            assert answer and all(array.size or array.ndim for array in answer.values())
            answered.add(word)
        else:
            assert 20 < len(str(answer)) < 300
    wanted = {word for word, models in WAYS_TO_ASK.items() if key in models}
    assert wanted <= answered
    assert not (answered & set(WAYS_TO_ASK)) - wanted


class _Broken:
    """A kind of question whose pass fails when one of it is at fault."""

    together = 9

    def __init__(self, run: str, is_bad: bool) -> None:
        self.run, self.step, self.member, self.is_bad = run, None, 0, is_bad

    def check(self, model: Any, run: Run) -> None:
        pass

    @staticmethod
    def answer(model: Any, run: Run, asks: Any) -> dict[Any, Any]:
        if any(ask.is_bad for ask in asks):
            raise ZeroDivisionError("at fault")
        return {ask: {} for ask in asks}


def test_a_failure_inside_a_pass_stays_alone(decoder: Decoder, caplog: pytest.LogCaptureFixture) -> None:
    run = Run.load(INNOCENT).experiment.digest
    bad: Any = _Broken(run, True)
    good: list[Any] = [_Broken(run, False) for _ in range(3)]
    asks: list[Ask] = [good[0], bad, *good[1:]]
    found = decoder.compute(asks, seconds=60)
    assert [found[ask] for ask in good] == [{}, {}, {}]
    assert isinstance(found[bad], GenLabError) and str(found[bad]) == TROUBLE
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
