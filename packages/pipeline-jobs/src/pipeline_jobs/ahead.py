"""Work done ahead in a thread, while the caller does what lets other threads run: writing, hashing, SQL."""

from collections import deque
from collections.abc import Callable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice

_FEW = 2
"""Items for which no thread is started: most files have no more chunks, and the start would be felt."""


@contextmanager
def ahead[T: Sized](items: Iterator[T]) -> Iterator[Iterator[T]]:
    """Lend an iterator over `items` that makes the next one while one is used.

    What `items` raises is raised where the item is waited for. When the block ends, nothing runs on.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        yield _ahead(items, pool)


@contextmanager
def mapped_ahead[T: Sized, Made](make: Callable[[T], Made], items: Iterator[T]) -> Iterator[Iterator[Made]]:
    """Lend an iterator over what is made of `items`, the next one while one is used.

    The items themselves are taken in the caller's thread: they may come from somebody who minds.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        yield _mapped_ahead(make, items, pool)


def begun[T](items: Iterator[T], count: int) -> Iterator[T]:
    """Return the same items, so many of them made already, and let go of as they are taken."""
    made = deque(islice(items, count))

    def rest() -> Iterator[T]:
        while made:
            yield made.popleft()
        yield from items

    return rest()


# A chunk of one record is a long line, of which each further one would be felt in memory: after such an item
# the next is waited for, and no generator here keeps what it has given.


def _ahead[T: Sized](items: Iterator[T], pool: ThreadPoolExecutor) -> Iterator[T]:
    for _ in range(_FEW):
        if not (found := _taken(items)):
            return
        yield found.pop()
    following = pool.submit(_taken, items)
    while found := following.result():
        if len(found[0]) > 1:
            following = pool.submit(_taken, items)
            yield found.pop()
        else:
            yield found.pop()
            following = pool.submit(_taken, items)


def _taken[T](items: Iterator[T]) -> list[T]:
    """Take one item, or none at the end: a future cannot carry ``StopIteration``."""
    return list(islice(items, 1))


def _mapped_ahead[T: Sized, Made](
    make: Callable[[T], Made], items: Iterator[T], pool: ThreadPoolExecutor
) -> Iterator[Made]:
    yield from map(make, islice(items, _FEW))
    waiting: list[Future[Made]] = []
    while found := _taken(items):
        most = 1 if len(found[0]) > 1 else 0
        waiting.append(pool.submit(make, found.pop()))
        while len(waiting) > most:
            yield waiting.pop(0).result()
    while waiting:
        yield waiting.pop(0).result()
