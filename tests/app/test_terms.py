"""The term index: what a teacher searches leads to a page that is there, and that page does show it."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

from app.navigation import NAVIGATION, PageEntry
from app.terms import METHODS, MOST_HITS, SYNONYMS, index, models_of, search, words_of
from engines.metrics.catalogue import METRICS
from engines.models import MODELS
from engines.settings import setting_fields

VIEWS = Path(__file__).resolve().parents[2] / "app" / "views"
PAGES = {page.path: page for page in NAVIGATION}
# What is searched, and the page that must come first.
WANTED = {
    "mode collapse": "gans", "CycleGAN": "gan-cycle", "ELBO": "autoencoders-plane", "normalizing flow": "flows",
    "posterior collapse": "autoencoders-names", "change of variables": "flows", "β-VAE": "autoencoders",
    "reparameterization trick": "autoencoders", "VQ-VAE": "autoencoders-codes",
    "codebook collapse": "autoencoders-codes",
    "Wasserstein": "gans", "gradient penalty": "gans", "R1": "gan-dirac", "spectral normalization": "gans",
    "score matching": "score", "Langevin": "score", "MALA": "score", "DDIM": "score", "probability-flow ODE": "score",
    "classifier-free guidance": "denoising", "EDM": "denoising", "diffusion model": "denoising",
    "consistency model": "shortcuts", "flow matching": "shortcuts", "rectified flow": "shortcuts",
    "neural ODE": "flows",
    "RealNVP": "flows", "Glow": "flows", "NICE": "flows", "MAF": "flows", "IAF": "flows", "spline": "flows",
    "planar flow": "flows", "radial flow": "flows", "residual flow": "flows", "Parallel WaveNet": "distillation",
    "PacGAN": "gans", "unrolled GAN": "gans", "Dirac-GAN": "gan-dirac", "StyleGAN": "gan-pictures",
    "DCGAN": "gan-pictures", "FID": "denoising", "Fréchet distance": "denoising", "precision": "gan-pictures",
    "recall": "gan-pictures", "coverage": "gan-pictures", "slerp": "autoencoders-names",
    "word dropout": "autoencoders-names", "free bits": "autoencoders-names", "KL annealing": "autoencoders-names",
    "DRAGAN": "gans", "conditional VAE": "autoencoders", "disentanglement": "autoencoders", "inpainting": "denoising",
    "NFE": "shortcuts", "truncation trick": "gan-pictures", "cycle consistency": "gan-cycle",
    "eigenvalues": "gan-dirac", "importance-weighted bound": "autoencoders-plane", "Turing test": "judge",
}  # fmt: skip
ALSO = {("free bits", "autoencoders"), ("DDIM", "shortcuts"), ("R1", "gans"), ("FID", "gan-pictures")}


@lru_cache(maxsize=32)
def _told_on(page: PageEntry) -> str:
    """Everything that a page can say: texts in its folder, its models, methods and measures; joined small letters."""
    texts = [file.read_text(encoding="utf-8") for file in sorted((VIEWS / page.folder).glob("*.toml"))]
    for file in sorted((VIEWS / page.folder).glob("*.py")):
        texts += _strings(ast.parse(file.read_text(encoding="utf-8")))
    for file in sorted((VIEWS / page.folder).glob("*.js")):
        texts += re.findall(r'"[^"\n]*"|`[^`]*`', re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read_text(), flags=re.DOTALL))
    for key in models_of(page):
        spec = MODELS[key]
        texts += [spec.title, spec.idea, spec.paper, *spec.presets]
        texts += [" ".join((s.label, s.help, *s.choices)) for s in setting_fields(spec.settings)]
    texts += [METRICS[key].title for key in page.measures] + list(METHODS.get(page.path, ()))
    return "|".join("".join(words_of(text)) for text in texts)


def _strings(tree: ast.AST) -> list[str]:
    """All texts of a module that are not docstrings."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [str(node.value) for node in found if id(node) not in alone]


def _is_told(term: str, page: PageEntry) -> bool:
    """Whether a page says a term or another word for it."""
    joined = ["".join(words_of(word)) for group in SYNONYMS if term in group for word in group]
    return any(word in _told_on(page) for word in ("".join(words_of(term)), *joined))


