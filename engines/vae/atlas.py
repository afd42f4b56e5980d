"""Both codebooks of a model as a held-out set uses them: what each code draws, how often, and some examples."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.blobs import Arrays
from engines.tensors import to_numpy
from engines.vae.quantizer import count_codes

CHUNK = 250
N_PATCHES = 250  # examples whose patches are averaged
N_SHOWN = 48
NAMES = ("top", "bottom")


def atlas(model: Any, x: Tensor) -> Arrays:
    """What a page shows of a pair of codebooks.

    top_, bottom_usage (K,): shares over all N examples; _patches (K, C, h, w) uint8: mean of what is drawn where the
    code stands; _angles (K,): like codes have like ones, 0 ... 1; originals, reconstructions (M, C, H, W) uint8; tops,
    bottoms (M, cells) int16; rates, distortions (M,) nats.
    """
    parts = [model.codes(chunk) for chunk in x.split(CHUNK)]
    maps = [torch.cat([part[level] for part in parts]) for level in (0, 1)]
    shown = [each[:N_SHOWN] for each in maps]
    rates, distortions = model.rate_and_distortion(x[:N_SHOWN])
    arrays = {
        "originals": to_numpy(bytes_of(model, x[:N_SHOWN])),
        "reconstructions": to_numpy(bytes_of(model, model.decode_codes(*shown))),
        "tops": to_numpy(shown[0].flatten(1).short()),
        "bottoms": to_numpy(shown[1].flatten(1).short()),
        "rates": to_numpy(rates),
        "distortions": to_numpy(distortions),
    }
    drawn = torch.cat(
        [model.decode_codes(*pair) for pair in zip(*(m[:N_PATCHES].split(CHUNK) for m in maps), strict=True)]
    )
    for name, codes, book in zip(NAMES, maps, (model.top_quantizer, model.bottom_quantizer), strict=True):
        usage = count_codes(codes, book.n_codes) / codes.numel()
        arrays[f"{name}_usage"] = to_numpy(usage)
        arrays[f"{name}_patches"] = to_numpy(bytes_of(model, mean_patches(model, drawn, codes[:N_PATCHES])))
        arrays[f"{name}_angles"] = to_numpy(angles(book.codebook, usage))
    return arrays


def mean_patches(model: Any, pictures: Tensor, codes: Tensor) -> Tensor:
    """The mean of what is drawn where each code stands: (N, C, H, W) and (N, h, w) -> (K, C, H / h, W / w).

    A code that stands nowhere has a grey one.
    """
    n, colours = pictures.shape[:2]
    height, width = model.padded
    below, right = height - pictures.shape[2], width - pictures.shape[3]
    h, w = codes.shape[1:]
    whole = F.pad(pictures, (0, right, 0, below), mode="replicate").view(n, colours, h, height // h, w, width // w)
    patches = whole.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)  # (N h w, C, p, q)
    n_codes = model.settings.n_codes
    counts = count_codes(codes, n_codes).view(-1, 1, 1, 1)
    sums = torch.zeros(n_codes, *patches.shape[1:]).index_add_(0, codes.flatten(), patches)
    return torch.where(counts > 0, sums / counts.clamp_min(1), torch.full_like(sums, (model.levels - 1) / 2))


def angles(codebook: Tensor, usage: Tensor) -> Tensor:
    """A place on the colour circle for each code: the angle of its first two principal components, 0 ... 1."""
    weight = usage[:, None] / usage.sum()
    centred = codebook - (codebook * weight).sum(0)
    directions = torch.linalg.svd(centred * weight.sqrt(), full_matrices=False).Vh[:2]
    first, second = (centred @ directions.T).T
    return (torch.atan2(second, first) / (2 * torch.pi)) % 1


def bytes_of(model: Any, x: Tensor) -> Tensor:
    """Pixels 0 ... levels - 1 as brightness 0 ... 255, uint8."""
    return (x * (255 / (model.levels - 1))).round().clamp(0, 255).to(torch.uint8)
