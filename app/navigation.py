"""NAVIGATION: the one ordered list of pages; only pages that work stand in it.

A title says the field's term, so that it is found; the page's heading may ask the question.
"""

from __future__ import annotations

from dataclasses import dataclass

FLOWS = "Normalizing flows"
VAES = "Variational autoencoders"
SCORES = "Score-based and diffusion models"
GANS = "GANs"


@dataclass(frozen=True)
class PageEntry:
    """One page: its section, file in views/, title, icon and path."""

    section: str
    file: str
    title: str
    icon: str
    path: str

    @property
    def folder(self) -> str:
        """Its folder in views/."""
        return self.file.split("/")[0]


NAVIGATION = (
    PageEntry(FLOWS, "flows/page.py", "Normalizing flows in 2-D", ":material/waves:", "flows"),
    PageEntry(FLOWS, "flow_compare/page.py", "Compare two flows", ":material/compare:", "flow-compare"),
    PageEntry(FLOWS, "distillation/page.py", "Distillation (Parallel WaveNet)", ":material/school:", "distillation"),
    PageEntry(VAES, "latent_space/page.py", "VAE and β-VAE: latent space", ":material/face:", "autoencoders"),
    PageEntry(VAES, "sentence_vae/page.py", "Sentence VAE: posterior collapse", ":material/abc:", "autoencoders-names"),
    PageEntry(VAES, "plane_vae/page.py", "ELBO and true posterior", ":material/target:", "autoencoders-plane"),
    PageEntry(VAES, "vq_vae/page.py", "VQ-VAE: discrete codes", ":material/grid_view:", "autoencoders-codes"),
    PageEntry(SCORES, "score/page.py", "Score matching and Langevin dynamics", ":material/explore:", "score"),
    PageEntry(
        SCORES,
        "fast_sampling/page.py",
        "Fast sampling: ODE, flow matching, consistency",
        ":material/bolt:",
        "shortcuts",
    ),
    PageEntry(SCORES, "image_diffusion/page.py", "Diffusion models of images", ":material/blur_on:", "denoising"),
    PageEntry(GANS, "gan/page.py", "GAN in 2-D: mode collapse", ":material/sports_martial_arts:", "gans"),
    PageEntry(GANS, "dirac_gan/page.py", "Dirac-GAN: convergence", ":material/cyclone:", "gan-dirac"),
    PageEntry(GANS, "image_gan/page.py", "DCGAN and StyleGAN: images", ":material/sports_kabaddi:", "gan-pictures"),
    PageEntry(GANS, "cyclegan/page.py", "CycleGAN: unpaired translation", ":material/sync_alt:", "gan-cycle"),
    PageEntry(
        GANS, "human_discriminator/page.py", "Real or fake? You as the discriminator", ":material/gavel:", "judge"
    ),
)
