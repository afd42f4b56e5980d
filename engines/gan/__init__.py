"""Generative adversarial networks: two players, of whom one makes and one judges."""

from engines.gan.picture_gan import PICTURE_GAN
from engines.gan.plane_spec import PLANE_GAN
from engines.gan.style_spec import STYLE_GAN

MODELS = (PLANE_GAN, PICTURE_GAN, STYLE_GAN)
