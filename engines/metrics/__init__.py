"""Measures of models and of samples; `METRICS` says of each what it is and how far to trust it."""

from engines.metrics.catalogue import METRICS, MetricSpec

__all__ = ["METRICS", "MetricSpec"]
