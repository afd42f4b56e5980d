"""The term index: which page, or which experiment on it, shows what a teacher searches.

It is made from what is there anyway: the pages and their terms, titles and papers of models, their settings, samplers,
losses, measures, and the experiments beside each page. Only other words for the same thing stand here.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from app.navigation import NAVIGATION, PageEntry
from engines.gan.dirac.game import CURES
from engines.gan.losses import LOSSES
from engines.metrics.catalogue import METRICS
from engines.model_spec import ModelSpec
from engines.models import MODELS
from engines.samplers.walks import WALKS
from engines.settings import setting_fields

VIEWS = Path(__file__).resolve().parent / "views"
MOST_HITS = 8
LONGEST_QUERY = 80
ALIKE = 0.78  # what share of two words must agree for one to be a slip of the other
SURE = 0.6  # with a match as good as this, nobody has mistyped

Kind = Literal["page", "experiment", "model", "measure", "method", "setting"]
KINDS: tuple[Kind, ...] = ("page", "experiment", "model", "measure", "method", "setting")

# Other words for the same thing: who searches one finds what says the other.
SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("ELBO", "evidence lower bound", "variational lower bound", "variational bound"),
    ("Fréchet distance", "FID", "Fréchet inception distance"),
    ("spherical interpolation", "slerp"),
    ("interpolation", "latent interpolation", "lerp", "linear interpolation"),
    ("word dropout", "letter dropout", "word (letter) dropout", "teacher forcing dropout"),
    ("KL annealing", "KL warm-up", "beta annealing", "warm-up"),
    ("posterior collapse", "KL vanishing", "KL collapse"),
    ("mode collapse", "mode dropping", "missing modes"),
    ("codebook collapse", "dead codes", "codebook restart", "index collapse"),
    ("normalizing flow", "normalising flow", "invertible network"),
    ("change of variables", "log-determinant", "Jacobian determinant"),
    ("neural ODE", "continuous normalizing flow", "CNF", "FFJORD"),
    ("neural spline flow", "rational-quadratic spline", "spline flow"),
    ("MAF", "masked autoregressive flow"),
    ("IAF", "inverse autoregressive flow"),
    ("MALA", "Metropolis-adjusted Langevin", "Metropolis-Hastings"),
    ("Langevin dynamics", "SGLD", "MCMC", "ULA"),
    ("NCSN", "noise-conditional score network"),
    ("DDPM", "denoising diffusion", "ancestral sampling", "diffusion model"),
    ("EDM", "Karras preconditioning", "elucidated diffusion"),
    ("classifier-free guidance", "CFG", "guidance scale"),
    ("rectified flow", "reflow"),
    ("minibatch optimal transport", "OT-CFM", "minibatch coupling"),
    ("NFE", "number of function evaluations", "network calls"),
    ("spectral normalization", "spectral norm", "SN-GAN"),
    ("minibatch standard deviation", "minibatch discrimination", "minibatch std. dev."),
    ("Wasserstein GAN", "WGAN", "earth mover", "Wasserstein distance"),
    ("WGAN-GP", "gradient penalty"),
    ("least-squares GAN", "LSGAN", "least squares"),
    ("relativistic GAN", "relativistic", "RpGAN", "R3GAN"),
    ("two time-scale update rule", "TTUR", "discriminator learning rate"),
    ("Generator EMA", "weight averaging", "exponential moving average"),
    ("StyleGAN", "style-based GAN"),
    ("DCGAN", "convolutional GAN"),
    ("precision and recall", "precision", "recall", "density and coverage", "coverage"),
    ("CycleGAN", "cycle consistency", "unpaired translation", "image-to-image translation", "pix2pix"),
    ("reparameterization trick", "reparametrization", "reparameterisation"),
    ("importance-weighted bound", "IWAE", "importance weighting"),
    ("maximum mean discrepancy", "MMD"),
    ("VQ-VAE", "vector quantization", "VQVAE-2"),
    ("inpainting", "fill in"),
    ("image editing", "SDEdit"),
    ("Turing test", "human evaluation", "real or fake"),
    ("memorization", "copying", "overfitting"),
    ("Nash equilibrium", "equilibrium"),
    ("generative adversarial network", "generative adversarial nets"),
    ("variational autoencoder", "VAE", "variational Bayes"),
    ("probability density distillation", "knowledge distillation"),
    ("rate-distortion", "rate and distortion", "distortion"),
    ("holes in the prior", "aggregate posterior"),
    ("traversal", "latent traversal"),
    ("sentence VAE", "text VAE", "text generation"),
    ("ELBO gap", "variational gap", "amortization gap", "inference gap"),
    ("fast sampling", "few-step sampling", "one-step sampling"),
    ("hinge loss", "hinge"),
    ("non-saturating loss", "non-saturating"),
    ("simultaneous gradient descent", "simultaneous steps"),
    ("alternating gradient descent", "alternating steps"),
    ("volume-preserving flow", "volume-preserving"),
    ("coupling layer", "coupling layers", "affine coupling"),
)


@dataclass(frozen=True)
class Hit:
    """A place that shows what was searched.

    Attributes:
        term: What matched, as it is written there.
        page: Title of the page.
        path: Its address.
        link: What its link says, so that the right model or experiment is open; empty: the page as it opens.
        kind: What the term is there: of the page, an experiment, a model, a measure, a method or a setting.
        closeness: From 0 to 1, the query itself being 1.
    """

    term: str
    page: str
    path: str
    link: Mapping[str, str]
    kind: Kind
    closeness: float = 1.0


@dataclass(frozen=True)
class _Phrase:
    """Words of a query or of a term, joined, and all that stand in it one after the other, joined."""

    words: tuple[str, ...]
    joined: str
    runs: frozenset[str]

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(text: str) -> _Phrase:
        words = words_of(text)
        stops = range(1, len(words) + 1)
        runs = {"".join(words[start:stop]) for stop in stops for start in range(stop)}
        return _Phrase(words, "".join(words), frozenset(runs | {run.removesuffix("s") for run in runs}))


@dataclass(frozen=True)
class _Entry:
    """A term of the index with the words by which it is found."""

    hit: Hit
    phrase: _Phrase


def search(text: str, most: int = MOST_HITS) -> list[Hit]:
    """The places that show a term, the closest first.

    Case, accents, hyphens and spaces do not count, Greek letters may be spelled out, other words for the same thing
    count nearly as much, and where nothing matches a slip of the finger is forgiven.

    Args:
        text: What is searched; longer than 80 characters is cut.
        most: Most hits that come back.
    """
    query = _Phrase.of(text[:LONGEST_QUERY])
    if len(query.joined) < 2:
        return []
    found = _found(query, _match)
    if not found or found[0].closeness < SURE:
        found = _found(query, _slip) or found
    return found[:most]


def words_of(text: str) -> tuple[str, ...]:
    """Its words in small letters without accents, Greek letters spelled out."""
    spelled = "".join(f" {_GREEK[c]} " if c in _GREEK else c for c in text.casefold())
    bare = "".join(c for c in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(c))
    return tuple(re.findall(r"[a-z0-9]+", bare))


_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "ε": "epsilon", "λ": "lambda", "σ": "sigma", "ι": "iota"}


def _found(query: _Phrase, match: _Match) -> list[Hit]:
    """The best of each place by the query and by other words for it, the closest first."""
    best: dict[tuple[str, str], Hit] = {}
    asked = [(query, 1.0), *((other, 0.97) for other in _synonyms_of(query, match))]
    for entry in index():
        closeness = round(max(weight * match(phrase, entry.phrase) for phrase, weight in asked), 3)
        place = (entry.hit.path, entry.hit.term if entry.hit.kind == "experiment" else "")
        if closeness > 0 and (place not in best or _rank(best[place]) > _rank(replace(entry.hit, closeness=closeness))):
            best[place] = replace(entry.hit, closeness=closeness)
    return sorted(best.values(), key=_rank)


def _rank(hit: Hit) -> tuple[float, bool, int]:
    """The closest first; of equals a page that is named by the term, then by what the term is there."""
    return -hit.closeness, _Phrase.of(hit.term).joined not in _Phrase.of(hit.page).runs, KINDS.index(hit.kind)


def _synonyms_of(query: _Phrase, match: _Match) -> Iterator[_Phrase]:
    """Other words for what was searched; a slip is forgiven where the match forgives it."""
    for group in SYNONYMS:
        phrases = tuple(map(_Phrase.of, group))
        if any(match(query, phrase) >= _SAME[match] for phrase in phrases):
            yield from phrases


def _match(query: _Phrase, term: _Phrase) -> float:
    """How well a query fits a term, without a slip; 0: not at all."""
    asked, joined = query.joined, term.joined
    share = len(asked) / max(len(joined), 1)
    if asked in (joined, f"{joined}s") or joined == f"{asked}s":
        return 1.0
    if asked in term.runs:
        return 0.8 + 0.15 * share
    if len(joined) > 3 and joined in query.runs:  # "what is mode collapse?"
        return 0.7 + 0.1 / share
    if len(asked) > 2 and (joined.startswith(asked) or _begin(query, term)):
        return 0.65 + 0.1 * share
    return 0.4 + 0.1 * share if len(asked) > 3 and asked in joined else 0.0


def _begin(query: _Phrase, term: _Phrase) -> bool:
    """Whether each word of the query begins a word of the term."""
    return all(any(word.startswith(part) for word in term.words) for part in query.words)


def _slip(query: _Phrase, term: _Phrase) -> float:
    """How alike a query and a term, or a part of it as long as the query, are; 0: not alike."""
    if len(query.joined) < 4:
        return 0.0
    n = len(query.words)
    parts = {"".join(term.words[i : i + n]) for i in range(len(term.words) - n + 1)} - {term.joined}
    return max(_alike(query.joined, term.joined), *(0.9 * _alike(query.joined, part) for part in parts), 0.0)


def _alike(one: str, other: str) -> float:
    """Share of the letters that two words have in common and in order; 0 below ALIKE."""
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= ALIKE else 0.0


_Match = Callable[[_Phrase, _Phrase], float]
_SAME: Mapping[_Match, float] = {_match: 1.0, _slip: 0.85}  # from which closeness a word of a group is meant


@lru_cache(maxsize=1)
def index() -> tuple[_Entry, ...]:
    """All terms, those of each page in the order of the navigation."""
    return tuple(entry for page in NAVIGATION for entry in _entries_of(page))


def _entries_of(page: PageEntry) -> Iterator[_Entry]:
    yield from _entries(page, "page", (page.title, *page.terms))
    for lesson in _lessons_of(page):
        yield from _lesson_entries(page, lesson)
    for key, link in models_of(page).items():
        spec = MODELS[key]
        yield from _entries(page, "model", (spec.title, *_papers_of(spec)), link)
    for key, link in models_of(page).items():
        yield from _entries(page, "setting", _settings_of(MODELS[key]), link)
    yield from _entries(page, "measure", (METRICS[key].title for key in page.measures))
    yield from _entries(page, "method", METHODS.get(page.path, ()))


def _entries(
    page: PageEntry, kind: Kind, terms: Iterable[str], link: Mapping[str, str] | None = None
) -> Iterator[_Entry]:
    for term in dict.fromkeys(terms):
        yield _Entry(Hit(term, page.title, page.path, link or {}, kind), _Phrase.of(term))


def _lesson_entries(page: PageEntry, lesson: Mapping[str, Any]) -> Iterator[_Entry]:
    """An experiment, found by its title and by the terms that stand beside it."""
    hit = Hit(lesson["title"], page.title, page.path, lesson["link"], "experiment")
    for term in (lesson["title"], *lesson.get("terms", ())):
        yield _Entry(hit, _Phrase.of(term))


@lru_cache(maxsize=32)
def _lessons_of(page: PageEntry) -> tuple[dict[str, Any], ...]:
    with (VIEWS / page.folder / "lessons.toml").open("rb") as file:
        return tuple(tomllib.load(file)["experiment"])


def models_of(page: PageEntry) -> dict[str, dict[str, str]]:
    """The models of a page, each with the link that opens the page with it."""
    if page.path == "flows":
        return {key: {"flow": key} for key, spec in MODELS.items() if spec.family == "flow" and key not in _ELSEWHERE}
    return {key: dict(link) for key, link in HOMES.get(page.path, {}).items()}


# Path -> model -> the link that opens the page with it. Flows of the plane all live on the first page.
HOMES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "distillation": {"distillation": {}, "tone_distillation": {"part": "sound"}},
    "autoencoders": {"vae": {}, "conditional_vae": {"kind": "conditional_vae"}},
    "autoencoders-names": {"name_vae": {}},
    "autoencoders-plane": {"plane_vae": {}},
    "autoencoders-codes": {"vq_vae": {}},
    "score": {"score_field": {}},
    "shortcuts": {"flow_matching": {}, "consistency": {}},
    "denoising": {"image_denoiser": {}},
    "gans": {"plane_gan": {}},
    "gan-pictures": {"picture_gan": {}, "style_gan": {"game": "style_gan"}},
    "gan-cycle": {"plane_cycle": {}, "picture_cycle": {"part": "pictures"}},
}
_ELSEWHERE = {key for models in HOMES.values() for key in models}

METHODS: Mapping[str, tuple[str, ...]] = {
    "score": tuple(walk.title for walk in WALKS.values()),
    "gans": tuple(loss.title for loss in LOSSES.values()),
    "gan-dirac": (
        *(loss.title for loss in LOSSES.values()),
        *(cure.title for key, cure in CURES.items() if key != "none"),
    ),
}


def _papers_of(spec: ModelSpec) -> Iterator[str]:
    """What a model is built on: each paper without its arXiv number."""
    return (re.sub(r",? *arXiv:\S+", "", paper).strip() for paper in spec.paper.split(";"))


def _settings_of(spec: ModelSpec) -> Iterator[str]:
    return (setting.label for setting in setting_fields(spec.settings) if not setting.is_hidden)
