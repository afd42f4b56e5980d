"""Bodies that turn one picture into another, and that judge a picture patch by patch."""

from __future__ import annotations

from torch import Tensor, nn

FINE = 8  # features of each pixel at the end, so that neighbours of different places fit together
SLOPE = 0.2  # of leaky units below nought


class Residual(nn.Module):
    """x + c(relu(n(c(x)))): a block that begins near doing nothing.

    Args:
        width: Channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inwards, out = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.body = nn.Sequential(inwards, nn.InstanceNorm2d(width, affine=True), nn.ReLU(), out)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (B, width, H, W), as it came."""
        return x + self.body(x)


class ResidualTranslator(nn.Module):
    """Pictures to pictures on the scale -1 ... 1: squares of 2 by 2 pixels become places, residual blocks change them.

        G(x) = soft clamp of x + change(x)

    The paper's generator in small: places of 2 by 2 pixels in place of two halvings, and the change is added to the
    picture, which a processor can train in minutes.

    Args:
        channels: C of the pictures, whose sides are even.
        width: Features of a place.
        n_blocks: Residual blocks.

    Source:
        Zhu, Park, Isola, Efros 2017, section 4 and appendix 7.2, arXiv:1703.10593; Johnson et al. 2016,
        arXiv:1603.08155
    """

    def __init__(self, channels: int, width: int, n_blocks: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4 * channels, width, 3, padding=1),
            nn.ReLU(),
            *(Residual(width) for _ in range(n_blocks)),
            nn.ReLU(),
            nn.Conv2d(width, 4 * FINE, 3, padding=1),
            nn.PixelShuffle(2),
            nn.Conv2d(FINE, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) -> the same shape, within -1 ... 1 up to a soft border."""
        return soft_clamp(x + self.body(x))


def soft_clamp(x: Tensor) -> Tensor:
    """x within -1 ... 1; beyond, a hundredth of what is too much, so that a slope is left."""
    return x.clamp(-1, 1) + 0.01 * (x - x.clamp(-1, 1))


class PatchDiscriminator(nn.Sequential):
    """A map of logits, one for each patch of 23 pixels: it judges texture and parts, not the whole picture.

    No norms: they would hide how bright a picture is as a whole, which is all that day and night differ in.

    Args:
        channels: C of the pictures.
        width: Channels of the first map; the second has twice as many.

    Source:
        Isola et al. 2017, section 2.2.2, arXiv:1611.07004
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(
            nn.Conv2d(channels, width, 4, 2, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * width, 1, 4, 1, 1),
        )
