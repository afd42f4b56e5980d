"""Each target against what is known of it elsewhere: entropies, closed forms, geometry; and its errors."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from engines.datasets import DATASETS, GaussianMixture
from engines.datasets.curves2d import spread_along
from engines.datasets.drawn import MAX_COMPONENTS, DrawnSettings, build_drawn, decode_strokes, encode_strokes
from engines.datasets.letters import GLYPHS, LettersSettings, build_letters, write
from engines.datasets.picture import PictureSettings, build_picture, decode_points, points_from_picture
from engines.errors import DataError
from engines.tensors import make_rng
from tests.closed_form import make_grid

LOG_2_PI_E = math.log(2 * math.pi * math.e)


def build(key: str, **values: Any) -> GaussianMixture:
    density = DATASETS[key].build(DATASETS[key].settings(**values))
    assert isinstance(density, GaussianMixture)
    return density


# Entropies in nats from closed forms or a finer quadrature of the original definition, and what may be lost
# to the finite mixture: a bell cut at 3.6 deviations, bent slice by slice, loses 2e-3.
ENTROPIES = [
    ("gaussian", {"std": 0.5}, LOG_2_PI_E - 2 * math.log(2), 1e-6),
    ("gaussian", {"correlation": 0.8}, LOG_2_PI_E + math.log(0.6), 1e-6),
    ("ring", {}, 2.83158 - math.log(2), 1e-5),  # 2.83158 at sqrt(2) times the size
    ("ring_narrow", {}, math.log(8) + LOG_2_PI_E + 2 * math.log(0.02), 1e-6),
    ("grid", {"std": 0.2}, 2.83787, 1e-5),
    ("two_modes", {}, LOG_2_PI_E - 0.8 * math.log(0.8) - 0.2 * math.log(0.2), 1e-6),
    ("moons", {}, 2.39388, 1e-5),
    ("spirals", {}, 2.54062, 1e-5),
    ("swiss_roll", {}, 2.66965, 1e-5),
    ("rings", {}, 3.26814, 1e-5),
    ("rings", {"n_rings": 4, "noise": 0.08}, 2.62318, 1e-5),
    ("pinwheel", {}, 2.32059, 3e-3),
    ("banana", {}, LOG_2_PI_E + math.log(2), 3e-3),  # bending keeps areas, so the bend does not matter
    ("banana", {"bend": 0.5}, LOG_2_PI_E + math.log(2), 3e-3),
]


@pytest.mark.parametrize(("key", "values", "expected", "tolerance"), ENTROPIES)
def test_known_entropy(key: str, values: dict[str, Any], expected: float, tolerance: float) -> None:
    assert make_grid(build(key, **values)).entropy() == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("key", ["moons", "s_curve", "heart", "pinwheel", "checkerboard", "drawn"])
def test_entropy_does_not_depend_on_rotation(key: str) -> None:
    assert make_grid(build(key, rotation=37)).entropy() == pytest.approx(make_grid(build(key)).entropy(), abs=1e-5)


@pytest.mark.parametrize("bend", [0.2, 0.5])
def test_banana_is_the_bent_bell(bend: float) -> None:
    grid = make_grid(build("banana", bend=bend))
    x1, x2 = grid.points.unbind(1)
    exact = torch.exp(-((x1 / 2) ** 2 + (x2 - bend * (x1**2 - 4)) ** 2) / 2) / (4 * math.pi)
    total_variation = float((exact - grid.log_prob.exp()).abs().sum() * grid.cell**2 / 2)
    assert total_variation < 1.5e-3


def test_moons_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import make_moons

    x, _ = make_moons(4000, noise=0.1, random_state=0)
    surprise = -build("moons").log_prob(torch.from_numpy(2 * np.asarray(x) - [1, 0.2]))
    # Its mean is the entropy if and only if both are one density (else larger by KL): 4 s.e., false alarm 6e-5.
    assert abs(float(surprise.mean()) - 2.39388) < 4 * float(surprise.std()) / math.sqrt(4000)


def test_swiss_roll_is_that_of_scikit_learn() -> None:
    from sklearn.datasets import make_swiss_roll

    x, _ = make_swiss_roll(4000, noise=1.0, random_state=0)
    surprise = -build("swiss_roll").log_prob(torch.from_numpy(np.asarray(x)[:, [0, 2]] / 5))
    assert abs(float(surprise.mean()) - 2.66965) < 4 * float(surprise.std()) / math.sqrt(4000)  # false alarm 6e-5


def test_s_curve_is_that_of_scikit_learn() -> None:
    from sklearn.datasets import make_s_curve

    x, _ = make_s_curve(4000, noise=0.0, random_state=0)
    noisy = 1.6 * torch.from_numpy(np.asarray(x)[:, [0, 2]]) + 0.2 * torch.randn(4000, 2, generator=make_rng(0))
    density = build("s_curve")
    surprise = -density.log_prob(noisy)
    expected = make_grid(density).entropy()
    assert abs(float(surprise.mean()) - expected) < 4 * float(surprise.std()) / math.sqrt(4000)  # false alarm 6e-5


@pytest.mark.parametrize("noise", [0.1, 0.2])
def test_checkerboard_is_blurred_squares(noise: float) -> None:
    """Closed form: a square blurred by noise is a product of differences of normal distribution functions."""
    x = torch.linspace(-4.5, 4.5, 181, dtype=torch.float64)
    box = {c: torch.special.ndtr((x - c + 1) / noise) - torch.special.ndtr((x - c - 1) / noise) for c in (-3, -1, 1, 3)}
    dark = [(-3, -3), (-3, 1), (-1, -1), (-1, 3), (1, -3), (1, 1), (3, -1), (3, 3)]
    exact = torch.stack([torch.outer(box[a], box[b]) for a, b in dark]).sum(0) / 32
    density = build("checkerboard", noise=noise).log_prob(torch.cartesian_prod(x, x)).exp().view(181, 181)
    assert float((density - exact).abs().max()) < 0.025 / 32  # 2.5 % of the height of a square


def test_cross_is_flat_inside_and_empty_outside() -> None:
    density = build("cross")
    inside = torch.tensor([[0.0, 0.0], [2.5, 0.5], [-1.0, 0.7], [0.3, -2.6]])
    outside = torch.tensor([[2.0, 2.0], [-1.6, 1.6], [3.6, 0.0]])
    torch.testing.assert_close(density.log_prob(inside).exp(), torch.full((4,), 1 / 20), rtol=0.03, atol=0)
    assert (density.log_prob(outside).exp() < 1e-6).all()


def test_grid_and_ring_have_their_modes() -> None:
    ring, grid = build("ring", n_modes=5, rotation=90), build("grid", n_side=3)
    assert ring.modes is not None and grid.modes is not None
    torch.testing.assert_close(ring.modes.norm(dim=1), torch.full((5,), 2.0).double())
    torch.testing.assert_close(ring.modes[0], torch.tensor([0.0, 2.0]).double())
    assert {tuple(mode) for mode in grid.modes.tolist()} == {(x, y) for x in (-2, 0, 2) for y in (-2, 0, 2)}


def test_curves_are_smooth_along_themselves() -> None:
    """No beads: on a ring at its narrowest the density is the same at every angle."""
    for noise in (0.06, 0.4):
        angle = torch.linspace(0, 2 * math.pi, 1000, dtype=torch.float64)
        on_ring = 3 * torch.stack([angle.cos(), angle.sin()], dim=1)
        log_prob = build("rings", n_rings=1, noise=noise).log_prob(on_ring)
        assert float(log_prob.max() - log_prob.min()) < 1e-4


def test_spread_along_is_even_and_counts_dots() -> None:
    bent = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]])
    nodes, weights, pieces = spread_along([bent, np.array([[9.0, 9.0]])], 0.5, gap=1.0)
    np.testing.assert_allclose(nodes, [[0.5, 0], [1.5, 0], [2.5, 0], [3, 0.5], [9, 9]])
    np.testing.assert_allclose(weights[:4], 1)
    np.testing.assert_allclose(np.linalg.norm(pieces, axis=1), [1, 1, 1, 1, 0])


@pytest.mark.parametrize("glyph", GLYPHS)
def test_each_glyph_fits_its_box(glyph: str) -> None:
    points = np.concatenate(GLYPHS[glyph])
    assert points[:, 0].min() > -0.001 and points[:, 0].max() < 1.1
    assert points[:, 1].min() > -0.07 and points[:, 1].max() < 1.07


def test_round_letters_are_round() -> None:
    (circle,) = write("o")
    np.testing.assert_allclose(np.linalg.norm(circle - [0.5, 0.5], axis=1), 0.5)


@pytest.mark.parametrize("word", ["A", "-", ".", "I ♥ U", "hello", "WWWWWWWW", "MMMMMMMM", "BBBBBBBB", "88888888", "❤️"])
def test_any_word_fits_the_plane(word: str) -> None:
    density = build_letters(LettersSettings(word=word, width=0.04))
    assert len(density.means) <= 640
    assert float(density.means.abs().max()) <= 3.6001
    torch.testing.assert_close(density.means.amin(0), -density.means.amax(0), atol=0.3, rtol=0)  # it is centred


def test_capitals_and_small_letters_are_the_same() -> None:
    assert torch.equal(build_letters(LettersSettings(word="go")).means, build_letters(LettersSettings(word="GO")).means)


@pytest.mark.parametrize(("word", "sentence"), [("", "empty"), ("  ", "empty"), ("né", "'É'.*A to Z"), ("@b", "'@'")])
def test_impossible_words_are_explained(word: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        build_letters(LettersSettings(word=word))


coordinate = st.floats(-1, 1, allow_nan=False)
strokes_strategy = st.lists(st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=30), max_size=12)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(strokes_strategy)
def test_strokes_survive_a_link(points: list[list[tuple[float, float]]]) -> None:
    strokes = [np.array(stroke) for stroke in points]
    text = encode_strokes(strokes)
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    again = decode_strokes(text)
    assert len(again) == len(strokes)
    for one, other in zip(strokes, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1.001 / 4095)
    assert encode_strokes(again) == text  # once rounded, it stays


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=40))
def test_any_text_is_a_drawing_or_an_explained_error(text: str) -> None:
    for read in (decode_strokes, decode_points):
        try:
            read(text)
        except DataError as error:
            assert len(str(error)) < 300


def test_an_empty_drawing_is_explained() -> None:
    for strokes in ([], [np.zeros((0, 2))]):
        with pytest.raises(DataError, match="The drawing is empty: draw at least one stroke"):
            build_drawn(DrawnSettings(strokes=encode_strokes(strokes)))


def test_impossible_strokes_are_explained() -> None:
    with pytest.raises(DataError, match="shape"):
        encode_strokes([np.zeros((3, 3))])
    with pytest.raises(DataError, match="finite"):
        encode_strokes([np.array([[0.0, math.inf]])])
    with pytest.raises(DataError, match="too long"):
        encode_strokes([np.zeros((6000, 2))])
    with pytest.raises(DataError, match="strokes, got 500"):
        build_drawn(DrawnSettings(strokes=encode_strokes([np.zeros((1, 2))] * 500)))
    with pytest.raises(DataError, match="damaged"):
        decode_strokes(encode_strokes([np.zeros((9, 2))])[:-4])


def test_a_click_is_a_dot_and_a_scribble_has_no_gaps() -> None:
    dot = build_drawn(DrawnSettings(strokes=encode_strokes([np.array([[0.5, -0.5]])]), width=0.2))
    torch.testing.assert_close(dot.means, torch.tensor([[1.5, -1.5]]).double(), atol=2e-3, rtol=0)
    t = np.linspace(0, 1, 4000)[:, None]
    spiral = t * np.concatenate([np.cos(90 * t), np.sin(90 * t)], axis=1)  # 135 data units: no room for round dots
    density = build_drawn(DrawnSettings(strokes=encode_strokes([spiral]), width=0.05))
    along = density.log_prob(3 * torch.from_numpy(spiral[2000:3900]))
    assert len(density.means) <= MAX_COMPONENTS
    assert float(along.max() - along.min()) < math.log(1.25)


def png(picture: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def disc(ground: str = "white", ink: str = "black") -> Image.Image:
    """A disc of radius 50 around (110, 90), in pixels from the top left."""
    picture = Image.new("RGB", (300, 200), ground)
    ImageDraw.Draw(picture).ellipse((60, 40, 160, 140), fill=ink)
    return picture


def share_in_disc(points: str, width: float = 0.3) -> float:
    x = build_picture(PictureSettings(points=points, width=width)).sample(5000, rng=make_rng(0))
    centre = 3.6 * torch.tensor([(110 - 150) / 150, (100 - 90) / 150])
    return float(((x - centre).norm(dim=1) < 3.6 * 50 / 150).float().mean())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_a_black_disc_becomes_a_disc(form: str) -> None:
    read = points_from_picture(png(disc(), form))
    assert share_in_disc(read.points) > 0.95
    assert "dark parts" in read.note
    assert len(decode_points(read.points)[0]) == MAX_COMPONENTS


def test_every_kind_of_picture_is_the_same_disc() -> None:
    clear = Image.new("RGBA", (300, 200), (0, 0, 0, 0))  # black, but transparent: white paper
    ImageDraw.Draw(clear).ellipse((60, 40, 160, 140), fill=(0, 0, 0, 255))
    deep = Image.fromarray(np.asarray(disc().convert("L")).astype(np.uint16) * 257)
    animated = png(disc(), "GIF", save_all=True, append_images=[Image.new("RGB", (300, 200), "black")])
    turned = Image.Exif()
    turned[0x0112] = 3  # shown upside down
    kinds = [png(clear), png(deep), animated, png(disc().rotate(180), "JPEG", exif=turned)]
    kinds += [png(disc().convert(mode)) for mode in ("1", "L", "P", "LA")] + [png(disc().convert("CMYK"), "JPEG")]
    for index, data in enumerate(kinds):
        assert share_in_disc(points_from_picture(data).points) > 0.95, index


def test_a_dark_picture_is_inverted_and_says_so() -> None:
    read = points_from_picture(png(disc("black", "white")))
    assert share_in_disc(read.points) > 0.95
    assert "mostly dark" in read.note


def test_edges_are_the_rim() -> None:
    points = points_from_picture(png(disc()), mode="edges", n_components=100).points
    centres, _ = decode_points(points)
    radius = np.linalg.norm(centres - [(110 - 150) / 150, (100 - 90) / 150], axis=1)
    assert len(centres) == 100
    np.testing.assert_allclose(radius, 50 / 150, atol=0.03)


def test_weights_follow_the_mass_and_the_same_picture_gives_the_same_points() -> None:
    picture = Image.new("L", (300, 100), 255)
    picture.paste(0, (0, 0, 100, 100))
    picture.paste(127, (100, 0, 200, 100))
    points = points_from_picture(png(picture)).points
    centres, weights = decode_points(points)
    assert weights[centres[:, 0] < -1 / 3].sum() / weights.sum() == pytest.approx(2 / 3, abs=0.02)
    assert points == points_from_picture(png(picture)).points


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "could not be read"),
        (b"hello, this is no picture", "could not be read"),
        (png(disc())[:300], "could not be read"),
        (png(disc(), "JPEG")[:700], "could not be read"),
        (png(disc(), "TIFF"), "expected a whole PNG, JPEG, WEBP, GIF or BMP"),
        (png(Image.new("RGB", (50, 50), "grey")), "blank"),
        (png(Image.new("1", (5000, 4000), 1)), "5000 × 4000 pixels.*16 megapixels"),
        (png(Image.new("1", (14000, 14000), 1)), "16 megapixels"),
        (b"x" * 10_000_001, "10.0 MB"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_impossible_pictures_are_explained(data: bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        points_from_picture(data)


def test_damaged_files_never_raise_anything_else() -> None:
    rng = np.random.default_rng(0)
    for form in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        whole = bytearray(png(disc(), form))
        for _ in range(25):
            broken = whole.copy()
            for at in rng.integers(0, len(whole), 4):
                broken[at] = rng.integers(256)
            try:
                points_from_picture(bytes(broken), n_components=10)
            except DataError:
                pass


def test_odd_sizes_are_fine() -> None:
    for size in ((1, 2), (3, 400), (2000, 7)):
        picture = Image.new("L", size, 255)
        picture.paste(0, (0, 0, 1, 1))
        picture.paste(0, (0, 0, max(1, size[0] // 2), max(1, size[1] // 2)))
        density = build_picture(PictureSettings(points=points_from_picture(png(picture)).points))
        assert density.means.isfinite().all()


def test_damaged_points_are_explained() -> None:
    for points in ("AAA", "A" * 5000, "?"):
        with pytest.raises(DataError, match="picture"):
            build_picture(PictureSettings(points=points))