@pytest.mark.parametrize(("term", "path"), WANTED.items(), ids=WANTED)
def test_a_searched_term_leads_to_the_page_that_shows_it(term: str, path: str) -> None:
    hits = search(term)
    assert hits and hits[0].path == path, f"{term!r} leads to {[(hit.path, hit.term) for hit in hits]}, not to {path}."
    assert _is_told(hits[0].term, PAGES[path]), f"The page {path} never says {hits[0].term!r}."


@pytest.mark.parametrize("page", NAVIGATION, ids=lambda page: page.path)
def test_a_page_says_all_the_terms_that_it_is_found_by(page: PageEntry) -> None:
    assert [term for term in page.terms if not _is_told(term, page)] == []


def test_the_check_can_fail() -> None:
    assert not _is_told("speculative decoding", PAGES["flows"])
    assert not _is_told("CycleGAN", PAGES["flows"])


@pytest.mark.parametrize(("term", "path"), sorted(ALSO))
def test_a_term_of_several_pages_leads_to_all_of_them(term: str, path: str) -> None:
    assert path in [hit.path for hit in search(term)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("cycle gan", "CycleGAN"), ("cyclegan", "CycleGAN"), ("beta vae", "β-VAE"), ("Beta-VAE", "β-VAE"),
        ("frechet distance", "Fréchet distance"), ("real nvp", "RealNVP"), ("REALNVP", "RealNVP"),
        ("posterior colapse", "posterior collapse"), ("mode colapse", "mode collapse"), ("wassertein", "Wasserstein"),
        ("langevn", "Langevin"), ("normalising flows", "normalizing flow"), ("vqvae", "VQ-VAE"), ("elbo", "ELBO"),
        ("what is mode collapse?", "mode collapse"), ("  pac-gan ", "PacGAN"),
        ("probability flow ode", "probability-flow ODE"),
        ("evidence lower bound", "ELBO"), ("letter dropout", "word dropout"), ("dirac gan", "Dirac-GAN"),
    ],
)  # fmt: skip
def test_case_accents_hyphens_and_slips_are_forgiven(typed: str, meant: str) -> None:
    assert search(typed)[0].path == search(meant)[0].path


@pytest.mark.parametrize("typed", ["", " ", "a", "?", "…", "xyzzyq", "β", "<b>", "![](//h.invalid)", "z" * 5000])
def test_nonsense_finds_nothing_and_does_no_harm(typed: str) -> None:
    assert all(hit.path in PAGES for hit in search(typed))
    assert typed == "β" or search(typed) == []


def test_hits_are_few_ranked_and_no_place_comes_twice() -> None:
    for term in (*WANTED, "gan", "flow", "noise", "width"):
        hits = search(term)
        places = [(hit.path, hit.term if hit.kind == "experiment" else "") for hit in hits]
        assert len(hits) <= MOST_HITS and len(set(places)) == len(places)
        assert [hit.closeness for hit in hits] == sorted((hit.closeness for hit in hits), reverse=True)


def test_every_title_of_a_page_finds_its_page() -> None:
    assert {page.path: search(page.title)[0].path for page in NAVIGATION} == {path: path for path in PAGES}


def test_every_model_has_a_page_and_its_title_finds_it() -> None:
    homes = {key: page.path for page in NAVIGATION for key in models_of(page)}
    assert set(homes) == set(MODELS)
    for key, path in homes.items():
        assert path in [hit.path for hit in search(MODELS[key].title)], f"{MODELS[key].title} does not find {path}."


def test_measures_of_a_page_are_measures() -> None:
    assert {key for page in NAVIGATION for key in page.measures} <= set(METRICS)


def test_an_experiment_is_found_with_its_link() -> None:
    hits = [entry.hit for entry in index() if entry.hit.kind == "experiment"]
    for hit in hits:
        assert hit in search(hit.term), f"{hit.term} is not found."
        assert hit.link, f"{hit.term} has no link."


def test_the_index_needs_no_streamlit() -> None:
    tree = ast.parse((VIEWS.parent / "terms.py").read_text(encoding="utf-8"))
    froms = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names = froms | {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    assert {name for name in names if name.startswith(("app", "streamlit"))} == {"app.navigation"}
