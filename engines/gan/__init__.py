"""Generative adversarial networks: two players, of whom one makes and one judges."""

from engines.gan.cycle_pictures import PICTURE_CYCLE
from engines.gan.cycle_plane import PLANE_CYCLE
from engines.gan.picture_gan import PICTURE_GAN
from engines.gan.plane_spec import PLANE_GAN
from engines.gan.style_spec import STYLE_GAN

MODELS = (PLANE_GAN, PICTURE_GAN, STYLE_GAN, PLANE_CYCLE, PICTURE_CYCLE)
