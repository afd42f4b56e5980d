"""The VQ-VAE as an entry of `MODELS`: what it does best with on each set of pictures."""

from __future__ import annotations

from engines.datasets.base import Examples
from engines.model_spec import ModelSpec, Recipe
from engines.plan import Plan
from engines.vae.vq_vae import VqVae, VqVaeSettings


def build_vq_vae(settings: VqVaeSettings, examples: Examples) -> VqVae:
    """A VQ-VAE for these pictures."""
    return VqVae(examples.event_shape, examples.levels, settings)


def _usual(steps: int, learning_rate: float, **settings: float) -> Recipe:
    plan = Plan(steps=steps, batch_size=32, learning_rate=learning_rate)
    return Recipe(VqVaeSettings.from_dict(settings), plan)


VQ_VAE = ModelSpec(
    key="vq_vae",
    family="vae",
    title="VQ-VAE",
    idea="A picture is spelled in an alphabet of codes, coarse and fine; a language model learns how they are spelled.",
    settings=VqVaeSettings,
    build=build_vq_vae,
    presets={
        "tiny codebook": VqVaeSettings(n_codes=4),
        "large codebook": VqVaeSettings(n_codes=256),
        "dead codes": VqVaeSettings(n_codes=256, keeps_codes_alive=False),
        "no commitment": VqVaeSettings(commitment=0.0),
    },
    paper="van den Oord, Vinyals, Kavukcuoglu 2017, Neural discrete representation learning, arXiv:1711.00937; "
    "Razavi, van den Oord, Vinyals 2019, VQ-VAE-2, arXiv:1906.00446",
    absent={
        "log_prob": "It would be a sum over all maps of codes, 64^80 of them for a face: one term of it is the bound.",
        "log_prob_estimate": "One term of the sum over all maps is computed; nothing says how much the others add.",
        "encode": "A picture has one pair of maps of codes, not a distribution over them: use codes.",
        "decode": "Its latent is a pair of maps of numbers, not a vector: use decode_codes.",
        "to_latent": "Many pictures share their codes, so that codes do not tell the picture: use codes.",
        "to_data": "Codes have a distribution over pictures, not one: use decode_codes for its mean.",
        "layers_to_latent": "Its nets are not invertible, so their layers keep no count of volume.",
        "score": "It is not learned, and pixels and codes are whole numbers, which have no gradient.",
        "denoise": "It knows the clean pictures only, not the pictures at each noise level.",
        "discriminate": "There is no discriminator: copying the picture is the objective.",
        "next_token_logits": "Its prior tells the next code of a map, not the next pixel: prior.next_code_logits.",
        "sample_path": "Codes come one after the other, but only complete maps are a picture.",
    },
    takes=("image",),
    plan=Plan(steps=3000, batch_size=32, learning_rate=5e-3),
    on={
        "mnist_5k": _usual(5000, 4e-3, n_codes=16, prior_width=96, hidden_share=0.2),
        "digits": _usual(2000, 3e-3, n_codes=8, hidden_share=0.25),
        "faces": _usual(4000, 6e-3),
        "patches": _usual(3000, 5e-3),
    },
)
