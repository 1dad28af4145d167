"""Items made ahead in a thread: all of them, in order, and nothing left running."""

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

from pipeline_jobs import begun, mapped_ahead
from pipeline_jobs.ahead import ahead


def makers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


@given(st.lists(st.text(max_size=3)))
def test_every_item_comes_in_order(items):
    """Also those that are false."""
    with ahead(iter(items)) as made:
        assert items == list(made)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_items_need_no_thread(count):
    """Most files are one chunk; starting a thread for each of thousands would be felt."""
    threads = []

    def items():
        for number in range(count):
            threads.append(threading.current_thread())
            yield [number] * 2

    with ahead(items()) as made:
        first = list(islice(made, 2))
        assert [] == makers()

    assert [[number] * 2 for number in range(count)] == first
    assert {threading.main_thread()} >= set(threads)


def test_the_next_item_is_made_while_one_is_used():
    """What waits for the fourth item here would wait forever if it was made when asked for."""
    reached = threading.Event()

    def items():
        yield from ("first", "second", "third")
        reached.set()
        yield "fourth"

    with ahead(items()) as made:
        assert ["first", "second", "third"] == list(islice(made, 3))
        assert reached.wait(timeout=60)
        assert ["fourth"] == list(made)


def test_after_one_long_line_the_next_is_waited_for():
    """A chunk of one record is a line as long as a block or longer; memory holds one of them at a time."""
    made_so_far = []

    def items():
        for item in ("1", "2", "3", "4", "5"):
            made_so_far.append(item)
            yield item

    with ahead(items()) as made:
        for item in made:
            assert item == made_so_far[-1]


@pytest.mark.parametrize("fine", [0, 1, 2, 5])
def test_an_error_comes_where_its_item_would(fine):
    def items():
        yield from map(str, range(10, 10 + fine))
        raise KeyError(fine)

    seen = []
    with pytest.raises(KeyError, match=str(fine)), ahead(items()) as made:
        seen.extend(iter(made.__next__, None))

    assert fine == len(seen)
    assert [] == makers()


def test_nothing_runs_on_after_the_block():
    """The file that items are read from is closed next; its descriptor may then be another file's."""
    busy = threading.Lock()

    def items():
        for number in range(100):
            with busy:
                time.sleep(0.01)
            yield f"item {number}"

    with ahead(items()) as made:
        assert ["item 0", "item 1", "item 2"] == list(islice(made, 3))

    assert not busy.locked()
    assert [] == makers()


@given(st.lists(st.text(max_size=3)))
def test_what_is_made_of_items_comes_in_order(items):
    with mapped_ahead(str.upper, iter(items)) as made:
        assert [item.upper() for item in items] == list(made)


def test_items_are_taken_in_the_callers_thread():
    """They may come from a connection or a cursor that belongs to it."""
    takers, making = [], []

    def items():
        for number in range(5):
            takers.append(threading.current_thread())
            yield f"item {number}"

    def make(item):
        making.append(threading.current_thread())
        return item

    with mapped_ahead(make, items()) as made:
        assert [f"item {number}" for number in range(5)] == list(made)

    here = threading.main_thread()
    assert [here] * 5 == takers
    assert [True, True, False, False, False] == [maker is here for maker in making]


def test_the_next_is_made_while_one_is_used_unless_it_is_long():
    """Of long lines, each a chunk by itself, memory holds one at a time."""
    for item, others in (("chunk", 1), ("1", 0)):
        taken = []

        def items(item=item, taken=taken):
            for _ in range(6):
                taken.append(item)
                yield item

        with mapped_ahead(str.upper, items()) as made:
            list(islice(made, 3))
            assert 3 + others == len(taken)


@pytest.mark.parametrize("bad", range(5))
def test_what_cannot_be_made_raises_in_its_turn(bad):
    seen = []
    items = ["item x" if number == bad else "item 1" for number in range(5)]

    with pytest.raises(ValueError, match="x"), mapped_ahead(lambda item: int(item[5:]), iter(items)) as made:
        seen.extend(iter(made.__next__, None))

    assert bad == len(seen)
    assert [] == makers()


class Chunk:
    """Something of a length that can be seen to be gone."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length


def is_gone(reference):
    """Return whether nobody holds it; a thread may need a moment to let go of what it has made."""
    end = time.monotonic() + 10
    while reference() is not None and time.monotonic() < end:
        time.sleep(0.001)
    return reference() is None


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize(
    "lent",
    [ahead, lambda items: mapped_ahead(lambda item: item, items), lambda items: nullcontext(begun(items, 2))],
    ids=["ahead", "mapped_ahead", "begun"],
)
def test_what_was_given_is_not_kept(lent, length):
    """Where a line is megabytes long, each chunk that somebody still holds is felt."""
    with lent(Chunk(length) for _ in range(6)) as made:
        for _ in range(6):
            given = weakref.ref(next(made))

            assert is_gone(given)


@given(st.lists(st.integers()), st.integers(0, 5))
def test_what_has_begun_is_taken_already(items, count):
    source = iter(items)
    rest = begun(source, count)

    assert items[count:] == list(source)
    assert items[:count] == list(rest)


@pytest.fixture
def no_threads():
    """No thread can be started: each would need more memory for its stack than the process may have."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    stack = threading.stack_size(1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 29), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    threading.stack_size(stack)


@pytest.mark.usefixtures("no_threads")
@pytest.mark.parametrize("length", [1, 2])
def test_without_a_thread_the_caller_does_the_work(length):
    with pytest.raises(RuntimeError, match="can't start new thread"):
        threading.Thread(target=print).start()
    items = [str(number) * length for number in range(6)]

    with ahead(iter(items)) as made:
        assert items == list(made)
    with mapped_ahead(str.upper, iter(items)) as made:
        assert items == list(made)


@pytest.mark.usefixtures("no_threads")
def test_without_a_thread_an_error_comes_in_its_turn_too():
    seen = []
    items = ["item 1", "item 2", "item 3", "item x", "item 5"]

    with pytest.raises(ValueError, match="x"), mapped_ahead(lambda item: int(item[5:]), iter(items)) as made:
        seen.extend(iter(made.__next__, None))

    assert [1, 2, 3] == seen


def test_a_thread_that_can_be_started_later_does_nothing_twice(no_threads):
    """What a thread was refused for is done by then, and would be done out of turn."""
    made = []

    def make(item):
        made.append(item)
        return item

    with mapped_ahead(make, (f"item {number}" for number in range(8))) as items:
        list(islice(items, 4))
        resource.setrlimit(resource.RLIMIT_AS, resource.getrlimit(resource.RLIMIT_AS)[1:] * 2)
        threading.stack_size(0)
        list(items)

    assert [f"item {number}" for number in range(8)] == made


def test_any_other_error_of_a_pool_is_raised():
    """Such as that of one which is closed: nothing runs on after the block."""
    with ahead(iter(["1", "2", "3", "4"])) as made:
        list(islice(made, 2))

    with pytest.raises(RuntimeError, match="after shutdown"):
        next(made)
