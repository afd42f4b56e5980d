"""Variational autoencoders: `MODELS` lists what there is."""

from engines.vae.gaussian_vae import CONDITIONAL_VAE, VAE
from engines.vae.name_vae import NAME_VAE
from engines.vae.plane_vae import PLANE_VAE
from engines.vae.vq_spec import VQ_VAE

MODELS = (VAE, CONDITIONAL_VAE, PLANE_VAE, NAME_VAE, VQ_VAE)
