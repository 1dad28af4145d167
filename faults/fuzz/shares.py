"""How many of the examples of a Hypothesis profile a law takes."""

from hypothesis import settings


def share(hundredths: int) -> settings:
    """Return the settings of a law: a share of the profile `long` if that was asked for, else of `laws`."""
    long = settings.get_profile("long")
    # By name only newer releases of Hypothesis tell it.
    chosen = long if settings.default is long else settings.get_profile("laws")
    return settings(chosen, max_examples=max(1, chosen.max_examples * hundredths // 100))
