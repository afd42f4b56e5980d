"""Score matching: the slope of the log density, learned at every noise level."""

from engines.score.consistency import CONSISTENCY
from engines.score.flow_matching import FLOW_MATCHING
from engines.score.image_denoiser import IMAGE_DENOISER
from engines.score.score_field import SCORE_FIELD

MODELS = (
    SCORE_FIELD,
    FLOW_MATCHING,
    CONSISTENCY,
    IMAGE_DENOISER,
)
