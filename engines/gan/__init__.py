"""Generative adversarial networks: two players, of whom one makes and one judges."""

from engines.gan.cyclegan.images import PICTURE_CYCLE
from engines.gan.cyclegan.plane import PLANE_CYCLE
from engines.gan.images.convolutional import PICTURE_GAN
from engines.gan.images.style_spec import STYLE_GAN
from engines.gan.plane.spec import PLANE_GAN

MODELS = (PLANE_GAN, PICTURE_GAN, STYLE_GAN, PLANE_CYCLE, PICTURE_CYCLE)
