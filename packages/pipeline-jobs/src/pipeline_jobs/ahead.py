"""Work done ahead in a thread, while the caller does what lets other threads run: writing, hashing, SQL.

Where no thread can be started, for want of memory or of processes, the caller does it all.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice

_NO_THREAD = "can't start new thread"  # how Python says so, in a plain RuntimeError
_FEW = 2
"""Items for which no thread is started: most files have no more chunks, and the start would be felt."""


@contextmanager
def ahead[T: Sized](items: Iterator[T]) -> Iterator[Iterator[T]]:
    """Lend an iterator over `items` that makes the next one while one is used.

    What `items` raises is raised where the item is waited for. When the block ends, nothing runs on.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        yield _ahead(items, _Helper(pool))


@contextmanager
def mapped_ahead[T: Sized, Made](make: Callable[[T], Made], items: Iterator[T]) -> Iterator[Iterator[Made]]:
    """Lend an iterator over what is made of `items`, the next one while one is used.

    The items themselves are taken in the caller's thread: they may come from somebody who minds.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        yield _mapped_ahead(make, items, _Helper(pool))


def begun[T](items: Iterator[T], count: int) -> Iterator[T]:
    """Return the same items, so many of them made already, and let go of as they are taken."""
    made = deque(islice(items, count))

    def rest() -> Iterator[T]:
        while made:
            yield made.popleft()
        yield from items

    return rest()


class _Helper:
    """A thread that work is given to; without one, work is done when its outcome is asked for."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool: ThreadPoolExecutor | None = pool

    def given[**Given, Made](
        self, work: Callable[Given, Made], *values: Given.args, **named: Given.kwargs
    ) -> Callable[[], Made]:
        """Give it work, and return what waits for the outcome."""
        if self._pool:
            try:
                return self._pool.submit(work, *values, **named).result
            except RuntimeError as error:
                if _NO_THREAD not in str(error):
                    raise
                # What could not be begun stays in the pool's queue; a thread it starts later would do it too.
                self._pool = None
        return partial(work, *values, **named)


# A chunk of one record is a long line, of which each further one would be felt in memory: after such an item
# the next is waited for, and no generator here keeps what it has given.


def _ahead[T: Sized](items: Iterator[T], helper: _Helper) -> Iterator[T]:
    for _ in range(_FEW):
        if not (found := _taken(items)):
            return
        yield found.pop()
    following = helper.given(_taken, items)
    while found := following():
        if len(found[0]) > 1:
            following = helper.given(_taken, items)
            yield found.pop()
        else:
            yield found.pop()
            following = helper.given(_taken, items)


def _taken[T](items: Iterator[T]) -> list[T]:
    """Take one item, or none at the end: a future cannot carry ``StopIteration``."""
    return list(islice(items, 1))


def _mapped_ahead[T: Sized, Made](
    make: Callable[[T], Made], items: Iterator[T], helper: _Helper
) -> Iterator[Made]:
    yield from map(make, islice(items, _FEW))
    waiting: list[Callable[[], Made]] = []
    while found := _taken(items):
        most = 1 if len(found[0]) > 1 else 0
        waiting.append(helper.given(make, found.pop()))
        while len(waiting) > most:
            yield waiting.pop(0)()
    while waiting:
        yield waiting.pop(0)()
