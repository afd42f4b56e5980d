"""NAVIGATION: the one ordered list of pages; only pages that work stand in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PageEntry:
    """One page: its section, file in views/, title, icon and path."""

    section: str
    file: str
    title: str
    icon: str
    path: str


NAVIGATION = (
    PageEntry("Flows", "flows/page.py", "Flows in 2-D", ":material/waves:", "flows"),
    PageEntry("Flows", "flow_compare/page.py", "Two flows, one target", ":material/compare:", "flow-compare"),
    PageEntry("Flows", "distillation/page.py", "Teacher and student", ":material/school:", "distillation"),
    PageEntry("Autoencoders", "latent_space/page.py", "Latent space and β", ":material/face:", "autoencoders"),
    PageEntry("Autoencoders", "sentence_vae/page.py", "Between two names", ":material/abc:", "autoencoders-names"),
    PageEntry("Autoencoders", "plane_vae/page.py", "Bound and posterior", ":material/target:", "autoencoders-plane"),
    PageEntry(
        "Autoencoders", "vq_vae/page.py", "Codes that are discrete", ":material/grid_view:", "autoencoders-codes"
    ),
    PageEntry("Score and Langevin", "score/page.py", "Score and particles", ":material/explore:", "score"),
    PageEntry("Score and Langevin", "fast_sampling/page.py", "Fewer network calls", ":material/bolt:", "shortcuts"),
    PageEntry(
        "Score and Langevin", "image_diffusion/page.py", "From noise to image", ":material/blur_on:", "denoising"
    ),
    PageEntry(
        "Generative adversarial networks", "gan/page.py", "Two nets in play", ":material/sports_martial_arts:", "gans"
    ),
    PageEntry(
        "Generative adversarial networks", "dirac_gan/page.py", "Circle or converge?", ":material/cyclone:", "gan-dirac"
    ),
    PageEntry(
        "Generative adversarial networks",
        "image_gan/page.py",
        "Pictures from a game",
        ":material/sports_kabaddi:",
        "gan-pictures",
    ),
    PageEntry(
        "Generative adversarial networks", "human_discriminator/page.py", "Can you tell?", ":material/gavel:", "judge"
    ),
    PageEntry(
        "Generative adversarial networks",
        "cyclegan/page.py",
        "Without a dictionary",
        ":material/sync_alt:",
        "gan-cycle",
    ),
)
