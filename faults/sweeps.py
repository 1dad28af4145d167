"""All sweeps, in the order in which they run."""

from calls import CALL_ERRORS, KILLS, LARGE_KILLS
from canary import CANARY
from fuzz.running import FUZZ
from judge import JUDGE
from laws import LAWS, MODEL
from limits import LIMITS
from many import DIFFERENT, RACES, SAME
from order import ORDER
from prefect_signals import PREFECT_SIGNALS
from prefect_trouble import PREFECT
from quiet import QUIET
from signals import SIGNALS
from soak import SOAK
from sweep import Sweep
from waits import WAITS
from whole_command import COMMAND_ERRORS, COMMAND_KILLS

SWEEPS: tuple[Sweep, ...] = (
    JUDGE,
    ORDER,
    KILLS,
    LARGE_KILLS,
    COMMAND_KILLS,
    CALL_ERRORS,
    COMMAND_ERRORS,
    SIGNALS,
    LIMITS,
    DIFFERENT,
    SAME,
    RACES,
    WAITS,
    PREFECT,
    PREFECT_SIGNALS,
    CANARY,
    QUIET,
    LAWS,
    MODEL,
    FUZZ,
    SOAK,
)
