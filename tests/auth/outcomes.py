"""What the metrics say of signing in."""

from __future__ import annotations

from jmapd.observe.metrics import Metrics


def outcomes(metrics: Metrics) -> dict[str, float]:
    """How often it came to what."""
    found = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            if sample.name == "jmapd_authentications_total":
                found[sample.labels["outcome"]] = sample.value
    return found
