"""All sweeps, in the order in which they run."""

from sweep import Sweep

SWEEPS: tuple[Sweep, ...] = ()
