"""A visitor's own pictures: what is kept, what is left out and told, and that hostile files do no harm."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engines.blobs import pack
from engines.datasets import DATASETS, Examples, own_images
from engines.datasets.own_images import OwnImagesSettings, PackedPictures, load_own_images, pack_pictures
from engines.errors import DataError

File = tuple[str, bytes]


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png(number: int, side: int = 40) -> bytes:
    """A picture of one grey of its own."""
    return encoded(Image.new("RGB", (side, side), (number,) * 3))


def pngs(n: int, prefix: str = "") -> list[File]:
    return [(f"{prefix}{number:03}.png", png(number)) for number in range(n)]


def zipped(files: Sequence[File], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return stream.getvalue()


def stored(folder: Path, packed: PackedPictures, monkeypatch: pytest.MonkeyPatch) -> Examples:
    monkeypatch.setenv("GENLAB_RUNS", str(folder.parent))
    return load_own_images(OwnImagesSettings(upload=packed.digest))


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "uploads"


def test_pictures_become_a_data_set(uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack_pictures(pngs(25), uploads)
    assert (packed.n, packed.note) == (25, "") and re.fullmatch("[0-9a-f]{16}", packed.digest)
    assert [path.name for path in uploads.iterdir()] == [f"{packed.digest}.safetensors"]
    monkeypatch.setenv("GENLAB_RUNS", str(uploads.parent))
    settings = OwnImagesSettings(upload=packed.digest)
    examples = DATASETS["own_images"].examples(settings)
    assert examples.train.shape == (23, 3, 32, 32) and examples.test.shape == (2, 3, 32, 32)
    assert examples.train.dtype == torch.uint8 and examples.levels == 256
    everything = torch.cat([examples.train, examples.test])
    assert sorted(everything[:, 0, 0, 0].tolist()) == list(range(25))
    assert (everything == everything[:, :, :1, :1]).all()
    again = load_own_images(settings)
    assert torch.equal(again.train, examples.train)


def test_same_pictures_same_digest(uploads: Path) -> None:
    first = pack_pictures(pngs(20), uploads)
    assert pack_pictures([("all.zip", zipped(pngs(20)))], uploads) == first
    assert pack_pictures(pngs(21), uploads).digest != first.digest
    assert pack_pictures(pngs(20), uploads, size=16).digest != first.digest
    assert len([*uploads.iterdir()]) == 3


def test_size_and_colour(uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grey = stored(uploads, pack_pictures(pngs(20), uploads, size=16, colour=False), monkeypatch)
    assert grey.event_shape == (1, 16, 16)
    with pytest.raises(DataError, match="8 to 64 pixels a side, got 500"):
        pack_pictures(pngs(20), uploads, size=500)


def test_zip_with_folders_and_litter(uploads: Path) -> None:
    litter = [("__MACOSX/a.png", b"x"), (".DS_Store", b"x"), ("holiday/.hidden.png", b"x"), ("holiday/Thumbs.db", b"x")]
    files = [("holiday/", b""), *pngs(12, "holiday/"), *litter, ("deep/er/z.png", png(99))]
    packed = pack_pictures([("all.zip", zipped(files)), *pngs(30)[12:]], uploads)
    assert (packed.n, packed.note) == (31, "")


def test_what_is_left_out_is_told(uploads: Path) -> None:
    extra = [("a.txt", b"hello"), ("sub/b.pdf", b"%PDF-1.4"), ("c.png", png(3)[:60])]
    told = "3 files were left out: 2 are no pictures (a.txt, b.pdf), 1 is damaged (c.png)."
    assert pack_pictures([*pngs(20), *extra], uploads).note == told
    assert pack_pictures([("all.zip", zipped([*pngs(20), *extra]))], uploads).note == told
    many = [(f"{number}.txt", b"hello") for number in range(5)]
    assert "5 are no pictures (0.txt, 1.txt, 2.txt, …)" in pack_pictures([*pngs(20), *many], uploads).note
    copies = pack_pictures([*pngs(20), ("again.png", png(0))], uploads)
    assert copies.n == 20 and copies.note == "1 file was left out: 1 looks the same as another (again.png)."


def test_note_comes_with_the_examples(uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack_pictures([*pngs(20), ("a.txt", b"hello")], uploads)
    assert stored(uploads, packed, monkeypatch).note == packed.note != ""


def test_names_are_shown_harmlessly(uploads: Path) -> None:
    names = ["<script>alert(1)</script>.txt", "../../" + "long" * 30 + ".txt", "**bold** [a](b)\n$x$.txt"]
    note = pack_pictures([*pngs(20), *((name, b"x") for name in names)], uploads).note
    assert not set("<>*[]()/$\n") & set(note.split("pictures (")[1].rstrip(").")) and len(note) < 160


@pytest.mark.parametrize("cut", [30, 200, 500])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_cut_files_are_left_out(kind: str, cut: int, uploads: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), kind)
    packed = pack_pictures([*pngs(20), (f"cut.{kind.lower()}", whole[:cut]), ("whole.x", whole)], uploads)
    assert packed.n == 21 and packed.note == f"1 file was left out: 1 is damaged (cut.{kind.lower()})."


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "at least 20 pictures .PNG, JPEG, WEBP, GIF or BMP, loose or in a zip file., got 0"),
        (pngs(19), "got 19 that can be used. Add more and upload again"),
        ([*pngs(5), ("a.txt", b"x")], "got 5 that can be used. 1 file was left out: 1 is no picture .a.txt.. Add more"),
        ([("x.zip", b"PK\x03\x04 nothing")], "1 is damaged .x.zip."),
        ([("x.zip", zipped([]))], "got 0"),
        ([("x.zip", zipped([("y.zip", zipped(pngs(20)))]))], "1 is no picture .y.zip."),
    ],
)
def test_too_few_pictures(files: list[File], sentence: str, uploads: Path) -> None:
    with pytest.raises(DataError, match=sentence):
        pack_pictures(files, uploads)
    assert not uploads.exists()


def test_nothing_is_written_where_a_zip_says(tmp_path: Path, uploads: Path) -> None:
    evil = ["../../evil.png", "/etc/evil.png", "..\\evil.png", "C:\\evil.png", "a/../../b.png"]
    files = [(name, png(100 + number)) for number, name in enumerate(evil)]
    packed = pack_pictures([("all.zip", zipped([*pngs(20), *files]))], uploads)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written == [uploads / f"{packed.digest}.safetensors"]


def test_locked_zip_is_told(uploads: Path) -> None:
    content = bytearray(zipped(pngs(20)))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # bit 0 of the flags: encrypted
        for found in re.finditer(re.escape(mark), bytes(content)):
            content[found.start() + place] |= 1
    with pytest.raises(DataError, match="20 are locked with a password .000.png"):
        pack_pictures([("all.zip", bytes(content))], uploads)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_methods_that_unpack_without_bound_are_not_used(method: int, uploads: Path) -> None:
    packed = pack_pictures([*pngs(20), ("x.zip", zipped([("z.png", png(99))], method))], uploads)
    assert packed.note == "1 file was left out: 1 is packed in a way that is not read here (z.png)."


def test_a_zip_that_lies_about_sizes(uploads: Path) -> None:
    honest, bomb = 100, zipped([("z.png", b"\0" * 3_000_000)])
    place = bomb.index(b"PK\x01\x02") + 24  # the declared size in the directory
    lying = bomb[:place] + honest.to_bytes(4, "little") + bomb[place + 4 :]
    reading = own_images._Reading(32, True)
    reading.read([("x.zip", lying)])
    assert reading.left_out == {"damaged": ["z.png"]} and reading.n_unpacked <= honest


def test_limits(uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(files: list[File], **limits: int) -> str:
        with monkeypatch.context() as patch:
            for name, limit in limits.items():
                patch.setattr(own_images, name, limit)
            with pytest.raises(DataError) as caught:
                pack_pictures(files, uploads)
            return str(caught.value)

    loose, packed = pngs(30), [("all.zip", zipped(pngs(30)))]
    assert "at most 0 MB of files" in refused(loose, MAX_UPLOAD=100)
    assert "unpack to at most 0 MB" in refused(packed, MAX_UNPACKED=2000)
    assert "at most 10 files in zip files" in refused(packed, MAX_ENTRIES=10)
    assert "30 are larger than" in refused(packed, MAX_ENTRY=50)
    assert "30 are larger than" in refused(loose, MAX_PIXELS=100)
    assert "megapixels in all" in refused(loose, MAX_ALL_PIXELS=10_000)
    assert "megapixels in all" in refused(packed, MAX_ALL_PIXELS=10_000)


def test_surplus_pictures_are_told(uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_images, "MAX_PICTURES", 22)
    packed = pack_pictures([("all.zip", zipped(pngs(24))), *pngs(30)[24:]], uploads)
    assert (packed.n, packed.note) == (22, "Only the first 22 pictures are used; 8 more came.")


def test_a_header_that_claims_a_huge_picture(uploads: Path) -> None:
    for side in (7_000, 60_000):
        header = bytearray(encoded(Image.new("RGB", (8, 8)), "BMP"))
        header[18:26] = side.to_bytes(4, "little") * 2
        with pytest.raises(DataError, match="1 is larger than 40 megapixels"):
            pack_pictures([("huge.bmp", bytes(header))], uploads)


def cut(picture: bytes, size: int = 32) -> np.ndarray:
    """The stored square as rows, columns, colours."""
    return own_images._Reading(size, True)._cut(picture).transpose(1, 2, 0)


def test_the_middle_is_cut_out() -> None:
    wide = Image.new("RGB", (120, 40), "red")
    wide.paste((0, 255, 0), (40, 0, 80, 40))
    assert (cut(encoded(wide)) == (0, 255, 0)).all()
    assert (cut(encoded(wide.transpose(Image.Transpose.ROTATE_90))) == (0, 255, 0)).all()


def test_pixels_are_averaged_over_areas() -> None:
    fine = np.random.default_rng(2).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    means = fine.reshape(32, 3, 32, 3, 3).mean((1, 3))
    assert np.abs(cut(encoded(Image.fromarray(fine))) - means).max() <= 1
    assert cut(encoded(Image.fromarray(fine[:5, :3]))).shape == (32, 32, 3)  # a tiny one is made larger


def test_pictures_stand_upright() -> None:
    halves = Image.new("RGB", (40, 40), "red")
    halves.paste((0, 0, 255), (0, 0, 40, 20))  # blue above
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter: above becomes right
    pixels = cut(encoded(halves, exif=exif))
    assert (pixels[:, :16] == (255, 0, 0)).all() and (pixels[:, 16:] == (0, 0, 255)).all()


def test_transparent_parts_are_white() -> None:
    clear = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 20, 40))
    pixels = cut(encoded(clear))
    assert (pixels[:, 16:] == 255).all() and (pixels[:, :16] == (0, 0, 255)).all()
    half = cut(encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 128))))
    assert (np.abs(half.astype(int) - 127) <= 1).all()


def test_first_frame_and_unusual_modes() -> None:
    frames = [Image.new("P", (40, 40), number) for number in (0, 1)]
    for frame in frames:
        frame.putpalette([255, 0, 0, 0, 255, 0])
    assert (cut(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])) == (255, 0, 0)).all()
    assert (cut(encoded(Image.fromarray(np.full((40, 40), 32_896, np.uint16)))) == 128).all()
    assert (cut(encoded(Image.new("1", (40, 40), 1))) == 255).all()
    assert cut(encoded(Image.new("CMYK", (40, 40), (0, 0, 0, 0)), "JPEG")).min() > 250


@pytest.mark.parametrize("digest", ["../../../secrets", "0123", "ABCDEF0123456789", "0123456789abcde/", "ünïcødé"])
def test_a_link_cannot_name_other_files(digest: str) -> None:
    with pytest.raises(DataError, match="16 letters and digits"):
        load_own_images(OwnImagesSettings(upload=digest))


def test_missing_and_damaged_uploads_are_told(uploads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENLAB_RUNS", str(uploads.parent))
    with pytest.raises(DataError, match="none were uploaded yet"):
        load_own_images(OwnImagesSettings())
    with pytest.raises(DataError, match="stay with the server to which they were made. Upload them again"):
        load_own_images(OwnImagesSettings(upload="0" * 16))
    uploads.mkdir(parents=True)
    floats = pack({"pictures": np.zeros((30, 3, 32, 32))}, {"note": ""})
    flat = pack({"pictures": np.zeros((30, 32), np.uint8)}, {"note": ""})
    for content in (b"", b"nonsense", floats, flat, pack({}, {})):
        (uploads / f"{'1' * 16}.safetensors").write_bytes(content)
        with pytest.raises(DataError, match="damaged: upload them again"):
            load_own_images(OwnImagesSettings(upload="1" * 16))


def test_no_bytes_break_it(uploads: Path) -> None:
    """Flipped bytes anywhere: pictures are kept or left out, and only a DataError may come."""
    chance = random.Random(5)
    wholes = [zipped(pngs(20)), png(1), *(encoded(Image.open(io.BytesIO(png(2))), k) for k in ("JPEG", "GIF", "WEBP"))]
    for number in range(250):
        content = bytearray(wholes[number % len(wholes)])
        for _ in range(chance.choice((1, 3, 20))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            packed = pack_pictures([*pngs(20)[:19], ("x", bytes(content))], uploads)
        except DataError:
            continue
        assert 20 <= packed.n <= 39
