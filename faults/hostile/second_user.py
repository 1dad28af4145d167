"""Points for a second user of the machine, who can read, or even write to, the output folder of a run.

The second user is a process that was started by root and has given up its rights. Without root, the
points that need it are skipped.
"""

import fcntl
import json
import multiprocessing
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random

from checks import read_batches
from processes import COMMAND, TIMEOUT
from sweep import Point, require

from pipeline_jobs import JobA
from pipeline_jobs.concurrency.file_semaphore import acquire_slot
from pipeline_orchestration.execution.concurrency_limits import open_run_folder

_NOBODY = 65534
_FILES = 60
_SKIPPED = "skipped: only root can start a process of a second user"
_EVIL = b'{"records": ["evil"]}'


def make_second_user_points(chance: Random) -> list[Point]:
    """Return a point for each thing that a second user may try."""
    points = [
        Point("second user: locks every draft", check_locked_drafts),
        Point("second user: reads drafts", check_private_drafts),
        Point("second user: replaces documents", check_replaced_documents),
        Point("second user: enters the folder of a run", check_run_folder),
        *(
            Point(f"second user: can open a lock file of mode {mode:o}", partial(check_lock_file, mode))
            for mode in (0o644, 0o660, 0o606)
        ),
        Point("second user: names inputs like documents", partial(check_squatters, chance.randrange(2, 20))),
    ]
    chance.shuffle(points)
    return points


