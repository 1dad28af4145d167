"""Number of examples of a property test, as a share of a Hypothesis profile."""

from hypothesis import settings


def limit_examples(percent: int) -> settings:
    """Return settings with a share of the examples of the profile `long` if it is active, else of `laws`."""
    long = settings.get_profile("long")
    # Only newer releases of Hypothesis return the name of the active profile.
    chosen = long if settings.default is long else settings.get_profile("laws")
    return settings(chosen, max_examples=max(1, chosen.max_examples * percent // 100))
