"""What a canvas may ask of a stored model: one class for each kind of question, found by its word.

A question is a frozen dataclass: equal ones share one answer. `answer` gets all questions of one kind that came for one
model in the same instant, and answers them in as few passes as it can.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from app.live.ask import Ask
from app.live.plane_asks import DensityAsk, SamplesAsk
from app.views.cyclegan.asks import TranslateAsk
from app.views.distillation.asks import WavesAsk
from app.views.fast_sampling.asks import WaysAsk
from app.views.flows.asks import FlowLayersAsk, FlowLedgerAsk, FlowParticlesAsk
from app.views.gan.asks import BoutAsk
from app.views.human_discriminator.asks import QuizAsk
from app.views.image_diffusion.asks import BeliefAsk, PathAsk
from app.views.image_gan.asks import GameDecodeAsk, LatentsAsk, NearestAsk
from app.views.latent_space.asks import AggregateAsk, DecodeAsk, EncodeAsk, PortraitAsk
from app.views.plane_vae.asks import PosteriorAsk
from app.views.score.asks import FieldAsk, OdeAsk, WalkAsk
from app.views.sentence_vae.asks import NameCodeAsk, NameDrawAsk, NameMapAsk, SpellAsk
from app.views.vq_vae.asks import AtlasAsk, CodeDrawAsk, CodeEncodeAsk, CodesAsk, PaletteAsk
from engines.errors import SettingError

ASKS: Mapping[str, type[Ask]] = {
    "samples": SamplesAsk,
    "log_prob": DensityAsk,
    "decode": DecodeAsk,
    "encode": EncodeAsk,
    "portrait": PortraitAsk,
    "aggregate": AggregateAsk,
    "posterior": PosteriorAsk,
    "codes": CodesAsk,
    "palette": PaletteAsk,
    "code_encode": CodeEncodeAsk,
    "code_draw": CodeDrawAsk,
    "atlas": AtlasAsk,
    "spell": SpellAsk,
    "name_code": NameCodeAsk,
    "name_draw": NameDrawAsk,
    "name_map": NameMapAsk,
    "denoise_path": PathAsk,
    "denoise_belief": BeliefAsk,
    "field": FieldAsk,
    "walk": WalkAsk,
    "ode_log_prob": OdeAsk,
    "ways": WaysAsk,
    "flow_layers": FlowLayersAsk,
    "flow_particles": FlowParticlesAsk,
    "flow_ledger": FlowLedgerAsk,
    "quiz": QuizAsk,
    "bout": BoutAsk,
    "game_decode": GameDecodeAsk,
    "game_nearest": NearestAsk,
    "game_latents": LatentsAsk,
    "translate": TranslateAsk,
    "waves": WavesAsk,
}


def read_ask(message: Mapping[str, Any]) -> Ask:
    """The question that a browser sent, checked.

    Raises:
        SettingError: If a field is missing, of the wrong kind or out of range.
    """
    what = message.get("what")
    if not isinstance(what, str) or what not in ASKS:
        near = difflib.get_close_matches(str(what), ASKS, n=1, cutoff=0.0)[0]
        raise SettingError(f"Expected a run, a step and a known question, such as {near!r}; got {str(what)[:20]!r}.")
    return ASKS[what].from_message(message)
