"""The perfect denoiser of a finite set of pictures, in closed form: what denoising score matching would end at."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.errors import ShapeError

CHUNK = 64  # noisy pictures at a time


class EmpiricalDenoiser:
    """The exact minimiser of the denoising loss over a training set as it stands: a weighted mean of its pictures.

    A network here is trained on pictures with half a level of jitter, which the closed form leaves out: the two differ
    at noise of about that size.

    D(x; sigma) = sum_i w_i y_i,   w = softmax over i of  -|x - y_i|² / (2 sigma²)

    Followed to the end it copies the training set: for sigma -> 0 the nearest picture has all the weight.

    Args:
        pictures: The training set, shape (N, *event), on the scale of the noise.
        labels: Class of each, shape (N,); None without classes.

    Source:
        Karras et al. 2022, Elucidating the design space, appendix B.3, arXiv:2206.00364
    """

    def __init__(self, pictures: Tensor, labels: Tensor | None = None) -> None:
        self.event_shape = tuple(pictures.shape[1:])
        self.labels = labels
        self._flat = pictures.flatten(1)
        self._half_norms = self._flat.square().sum(1) / 2

    def denoise(self, x: Tensor, sigma: float | Tensor, labels: Tensor | None = None) -> Tensor:
        """The expected training picture behind noisy ones.

        Args:
            x: Noisy pictures, shape (B, *event).
            sigma: Their noise level, one for all or shape (B,).
            labels: Only pictures of this class count, shape (B,); None: all.

        Raises:
            ShapeError: If x has another shape.
        """
        if tuple(x.shape[1:]) != self.event_shape:
            raise ShapeError(f"Expected x of shape (B, {', '.join(map(str, self.event_shape))}), got {tuple(x.shape)}.")
        sigma = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))
        parts = [
            self._weights(x[rows], sigma[rows], None if labels is None else labels[rows]) @ self._flat
            for rows in torch.arange(len(x), device=x.device).split(CHUNK)
        ]
        return torch.cat(parts).view_as(x)

    def score(self, x: Tensor, sigma: float) -> Tensor:
        """(D(x; sigma) - x) / sigma²."""
        return (self.denoise(x, sigma) - x) / sigma**2

    def _weights(self, x: Tensor, sigma: Tensor, labels: Tensor | None) -> Tensor:
        """The share of each training picture, (B, N); |x|² is the same for all and left out."""
        logits = (x.flatten(1) @ self._flat.T - self._half_norms) / sigma[:, None].square()
        if labels is not None and self.labels is not None:
            logits = logits.masked_fill(self.labels != labels[:, None], -torch.inf)
        return logits.softmax(1)
