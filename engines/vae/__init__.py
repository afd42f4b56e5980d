"""Variational autoencoders: `MODELS` lists what there is."""

from engines.vae.gaussian_vae import CONDITIONAL_VAE, VAE

MODELS = (VAE, CONDITIONAL_VAE)
