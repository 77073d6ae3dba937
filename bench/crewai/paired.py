"""Medians of paired differences, and how sure they are."""

import random
import statistics

RESAMPLES = 10_000


def interval(differences):
    """The median, and the bounds between which 95 % of the medians of resampled differences lie."""
    draw = random.Random(1)
    medians = sorted(
        statistics.median(draw.choices(differences, k=len(differences))) for _ in range(RESAMPLES)
    )
    low, high = medians[RESAMPLES * 25 // 1000], medians[RESAMPLES * 975 // 1000 - 1]
    return statistics.median(differences), low, high


def shown(differences, unit):
    middle, low, high = interval(differences)
    return f"{middle:+.1f} {unit} ({low:+.1f} to {high:+.1f})"
