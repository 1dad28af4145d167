"""All sweeps, in the order in which they run."""

from calls import CALL_ERRORS, KILLS
from limits import LIMITS
from many import DIFFERENT, RACES, SAME
from signals import SIGNALS
from sweep import Sweep

SWEEPS: tuple[Sweep, ...] = (KILLS, CALL_ERRORS, SIGNALS, LIMITS, DIFFERENT, SAME, RACES)
