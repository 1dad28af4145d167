"""All sweeps, in the order in which they run."""

from calls import CALL_ERRORS, KILLS
from limits import LIMITS
from many import DIFFERENT, RACES, SAME
from order import ORDER
from signals import SIGNALS
from sweep import Sweep
from waits import WAITS

SWEEPS: tuple[Sweep, ...] = (ORDER, KILLS, CALL_ERRORS, SIGNALS, LIMITS, DIFFERENT, SAME, RACES, WAITS)
