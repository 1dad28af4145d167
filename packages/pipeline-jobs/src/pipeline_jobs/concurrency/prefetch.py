"""Prefetching: the next item is made in a thread while the caller uses one.

It pays where the caller's work lets other threads run: writing, hashing, SQL. If no thread can be started,
for want of memory or processes, the caller makes each item itself.

`Executor.map` has what this needs, a bound on the items it takes ahead (`buffersize`), from Python 3.14 on.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice

_NO_THREAD = "can't start new thread"  # the text of Python's RuntimeError, which has no class of its own
_UNTHREADED_ITEMS = 2
"""Items made without a thread: most files have no more chunks, and starting a thread would cost more."""


@contextmanager
def prefetch[T: Sized](items: Iterator[T]) -> Iterator[Iterator[T]]:
    """Return an iterator over `items` that makes the next item in a thread while the caller uses one.

    An exception of `items` is raised where the caller asks for the item. Nothing runs on after the block.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as pool:
        yield _iterate_ahead(items, _Worker(pool))


@contextmanager
def prefetch_map[T: Sized, Made](make: Callable[[T], Made], items: Iterator[T]) -> Iterator[Iterator[Made]]:
    """Return an iterator over ``make(item)`` that calls `make` in a thread while the caller uses a result.

    `items` itself is advanced in the caller's thread, as the iterator may not be thread-safe.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as pool:
        yield _map_ahead(make, items, _Worker(pool))


def preload[T](items: Iterator[T], count: int) -> Iterator[T]:
    """Make the first `count` items now, and return an iterator over all of them."""
    loaded = deque(islice(items, count))

    def iterate() -> Iterator[T]:
        while loaded:
            yield loaded.popleft()
        yield from items

    return iterate()


class _Worker:
    """One thread of a pool; if it cannot be started, calls are made when their results are asked for."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool: ThreadPoolExecutor | None = pool

    def submit[**Parameters, Result](
        self,
        function: Callable[Parameters, Result],
        *values: Parameters.args,
        **named: Parameters.kwargs,
    ) -> Callable[[], Result]:
        """Start a call, and return a function that waits for its result."""
        if self._pool:
            try:
                return self._pool.submit(function, *values, **named).result
            except RuntimeError as error:
                if _NO_THREAD not in str(error):
                    raise
                # The call stays in the pool's queue. A thread started by a later call would make it again.
                self._pool = None
        return partial(function, *values, **named)


# A chunk of one record is a long line, perhaps of many megabytes. After such an item the next one is not made
# before it is asked for, and the generators below keep no reference to an item they have yielded.


def _iterate_ahead[T: Sized](items: Iterator[T], worker: _Worker) -> Iterator[T]:
    for _ in range(_UNTHREADED_ITEMS):
        if not (found := list(islice(items, 1))):
            return
        yield found.pop()
    wait = worker.submit(_take_one, items)
    while found := wait():
        if len(found[0]) > 1:
            wait = worker.submit(_take_one, items)
            yield found.pop()
        else:
            yield found.pop()
            wait = worker.submit(_take_one, items)


def _take_one[T](items: Iterator[T]) -> list[T]:
    """Take one item, or none at the end: a future cannot carry ``StopIteration``."""
    return list(islice(items, 1))


def _map_ahead[T: Sized, Made](
    make: Callable[[T], Made], items: Iterator[T], worker: _Worker
) -> Iterator[Made]:
    yield from map(make, islice(items, _UNTHREADED_ITEMS))
    waiting: list[Callable[[], Made]] = []
    while found := _take_one(items):
        ahead = 1 if len(found[0]) > 1 else 0
        waiting.append(worker.submit(make, found.pop()))
        while len(waiting) > ahead:
            yield waiting.pop(0)()
    while waiting:
        yield waiting.pop(0)()
