"""All sweeps, in the order in which they run."""

from calls import CALL_ERRORS, KILLS
from sweep import Sweep

SWEEPS: tuple[Sweep, ...] = (KILLS, CALL_ERRORS)
