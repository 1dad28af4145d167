"""Prefetching: all items come, in order, and nothing is left running."""

import resource
import threading
import time
import weakref
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline_jobs.concurrency.prefetch import prefetch, prefetch_map, preload


def list_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@given(st.lists(st.text(max_size=3)))
def test_items_come_in_order(items):
    """Also false ones, such as empty strings."""
    with prefetch(iter(items)) as made:
        assert items == list(made)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_first_two_items_are_made_without_a_thread(count):
    """Most files are one chunk, and starting a thread for each of thousands takes time."""
    threads = []

    def items():
        for number in range(count):
            threads.append(threading.current_thread())
            yield [number] * 2

    with prefetch(items()) as made:
        first = list(islice(made, 2))
        assert [] == list_threads()

    assert [[number] * 2 for number in range(count)] == first
    assert {threading.main_thread()} >= set(threads)


def test_next_item_is_made_while_one_is_used():
    """If the fourth item were made when it is asked for, the event would never be set."""
    reached = threading.Event()

    def items():
        yield from ("first", "second", "third")
        reached.set()
        yield "fourth"

    with prefetch(items()) as made:
        assert ["first", "second", "third"] == list(islice(made, 3))
        assert reached.wait(timeout=60)
        assert ["fourth"] == list(made)


def test_item_after_a_long_line_is_not_made_ahead():
    """A chunk of one record is a line as long as a block or longer: memory holds one at a time."""
    made_so_far = []

    def items():
        for item in ("1", "2", "3", "4", "5"):
            made_so_far.append(item)
            yield item

    with prefetch(items()) as made:
        for item in made:
            assert item == made_so_far[-1]


@pytest.mark.parametrize("fine", [0, 1, 2, 5])
def test_error_is_raised_in_place_of_its_item(fine):
    def items():
        yield from map(str, range(10, 10 + fine))
        raise KeyError(fine)

    seen = []
    with pytest.raises(KeyError, match=str(fine)), prefetch(items()) as made:
        seen.extend(iter(made.__next__, None))

    assert fine == len(seen)
    assert [] == list_threads()


def test_nothing_runs_after_the_block():
    """The file that the items come from is closed next, and its descriptor may be reused."""
    busy = threading.Lock()

    def items():
        for number in range(100):
            with busy:
                time.sleep(0.01)
            yield f"item {number}"

    with prefetch(items()) as made:
        assert ["item 0", "item 1", "item 2"] == list(islice(made, 3))

    assert not busy.locked()
    assert [] == list_threads()


@given(st.lists(st.text(max_size=3)))
def test_mapped_items_come_in_order(items):
    with prefetch_map(str.upper, iter(items)) as made:
        assert [item.upper() for item in items] == list(made)


def test_source_items_are_taken_in_the_callers_thread():
    """The items may come from a database connection that belongs to this thread."""
    takers, making = [], []

    def items():
        for number in range(5):
            takers.append(threading.current_thread())
            yield f"item {number}"

    def make(item):
        making.append(threading.current_thread())
        return item

    with prefetch_map(make, items()) as made:
        assert [f"item {number}" for number in range(5)] == list(made)

    here = threading.main_thread()
    assert [here] * 5 == takers
    assert [True, True, False, False, False] == [maker is here for maker in making]


def test_mapped_item_is_made_ahead_unless_it_is_a_long_line():
    """A chunk of one record is a long line: memory holds one at a time."""
    for item, others in (("chunk", 1), ("1", 0)):
        taken = []

        def items(item=item, taken=taken):
            for _ in range(6):
                taken.append(item)
                yield item

        with prefetch_map(str.upper, items()) as made:
            list(islice(made, 3))
            assert 3 + others == len(taken)


@pytest.mark.parametrize("bad", range(5))
def test_error_of_the_function_is_raised_in_place_of_its_item(bad):
    seen = []
    items = ["item x" if number == bad else "item 1" for number in range(5)]

    with pytest.raises(ValueError, match="x"), prefetch_map(lambda item: int(item[5:]), iter(items)) as made:
        seen.extend(iter(made.__next__, None))

    assert bad == len(seen)
    assert [] == list_threads()


class Chunk:
    """An object with a length, to which weak references can be made."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length


def is_freed(reference):
    """Return whether the object is freed; a thread may need a moment to drop its reference."""
    end = time.monotonic() + 10
    while reference() is not None and time.monotonic() < end:
        time.sleep(0.001)
    return reference() is None


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize(
    "iterate",
    [
        prefetch,
        lambda items: prefetch_map(lambda item: item, items),
        lambda items: nullcontext(preload(items, 2)),
    ],
    ids=["prefetch", "prefetch_map", "preload"],
)
def test_yielded_items_are_not_kept_alive(iterate, length):
    """A line may be many megabytes long, so each chunk that is still referenced counts."""
    with iterate(Chunk(length) for _ in range(6)) as made:
        for _ in range(6):
            reference = weakref.ref(next(made))

            assert is_freed(reference)


@given(st.lists(st.integers()), st.integers(0, 5))
def test_preload_takes_the_first_items_at_once(items, count):
    source = iter(items)
    rest = preload(source, count)

    assert items[count:] == list(source)
    assert items[:count] == list(rest)


@pytest.fixture
def no_threads():
    """Make it impossible to start a thread: its stack would need more memory than is allowed."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    stack = threading.stack_size(1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 29), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    threading.stack_size(stack)


@pytest.mark.usefixtures("no_threads")
@pytest.mark.parametrize("length", [1, 2])
def test_caller_makes_the_items_if_no_thread_starts(length):
    with pytest.raises(RuntimeError, match="can't start new thread"):
        threading.Thread(target=print).start()
    items = [str(number) * length for number in range(6)]

    with prefetch(iter(items)) as made:
        assert items == list(made)
    with prefetch_map(str.upper, iter(items)) as made:
        assert items == list(made)


@pytest.mark.usefixtures("no_threads")
def test_error_is_raised_in_its_turn_if_no_thread_starts():
    seen = []
    items = ["item 1", "item 2", "item 3", "item x", "item 5"]

    with pytest.raises(ValueError, match="x"), prefetch_map(lambda item: int(item[5:]), iter(items)) as made:
        seen.extend(iter(made.__next__, None))

    assert [1, 2, 3] == seen


def test_no_item_is_made_twice_if_a_thread_starts_later(no_threads):
    """A call whose thread could not be started stays in the pool's queue, but was made already."""
    made = []

    def make(item):
        made.append(item)
        return item

    with prefetch_map(make, (f"item {number}" for number in range(8))) as items:
        list(islice(items, 4))
        resource.setrlimit(resource.RLIMIT_AS, resource.getrlimit(resource.RLIMIT_AS)[1:] * 2)
        threading.stack_size(0)
        list(items)

    assert [f"item {number}" for number in range(8)] == made


def test_other_errors_of_the_pool_are_raised():
    """Such as using the iterator after the block."""
    with prefetch(iter(["1", "2", "3", "4"])) as made:
        list(islice(made, 2))

    with pytest.raises(RuntimeError, match="after shutdown"):
        next(made)
