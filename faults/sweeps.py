"""All sweeps, in the order in which they run."""

from checker_selftest import JUDGE
from command_syscall_faults import COMMAND_ERRORS, COMMAND_KILLS
from fsync_order import ORDER
from fuzz.fuzz_sweep import FUZZ
from hostile.hostile_sweep import HOSTILE
from lock_waits import WAITS
from many_processes import DIFFERENT, RACES, SAME
from network_isolation import QUIET
from prefect_api_faults import PREFECT
from prefect_signals import PREFECT_SIGNALS
from property_tests import LAWS, MODEL
from random_signals import SIGNALS
from resource_limits import LIMITS
from secrets_sweep import CANARY
from soak import SOAK
from sweep import Sweep
from syscall_faults import CALL_ERRORS, KILLS, LARGE_KILLS

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
    HOSTILE,
    CANARY,
    QUIET,
    LAWS,
    MODEL,
    FUZZ,
    SOAK,
)
