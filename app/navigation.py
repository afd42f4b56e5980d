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
    """One page.

    Attributes:
        section: Its heading in the sidebar.
        file: Its file in views/.
        title: What the sidebar and the browser's tab say.
        icon: A Material icon.
        path: Its address; it never changes, so that old links open.
        terms: What a teacher would search it by, beyond its titles: of models, settings, lessons and measures.
        measures: Keys of METRICS that it shows.
    """

    section: str
    file: str
    title: str
    icon: str
    path: str
    terms: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Its folder in views/."""
        return self.file.split("/")[0]


NAVIGATION = (
    PageEntry(
        FLOWS, "flows/page.py", "Normalizing flows in 2-D", ":material/waves:", "flows",
        ("normalizing flow", "change of variables", "log-determinant", "Jacobian determinant", "invertible network",
         "affine coupling", "coupling layer", "density estimation", "neural ODE", "FFJORD", "forward KL",
         "reverse KL", "mixture base", "activation norm"),
        ("kl", "integral"),
    ),
    PageEntry(
        FLOWS, "flow_compare/page.py", "Compare two flows", ":material/compare:", "flow-compare",
        ("reverse KL", "volume-preserving flow"),
        ("kl",),
    ),
    PageEntry(
        FLOWS, "distillation/page.py", "Distillation (Parallel WaveNet)", ":material/school:", "distillation",
        ("probability density distillation", "teacher and student", "Parallel WaveNet", "WaveNet", "audio",
         "power loss", "inverse autoregressive flow"),
        ("kl",),
    ),
    PageEntry(
        VAES, "latent_space/page.py", "VAE and β-VAE: latent space", ":material/face:", "autoencoders",
        ("variational autoencoder", "β-VAE", "reparameterization trick", "latent space", "disentanglement",
         "holes in the prior", "posterior collapse", "blurry reconstructions", "conditional VAE", "capacity",
         "active units", "traversal", "interpolation"),
        ("bound", "rate", "distortion", "bits_per_dim", "active_units", "mig", "dci", "sap", "factor_vae"),
    ),
    PageEntry(
        VAES, "sentence_vae/page.py", "Sentence VAE: posterior collapse", ":material/abc:", "autoencoders-names",
        ("sentence VAE", "posterior collapse", "word dropout", "KL annealing", "free bits",
         "spherical interpolation", "GRU"),
        ("bound", "rate", "distortion"),
    ),
    PageEntry(
        VAES, "plane_vae/page.py", "ELBO and true posterior", ":material/target:", "autoencoders-plane",
        ("ELBO", "true posterior", "importance-weighted bound", "quadrature", "posterior collapse", "KL annealing",
         "ELBO gap"),
        ("bound", "rate"),
    ),
    PageEntry(
        VAES, "vq_vae/page.py", "VQ-VAE: discrete codes", ":material/grid_view:", "autoencoders-codes",
        ("VQ-VAE", "vector quantization", "codebook", "codebook collapse", "dead codes", "perplexity",
         "commitment loss", "VQ-VAE-2"),
        ("bits_per_dim",),
    ),
    PageEntry(
        SCORES, "score/page.py", "Score matching and Langevin dynamics", ":material/explore:", "score",
        ("score matching", "denoising score matching", "sliced score matching", "Langevin dynamics",
         "annealed Langevin dynamics", "MALA", "Metropolis-adjusted Langevin", "NCSN",
         "noise-conditional score network", "predictor-corrector", "DDIM", "DDPM", "probability-flow ODE",
         "Heun's method", "energy", "temperature"),
        ("score_error", "energy_distance"),
    ),
    PageEntry(
        SCORES, "fast_sampling/page.py", "Fast sampling: ODE, flow matching, consistency", ":material/bolt:",
        "shortcuts",
        ("fast sampling", "number of function evaluations", "NFE", "flow matching", "rectified flow", "reflow",
         "consistency model", "consistency distillation", "minibatch optimal transport", "DDIM"),
        ("energy_distance",),
    ),
    PageEntry(
        SCORES, "image_diffusion/page.py", "Diffusion models of images", ":material/blur_on:", "denoising",
        ("diffusion model", "denoising diffusion", "EDM", "denoiser", "classifier-free guidance", "inpainting",
         "image editing", "memorization", "DDIM", "DDPM", "guidance scale", "Fréchet distance"),
        ("frechet", "coverage", "neighbour_ratio"),
    ),
    PageEntry(
        GANS, "gan/page.py", "GAN in 2-D: mode collapse", ":material/sports_martial_arts:", "gans",
        ("generative adversarial network", "mode collapse", "mode dropping", "discriminator",
         "optimal discriminator", "Wasserstein GAN", "WGAN-GP", "gradient penalty", "R1 penalty", "DRAGAN",
         "spectral normalization", "PacGAN", "unrolled GAN", "weight clipping", "vanishing gradients", "hinge loss",
         "relativistic GAN", "least-squares GAN", "two time-scale update rule", "instance noise",
         "minibatch discrimination", "non-saturating loss"),
        ("mmd", "mode_kl"),
    ),
    PageEntry(
        GANS, "dirac_gan/page.py", "Dirac-GAN: convergence", ":material/cyclone:", "gan-dirac",
        ("Dirac-GAN", "phase portrait", "eigenvalues", "Nash equilibrium", "consensus optimization",
         "simultaneous gradient descent", "alternating gradient descent", "instance noise", "R1 penalty",
         "negative momentum", "WGAN-GP"),
    ),
    PageEntry(
        GANS, "image_gan/page.py", "DCGAN and StyleGAN: images", ":material/sports_kabaddi:", "gan-pictures",
        ("DCGAN", "StyleGAN", "style mixing", "truncation trick", "progressive growing", "memorization",
         "Fréchet distance", "precision and recall", "coverage", "spectral normalization",
         "minibatch standard deviation", "stacked MNIST"),
        ("frechet", "density", "coverage", "neighbour_ratio", "class_kl"),
    ),
    PageEntry(
        GANS, "cyclegan/page.py", "CycleGAN: unpaired translation", ":material/sync_alt:", "gan-cycle",
        ("CycleGAN", "cycle consistency", "unpaired translation", "image-to-image translation", "identity loss",
         "image buffer", "steganography", "identifiability"),
    ),
    PageEntry(
        GANS, "human_discriminator/page.py", "Real or fake? You as the discriminator", ":material/gavel:", "judge",
        ("Turing test", "real or fake"),
    ),
)  # fmt: skip