@contextmanager
def _run_as_second_user(work: Callable[[int], None], folder: Path) -> Iterator[None]:
    """Do work in a process of a second user, with a descriptor of the folder, until the block ends."""
    ready, write_end = os.pipe()
    child = os.fork()
    if not child:
        with suppress(BaseException):
            # Opened before: the folders above may be closed to others.
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
            os.write(write_end, b"1")
            while True:
                with suppress(OSError):
                    work(descriptor)
        os._exit(1)
    os.close(write_end)
    try:
        require(os.read(ready, 1), "the second user did not start")
        yield
    finally:
        os.close(ready)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _run_command(folder: Path, *words: str, wrapper: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    # In a group of its own, which is killed if it hangs.
    with subprocess.Popen(
        [*wrapper, COMMAND, "--engine", "local", "--log-level", "OFF", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def _write_inputs(folder: Path) -> list[str]:
    for number in range(_FILES):
        (folder / f"{number}.txt").write_text(f"line of {number}\n", encoding="utf-8")
    return [f"{number}.txt" for number in range(_FILES)]


def _make_output_folder(folder: Path, mode: int) -> Path:
    output = folder / "data" / "output"
    output.mkdir(parents=True)
    output.chmod(mode)
    return output


def check_locked_drafts(folder: Path) -> str:
    """Let a second user lock every draft that it can open, and never let go: the run does not wait."""
    if os.geteuid():
        return _SKIPPED
    output = _make_output_folder(folder, 0o755)
    inputs = _write_inputs(folder)
    held: list[int] = []

    def lock(descriptor: int) -> None:
        for name in os.listdir(descriptor):
            if name.endswith(".tmp"):
                with suppress(OSError):
                    draft = os.open(name, os.O_RDONLY, dir_fd=descriptor)
                    held.append(draft)
                    fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)

    # A draft is there for some time before it is locked, so that nothing depends on who is quicker.
    slowly = ["strace", "-f", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:delay_enter=20000"]
    with _run_as_second_user(lock, output):
        done = _run_command(folder, "run-all", *inputs[:20], wrapper=slowly)
    require(done.returncode == 0, done)
    return "all loaded"


def check_private_drafts(folder: Path) -> str:
    """Let a second user open every draft: it can read none before it is complete, whatever the umask."""
    if os.geteuid():
        return _SKIPPED
    output = _make_output_folder(folder, 0o755)
    inputs = _write_inputs(folder)
    opened = multiprocessing.get_context("fork").Value("i", 0)

    def read(descriptor: int) -> None:
        for name in os.listdir(descriptor):
            if name.endswith(".tmp"):
                with suppress(OSError):
                    draft = os.open(name, os.O_RDONLY, dir_fd=descriptor)
                    # It has the mode of the document just before it gets the name of the document.
                    opened.value += not os.read(draft, 1 << 16).endswith(b'"}\n')
                    os.close(draft)

    before = os.umask(0)
    try:
        with _run_as_second_user(read, output):
            done = _run_command(folder, "run-all", *inputs)
    finally:
        os.umask(before)
    require(done.returncode == 0, done)
    require(opened.value == 0, f"{opened.value} drafts were read before they were complete")
    modes = {path.stat().st_mode & 0o777 for path in output.iterdir()}
    require(modes == {0o666}, f"documents have the modes {[oct(mode) for mode in modes]}")
    return "none opened"


def check_replaced_documents(folder: Path) -> str:
    """Let a second user replace every document: what the run loads is what it has written."""
    if os.geteuid():
        return _SKIPPED
    output = _make_output_folder(folder, 0o777)
    inputs = _write_inputs(folder)
    replaced: set[str] = set()

    def replace(descriptor: int) -> None:
        for name in os.listdir(descriptor):
            if name.endswith("_processed.json") and name not in replaced:
                evil = os.open("evil", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=descriptor)
                os.write(evil, _EVIL)
                os.close(evil)
                os.rename("evil", name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
                replaced.add(name)

    with _run_as_second_user(replace, output):
        done = _run_command(folder, "run-all", *inputs, "--json")
    codes = Counter((run.get("error") or {}).get("code") for run in json.loads(done.stdout)["runs"])
    require(codes.keys() <= {None, "input.changed"}, codes, done.stderr)
    batches = read_batches(folder / "data" / "pipeline.db")
    foreign = [batch for batch in batches if not batch.source.endswith(tuple(inputs))]
    require(not foreign, f"{len(foreign)} of {_FILES} documents were replaced and loaded", foreign[:1])
    require(len(batches) == codes[None], f"{len(batches)} loaded", codes)
    return "some refused" if codes["input.changed"] else "none replaced in time"


def check_run_folder(folder: Path) -> str:
    """Let a second user list, enter and fill the folder that a run has its locks in: it can do nothing."""
    if os.geteuid():
        return _SKIPPED
    succeeded = multiprocessing.get_context("fork").Value("i", 0)
    with open_run_folder() as run_folder, acquire_slot(run_folder / "write.lock", 1):

        def enter(_descriptor: int) -> None:
            for attempt in (
                partial(os.listdir, run_folder),
                partial(os.open, run_folder / "write.lock", os.O_RDONLY),
                partial(os.open, run_folder / "other", os.O_WRONLY | os.O_CREAT),
                partial(os.rename, run_folder, folder / "mine"),
            ):
                with suppress(PermissionError):
                    attempt()
                    succeeded.value += 1

        with _run_as_second_user(enter, folder):
            time.sleep(0.2)  # for some hundred attempts; that none succeeds depends on no time
    require(succeeded.value == 0, f"{succeeded.value} attempts succeeded")
    return "denied"


def check_lock_file(mode: int, folder: Path) -> str:
    """Offer a lock file that others can open: it is refused at once, even while somebody holds its lock."""
    lock = folder / "write.lock"
    lock.touch()
    lock.chmod(mode)
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            with acquire_slot(lock, 1):
                require(False, "the lock was taken")  # noqa: FBT003  # it never holds
        except PermissionError:
            return "refused"
    return "none"  # not reached


def check_squatters(count: int, folder: Path) -> str:
    """Name inputs like all the names that the document of another may have: that one finds another name."""
    first, second = folder / "a" / "x.txt", folder / "b" / "x.txt"
    for path in (first, second):
        path.parent.mkdir()
        path.write_text(f"{path}\n", encoding="utf-8")
    uri = second.as_uri()
    names = [uri, *(f"{uri} {number}" for number in range(1, count))]
    squatters = [folder / f"x_{sha256(name.encode()).hexdigest()[:8]}.txt" for name in names]
    for path in squatters:
        path.write_text("mine\n", encoding="utf-8")
    documents = [JobA(folder / "out").execute(path) for path in (first, *squatters, second, second)]
    require(all(each.success for each in documents), [each.error for each in documents if each.error])
    outputs = [each.output for each in documents]
    require(outputs[-1] == outputs[-2] and len(set(outputs)) == count + 2, outputs)
    return "a name each"
