"""The VAE of names: its likelihood is exact, its bounds are bounds, and its decoder collapses where it is known to."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from engines.batches import Split
from engines.datasets import DATASETS
from engines.datasets.base import Examples
from engines.datasets.names import SYMBOLS, decode_name, encode_name
from engines.errors import DataError, ShapeError
from engines.models import MODELS, build_model
from engines.probes import build_example_probe
from engines.tensors import make_rng
from engines.training import Experiment, Trainer, train
from engines.vae.name_vae import COLLAPSED, NAME_VAE, NameVae, NameVaeSettings, build_name_vae

V, T = 3, 4  # two letters and the end; texts of at most three letters
TINY = NameVaeSettings(n_latents=2, width=16)


def every_text() -> Tensor:
    """All 15 texts of at most three of the letters 1 and 2, filled up with ends: (15, T)."""
    texts = [text for n in range(T) for text in itertools.product((1, 2), repeat=n)]
    return torch.tensor([[*text, *[0] * (T - len(text))] for text in texts])


def tiny(seed: int = 0) -> NameVae:
    """A model of tiny texts whose writer is far from uniform."""
    texts = every_text()
    torch.manual_seed(seed)
    model = build_name_vae(TINY, Examples(train=texts, test=texts, levels=V))
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.add_(0.7 * torch.randn(parameter.shape))
    return model.double().eval().requires_grad_(False)


def codes(n: int, seed: int = 1) -> Tensor:
    return torch.randn(n, TINY.n_latents, generator=make_rng(seed), dtype=torch.float64)


def of_names(seed: int = 0) -> NameVae:
    spec = DATASETS["names"]
    return build_model(NAME_VAE, NameVaeSettings(width=32), spec, spec.settings(), seed).eval().requires_grad_(False)


# ---- p(x given z) ----


def test_all_texts_together_have_probability_one() -> None:
    model, texts = tiny(), every_text()
    for z in codes(5):
        assert float(model.log_prob_given(texts, z.expand(len(texts), -1)).logsumexp(0)) == pytest.approx(0, abs=1e-10)


def test_teacher_forcing_equals_the_product_of_its_steps() -> None:
    model, texts = tiny(), every_text()
    z = codes(len(texts))
    for text, code, found in zip(texts, z, model.log_prob_given(texts, z), strict=True):
        product = 0.0
        for t in range(T - 1):  # the last place is certain
            log_p = model.letter_logits(text[None, :t], code[None]).log_softmax(1)
            product += float(log_p[0, text[t]])
            if text[t] == 0:
                break
        assert float(found) == pytest.approx(product, abs=1e-10)


def test_what_stands_after_the_end_changes_nothing() -> None:
    model, z = tiny(), codes(1)
    plain, odd = torch.tensor([[1, 0, 0, 0]]), torch.tensor([[1, 0, 2, 1]])
    assert torch.equal(model.log_prob_given(plain, z), model.log_prob_given(odd, z))
    assert torch.equal(model.encode(plain).mean, model.encode(odd).mean)
    rate, distortion = model.rate_and_distortion(odd, z)
    assert torch.equal(distortion[0], -model.log_prob_given(odd, model.encode(odd).sample(z)))
    assert rate.shape == (1, 1, 2)


def test_the_code_matters_to_the_writer_and_each_letter_to_the_reader() -> None:
    model, texts = tiny(), every_text()
    first, second = (model.log_prob_given(texts, z.expand(len(texts), -1)) for z in codes(2))
    assert float((first - second).abs().min()) > 1e-4
    means = model.encode(texts).mean
    assert float((torch.cdist(means, means) + torch.eye(len(texts))).min()) > 1e-4


# ---- writing ----


def test_greedy_writing_takes_the_likeliest_letter_each_time() -> None:
    model, z = tiny(), codes(20)
    for code, written in zip(z, model.decode(z), strict=True):
        prefix: list[int] = []
        while len(prefix) < T - 1:
            logits = model.letter_logits(torch.tensor([prefix], dtype=torch.long).view(1, -1), code[None])
            prefix.append(int(logits.argmax()))
            if prefix[-1] == 0:
                break
        assert written.tolist() == prefix + [0] * (T - len(prefix))


def test_what_is_spelt_has_the_probability_that_it_tells() -> None:
    model, z = tiny(), codes(20)
    spelt = model.spell(z)
    assert torch.equal(spelt.tokens, model.decode(z))
    torch.testing.assert_close(spelt.log_prob(), model.log_prob_given(spelt.tokens, z), rtol=0, atol=1e-10)
    assert spelt.logits.shape == (20, T, V)


def test_drawn_letters_follow_the_likelihood() -> None:
    model, texts, n = tiny(), every_text(), 20_000
    z = codes(1).expand(n, -1)
    drawn = model.decode(z, temperature=1.0, rng=make_rng(3))
    counts = (drawn[:, None] == texts).all(2).double().mean(0)
    expected = model.log_prob_given(texts, z[: len(texts)]).exp()
    # 15 shares, each allowed 5 standard errors: false alarm 9e-6 in all.
    assert ((counts - expected).abs() < 5 * (expected * (1 - expected) / n).sqrt() + 1e-4).all()
    assert float(counts.sum()) == pytest.approx(1)


def test_temperature_zero_is_greedy_and_needs_no_random_source() -> None:
    model, z = tiny(), codes(9)
    assert torch.equal(model.decode(z), model.decode(z, temperature=0.0, rng=make_rng(0)))
    with pytest.raises(ValueError, match="pass rng"):
        model.decode(z, temperature=0.5)
    at_zero = model.float().sample(3, rng=make_rng(0), temperature=0.0)
    assert torch.equal(at_zero, model.decode(torch.zeros(3, 2)))


def test_only_valid_texts_are_written() -> None:
    model = of_names()
    for temperature in (0.0, 0.5, 1.0, 1.5):
        names = model.sample(200, rng=make_rng(5), temperature=temperature)
        assert names.shape == (200, 16) and int(names.min()) >= 0 and int(names.max()) < len(SYMBOLS)
        assert (names[:, -1] == 0).all()
        assert ((names == 0).int().diff(dim=1) >= 0).all()  # after the end nothing but ends
        assert all(len(decode_name(name)) <= 15 for name in names)


def test_same_seed_same_names() -> None:
    model = of_names()
    first, again, other = (model.sample(20, rng=make_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


# ---- bounds ----


def test_the_bounds_rise_to_the_exact_log_prob() -> None:
    """Two latents: the integral over a grid is exact for all practical purposes."""
    model, texts = tiny(), every_text()
    ticks = torch.linspace(-6, 6, 121, dtype=torch.float64)
    grid = torch.cartesian_prod(ticks, ticks)
    log_prior = -0.5 * grid.square().sum(1) - math.log(2 * math.pi) + 2 * math.log(0.1)
    joint = torch.stack([log_prior + model.log_prob_given(text.expand(len(grid), -1), grid) for text in texts])
    exact = joint.logsumexp(1)
    bounds = [
        torch.stack([model.log_prob_bound(texts, n, rng=make_rng(seed)) for seed in range(40)]).mean(0)
        for n in (1, 10, 200)
    ]
    assert float(exact.logsumexp(0)) == pytest.approx(0, abs=1e-6)
    mean = [float(bound.mean()) for bound in bounds]
    assert mean[0] < mean[1] < mean[2] <= float(exact.mean()) + 0.02
    assert mean[2] == pytest.approx(float(exact.mean()), abs=0.1)


def test_the_bound_is_at_most_the_importance_weighted_one_in_the_mean() -> None:
    model, x = of_names(), DATASETS["names"].examples().test[:200]
    with torch.no_grad():
        assert float(model.log_prob_bound(x).mean()) < float(model.log_prob_bound(x, 20).mean())


def test_the_bound_is_the_same_at_each_call() -> None:
    model, x = of_names(), DATASETS["names"].examples().test[:20].float()
    assert torch.equal(model.log_prob_bound(x), model.log_prob_bound(x))
    assert torch.equal(model.log_prob_bound(x, 5), model.log_prob_bound(x, 5))


# ---- what is told of it ----


@cache
def short_run(preset: str, steps: int = 200) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    settings = NAME_VAE.presets[preset].to_dict() | {"width": 32}
    experiment = Experiment.default("name_vae", "names", settings=settings, steps=steps, batch_size=32)
    trainer = Trainer(experiment, device="cpu")
    while not trainer.is_done:
        trainer.advance()
    last = trainer.snapshot()
    return {name: values[0] for name, values in last.metrics.items()}, dict(last.arrays)


@pytest.mark.slow
def test_a_strong_decoder_without_any_cure_collapses() -> None:
    measures, arrays = short_run("collapsed")
    assert measures["rate"] < 0.5
    assert measures["exact_share"] < 0.02
    assert len({tuple(name) for name in arrays["reconstructions"].tolist()}) < 20  # the name read hardly matters


@pytest.mark.slow
def test_free_bits_keep_the_code_in_use() -> None:
    measures, _ = short_run("free bits")
    assert measures["rate"] > 4
    assert measures["active_units"] >= 8
    assert measures["bound"] <= measures["bound_50"]


@pytest.mark.slow
def test_letters_and_bounds_are_counted_right() -> None:
    measures, _ = short_run("free bits")
    x = DATASETS["names"].examples().test
    letters = sum(len(decode_name(name)) + 1 for name in x) / len(x)
    assert measures["nats_per_letter"] == pytest.approx(-measures["bound"] / letters)
    assert measures["bits_per_letter"] == pytest.approx(measures["nats_per_letter"] / math.log(2))
    assert measures["bound"] == pytest.approx(-measures["rate"] - measures["distortion"], abs=1e-4)


def test_same_seed_same_run() -> None:
    experiment = Experiment.default("name_vae", "names", settings={"width": 16}, steps=5, batch_size=16)
    first, again = (list(train(experiment, device="cpu"))[-1] for _ in range(2))
    assert first.losses == again.losses
    assert all(np.array_equal(first.arrays[name], again.arrays[name]) for name in first.arrays)


def test_three_steps_move_every_parameter() -> None:
    trainer = Trainer(Experiment.default("name_vae", "names", steps=3), device="cpu")
    before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
    for _ in range(3):
        trainer.advance()
    assert not [name for name, value in trainer.model.named_parameters() if torch.equal(value, before[name])]


def test_observe_shows_names_and_codes() -> None:
    examples = DATASETS["names"].examples()
    model, probe = of_names(), build_example_probe(examples)
    seen = model.observe(probe)
    assert seen["samples"].shape == (24, 16) and seen["reconstructions"].shape == (24, 16)
    assert seen["samples"].dtype == np.uint8 and int(seen["samples"].max()) < len(SYMBOLS)
    assert seen["kl"].shape == (1, 16) and seen["means"].shape == (1, 128, 16)
    again = model.observe(probe)
    assert all(np.array_equal(seen[name], again[name]) for name in seen)


def test_measures_are_lists_of_one() -> None:
    part = Split(DATASETS["names"].examples().test[:60].float(), None, None)
    with torch.no_grad():
        measures = of_names().measure(part, part, is_last=False)
    assert all(isinstance(value, list) and len(value) == 1 for value in measures.values())
    assert {"bound", "rate", "distortion", "seen_bound", "bits_per_letter", "exact_share"} <= measures.keys()


def test_names_are_read_as_floats_and_as_whole_numbers() -> None:
    model, x = of_names(), encode_name("lagos")[None]
    assert torch.equal(model.encode(x).mean, model.encode(x.float()).mean)


def test_wrong_shapes_are_told() -> None:
    model = of_names()
    with pytest.raises(ShapeError, match=r"x of shape \(B, 16\)"):
        model.encode(torch.zeros(2, 15))
    with pytest.raises(ShapeError, match=r"z of shape \(B, 16\)"):
        model.decode(torch.zeros(2, 3))
    with pytest.raises(ShapeError, match="prefix"):
        model.letter_logits(torch.zeros(2, 15, dtype=torch.long), torch.zeros(2, 16))
    with pytest.raises(DataError, match="texts"):
        build_name_vae(NameVaeSettings(), DATASETS["digits"].examples())


def test_the_registry_knows_it() -> None:
    assert MODELS["name_vae"] is NAME_VAE
    assert NAME_VAE.presets["collapsed"] == COLLAPSED
