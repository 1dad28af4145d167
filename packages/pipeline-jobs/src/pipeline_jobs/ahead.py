"""Work done ahead in a thread, while the caller does what lets other threads run: writing, hashing, SQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

_FEW = 2
"""Items for which no thread is started: most files have no more chunks, and the start would be felt."""


@contextmanager
def ahead[T](items: Iterator[T]) -> Iterator[Iterator[T]]:
    """Lend an iterator over `items` that makes the next one while one is used.

    What `items` raises is raised where the item is waited for. When the block ends, nothing runs on.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        yield _ahead(items, pool)


@contextmanager
def mapped_ahead[T, Made](make: Callable[[T], Made], items: Iterator[T]) -> Iterator[Iterator[Made]]:
    """Lend an iterator over what is made of `items`, the next one while one is used.

    The items themselves are taken in the caller's thread: they may come from somebody who minds.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        yield _mapped_ahead(make, items, pool)


def _ahead[T](items: Iterator[T], pool: ThreadPoolExecutor) -> Iterator[T]:
    for _ in range(_FEW):
        if not (found := _taken(items)):
            return
        yield from found
    following = pool.submit(_taken, items)
    while found := following.result():
        following = pool.submit(_taken, items)
        yield from found


def _taken[T](items: Iterator[T]) -> tuple[T, ...]:
    """Take one item, or none at the end: a future cannot carry ``StopIteration``."""
    return tuple(islice(items, 1))


def _mapped_ahead[T, Made](
    make: Callable[[T], Made], items: Iterator[T], pool: ThreadPoolExecutor
) -> Iterator[Made]:
    yield from map(make, islice(items, _FEW))
    waiting = [pool.submit(make, item) for item in islice(items, 1)]
    for item in items:
        waiting.append(pool.submit(make, item))
        yield waiting.pop(0).result()
    yield from (last.result() for last in waiting)
