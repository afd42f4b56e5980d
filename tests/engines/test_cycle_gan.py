"""CycleGAN against plain reimplementations: its losses, its history, its measures, and the true counterparts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from engines.datasets import DATASETS
from engines.datasets.faces import render_faces
from engines.errors import DataError, ShapeError
from engines.gan.cyclegan.base import ImagePool
from engines.gan.cyclegan.images import PictureCycle, PictureCycleSettings, translation_measures
from engines.gan.cyclegan.measures import folded_share, kept_modes, mode_table
from engines.gan.cyclegan.plane import N_SHOWN, PlaneCycle, PlaneCycleSettings, shown_points
from engines.gan.cyclegan.tasks import TASKS, column_of, counterparts, rows_of
from engines.nets.cycle_nets import PatchDiscriminator, ResidualTranslator, soft_clamp
from engines.probes import build_probe
from engines.tensors import make_rng
from engines.training import Experiment, Trainer

MOONS = DATASETS["moons"].density
FACES = DATASETS["faces"]


def build_plane(**settings: object) -> PlaneCycle:
    torch.manual_seed(1)
    return PlaneCycle(PlaneCycleSettings.from_dict({"width": 16, "n_hidden": 1} | settings), MOONS)  # pyright: ignore[reportArgumentType]


def build_pictures(**settings: object) -> PictureCycle:
    torch.manual_seed(1)
    return PictureCycle(PictureCycleSettings.from_dict({"width": 8, "n_blocks": 1} | settings), FACES.examples())


def drawn(model: PlaneCycle) -> tuple[Tensor, Tensor]:
    """The points that a loss with the random source of seed 3 sees."""
    return model._draw(MOONS.sample(32, rng=make_rng(2)), make_rng(3))  # noqa: SLF001  # pyright: ignore[reportOptionalMemberAccess]


# ---- the game ----


def test_the_loss_of_both_translators_is_that_of_the_paper() -> None:
    """Equations 1 to 3 with least squares, and the identity term, written out."""
    model = build_plane(cycle=7.0, identity=2.0, history=0)
    a, b = drawn(model)
    fake_b, fake_a = model.to_b(a), model.to_a(b)
    game = 0.5 * (model.judge_b(fake_b) - 1).pow(2).mean() + 0.5 * (model.judge_a(fake_a) - 1).pow(2).mean()
    cycle = (model.to_a(fake_b) - a).abs().mean() + (model.to_b(fake_a) - b).abs().mean()
    same = (model.to_b(b) - b).abs().mean() + (model.to_a(a) - a).abs().mean()
    found = model.generator_loss(MOONS.sample(32, rng=make_rng(2)), make_rng(3))  # pyright: ignore[reportOptionalMemberAccess]
    torch.testing.assert_close(found["loss"], game + 7 * cycle + 2 * same)
    torch.testing.assert_close(found["cycle"], cycle)


def test_the_judges_see_real_examples_and_fakes_of_their_own_domain() -> None:
    model = build_plane(history=0)
    a, b = drawn(model)
    real = lambda logits: 0.5 * (logits - 1).pow(2).mean()  # noqa: E731
    fake = lambda logits: 0.5 * logits.pow(2).mean()  # noqa: E731
    of_b = real(model.judge_b(b)) + fake(model.judge_b(model.to_b(a)))
    of_a = real(model.judge_a(a)) + fake(model.judge_a(model.to_a(b)))
    found = model.discriminator_loss(MOONS.sample(32, rng=make_rng(2)), make_rng(3))  # pyright: ignore[reportOptionalMemberAccess]
    torch.testing.assert_close(found["of_b"], of_b)
    torch.testing.assert_close(found["loss"], of_a + of_b)
    found["loss"].backward()
    assert all(parameter.grad is None for parameter in model.to_b.parameters())


def test_the_history_fills_then_exchanges_half() -> None:
    """Each shown fake is new or one of those kept; what is shown from of old is no longer kept."""
    history, rng = ImagePool(100), make_rng(0)
    first = torch.arange(100.0)[:, None]
    assert torch.equal(history.exchange(first[:60], rng), first[:60])
    history.exchange(first[60:], rng)
    new = 1000 + torch.arange(80.0)[:, None]
    shown = history.exchange(new, rng)
    is_old = shown[:, 0] < 1000
    assert 20 < int(is_old.sum()) < 60  # 40 in the mean, standard deviation 4.5
    assert history.kept is not None
    together = torch.cat([shown, history.kept]).flatten().sort().values
    assert torch.equal(together, torch.cat([first, new]).flatten())


def test_no_history_changes_nothing() -> None:
    fakes = torch.randn(5, 2, generator=make_rng(1))
    assert ImagePool(0).exchange(fakes, make_rng(0)) is fakes


# ---- the plane ----


def test_a_translation_works_in_the_frames_of_both_domains() -> None:
    model = build_plane(other="two_modes")
    x = MOONS.sample(50, rng=make_rng(4))  # pyright: ignore[reportOptionalMemberAccess]
    ring = DATASETS["two_modes"].density
    widths = [d.sample(200_000, rng=make_rng(5)).std(0).square().mean().sqrt() for d in (MOONS, ring)]  # pyright: ignore[reportOptionalMemberAccess]
    torch.testing.assert_close(model.scales, torch.stack(widths), rtol=0.02, atol=0)
    inside = model.to_b((x - model.means[0]) / model.scales[0])
    torch.testing.assert_close(model.translate(x), model.means[1] + model.scales[1] * inside)


def test_the_shown_points_are_always_the_same() -> None:
    few, many = shown_points(MOONS, 10), shown_points(MOONS, 3 * N_SHOWN)  # pyright: ignore[reportArgumentType]
    assert torch.equal(few, many[:10])
    model = build_plane()
    seen = model.observe(build_probe((-3, 3, -3, 3), resolution=0, n_samples=1000))
    assert seen["samples"].shape == (1000, 2)
    assert seen["back"].shape == seen["to_a"].shape == seen["again"].shape == (N_SHOWN, 2)
    with torch.no_grad():
        there = model.translate(model.shown_points(0, N_SHOWN))
        torch.testing.assert_close(torch.from_numpy(seen["back"]), model.translate(there, backwards=True))


def test_folds_are_seen_and_turns_are_not() -> None:
    x = torch.randn(600, 2, generator=make_rng(6))
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]])
    assert folded_share(x, 3 * x @ turn + 5, 1.0) < 0.02
    assert folded_share(x, torch.stack([x[:, 0].abs(), x[:, 1]], 1), 1.0) > 0.3  # two halves on one another
    assert folded_share(x, torch.randn(600, 2, generator=make_rng(7)), 1.0) > 0.8


def test_modes_are_counted_as_kept_only_one_to_one() -> None:
    modes = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    x = modes.repeat_interleave(50, 0) + 0.1 * torch.randn(150, 2, generator=make_rng(8))
    assert kept_modes(mode_table(x, x.roll(50, 0), modes, modes)) == 3
    merged = x.clone()
    merged[:50] = x[50:100]
    assert kept_modes(mode_table(x, merged, modes, modes)) == 1
    table = mode_table(x, x, modes, modes)
    torch.testing.assert_close(table.sum(1), torch.ones(3, dtype=torch.float64))


@pytest.mark.slow
def test_the_cycle_holds_together_what_the_game_leaves_open() -> None:
    """Both fit the other domain; only with the cycle do points come home."""
    found = {}
    for weight in (0.0, 10.0):
        settings = {"other": "ring", "width": 32, "n_hidden": 2, "cycle": weight}
        trainer = Trainer(Experiment.default("plane_cycle", "moons", steps=400, settings=settings), device="cpu")
        for _ in range(400):
            trainer.advance()
        found[weight] = trainer.measure()
    assert found[10.0]["cycle_to_b"] < 0.1 < 0.5 < found[0.0]["cycle_to_b"]
    assert found[10.0]["energy_to_b"] < 0.3
    assert found[0.0]["energy_to_b"] < 0.3


# ---- pictures ----


@pytest.mark.parametrize("key", TASKS)
def test_the_domains_are_what_they_say_and_the_counterpart_changes_one_factor(key: str) -> None:
    task, examples = TASKS[key], FACES.examples()
    column = column_of(examples, task)
    assert examples.factors[column].name == task.factor
    factors = examples.test_factors
    assert factors is not None
    rows = rows_of(factors, column, task.values[0])[:6]
    assert (factors[rows, column] == task.values[0]).all()
    changed = factors[rows].clone()
    changed[:, column] = task.values[1]
    torch.testing.assert_close(counterparts(factors[rows], column, task.values[1]), render_faces(changed).float())
    assert torch.equal(counterparts(factors[rows], column, task.values[0]), examples.test[rows].float())


def test_training_sees_no_pairs_to_speak_of() -> None:
    """Fewer than one in thirty of the training faces of one domain has its counterpart in the other."""
    for task in TASKS.values():
        factors = FACES.examples().train_factors
        assert factors is not None
        column = column_of(FACES.examples(), task)
        a, b = (factors[rows_of(factors, column, value)].clone() for value in task.values)
        a[:, column] = task.values[1]
        twins = {tuple(row) for row in a.tolist()} & {tuple(row) for row in b.tolist()}
        assert len(twins) < len(a) / 30


def test_batches_are_of_the_right_domain() -> None:
    model, examples = build_pictures(task="glasses", n_pictures=16), FACES.examples()
    a, b = model._draw(torch.zeros(3, 1), make_rng(0))  # noqa: SLF001
    assert a.shape == b.shape == (16, 3, 32, 32)
    for which, batch in ((0, a), (1, b)):
        pixels = ((batch + 1) * 127.5).round().byte()
        known = examples.train[model._rows[which]]  # noqa: SLF001
        assert all((known == picture).flatten(1).all(1).any() for picture in pixels)


def test_the_measures_are_0_for_nothing_and_1_for_the_truth() -> None:
    x, truth = build_pictures().held_out(0, 8)
    nothing, perfect = translation_measures(x, x, x, truth), translation_measures(x, truth, x, truth)
    assert (nothing["gained"], nothing["arrived"], nothing["beside"]) == (0, 0, 0)
    assert (perfect["gained"], perfect["arrived"], perfect["cycle"]) == (1, 1, 0)
    assert perfect["beside"] < 2  # only pixels that differ by less than what counts as a difference
    half = translation_measures(x, (x + truth) / 2, x, truth)
    assert half["gained"] == pytest.approx(0.5, abs=1e-6)
    off = translation_measures(x, x + 3, x + 2, truth)
    assert (off["beside"], off["cycle"]) == pytest.approx((3, 2), abs=1e-5)


def test_a_wrong_picture_is_told() -> None:
    with pytest.raises(ShapeError, match="Expected x of shape"):
        build_pictures().translate(torch.zeros(2, 1, 32, 32))
    with pytest.raises(DataError, match="Choose the faces"):
        PictureCycle(PictureCycleSettings(), DATASETS["digits"].examples())


def test_a_translator_begins_near_the_picture_and_stays_in_range() -> None:
    torch.manual_seed(0)
    x = 2 * torch.rand(2, 3, 32, 32, generator=make_rng(1)) - 1
    made = ResidualTranslator(3, 8, 2)(x)
    assert made.shape == x.shape
    assert (made - x).abs().mean() < 0.3
    assert soft_clamp(torch.tensor([-3.0, 0.5, 2.0])).tolist() == pytest.approx([-1.02, 0.5, 1.01])


def test_a_judge_sees_patches_only() -> None:
    """A logit does not change when a pixel far from its patch does."""
    torch.manual_seed(0)
    judge, x = PatchDiscriminator(3, 8), torch.randn(1, 3, 32, 32, generator=make_rng(2))
    moved = x.clone()
    moved[..., 31, 31] += 5
    before, after = judge(x), judge(moved)
    assert before.shape[2] * before.shape[3] > 4
    assert before[0, 0, 0, 0] == after[0, 0, 0, 0]
    assert before[0, 0, -1, -1] != after[0, 0, -1, -1]
    assert after.isfinite().all()
