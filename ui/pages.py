"""Checks of Prefect's pages in a browser: each must show the expected texts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from fixtures import HOSTILE, HOSTILE_NAMES, LONG_HOSTILE, Fixtures
from playwright.sync_api import Page, expect, sync_playwright
from server import find_objects

_TIMEOUT = 30_000  # milliseconds for a text to appear
_SIZE = {"width": 1180, "height": 760}
_WITHOUT_MENU = {"x": 256, "y": 0, "width": _SIZE["width"] - 256, "height": _SIZE["height"]}


@contextmanager
def open_browser(chromium: str) -> Iterator[Page]:
    """Open a page in a browser without a window, in light colours."""
    expect.set_options(timeout=_TIMEOUT)
    with sync_playwright() as playwright:
        # No sandbox: it needs rights that a container lacks, and only our own pages are opened.
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = opened.new_page(viewport=_SIZE, color_scheme="light")
        page.add_init_script("localStorage.setItem('color-scheme', JSON.stringify('light'))")
        try:
            yield page
        finally:
            opened.close()


def check_pages(page: Page, url: str, fixtures: Fixtures, shots: Path) -> None:
    """Check all pages, and keep pictures of some."""
    shots.mkdir(parents=True, exist_ok=True)
    for check in (
        _check_run,
        _check_failed_run,
        _check_summary,
        _check_failure,
        _check_progress,
        _check_worker_run,
        _check_form,
        _check_hostile_names,
    ):
        print(check.__name__.strip("_").replace("_", " "), flush=True)
        check(page, url, fixtures, shots)


def _check_run(page: Page, url: str, fixtures: Fixtures, shots: Path) -> None:
    """Check a run, the log of its jobs, and its task runs."""
    page.goto(f"{url}/runs/flow-run/{fixtures.succeeded}")
    _expect_texts(page, "customers.txt", "Completed", "3 Task runs")
    _expect_texts(page, "customers.txt: 4 lines, 3 records, 1 blank", "customers.txt: 3 records")
    _take_picture(page, shots / "run.png")
    _open_tab(page, "Task Runs")
    _expect_texts(page, *(f"{job} customers.txt" for job in "ABC"))


def _check_failed_run(page: Page, url: str, fixtures: Fixtures, _shots: Path) -> None:
    """Check which task failed, with the code and the message that the command prints."""
    page.goto(f"{url}/runs/flow-run/{fixtures.failed}")
    _expect_texts(page, "orders.txt and 1 more", "Failed", "input.missing", "no such file")
    _open_tab(page, "Task Runs")
    _expect_texts(page, "A invoices.txt", "C orders.txt")


def _check_summary(page: Page, url: str, fixtures: Fixtures, shots: Path) -> None:
    """Check the summary table, with failures first."""
    _open_artifact(page, url, fixtures.failed, "pipeline-text-summary")
    _expect_texts(page, "1 done, 1 failed; 3 records in", "outcome", "input.missing", "batch")
    _take_picture(page, shots / "summary.png", height=410)


def _check_failure(page: Page, url: str, fixtures: Fixtures, shots: Path) -> None:
    """Check what failed, why, and the command that resumes."""
    _open_artifact(page, url, fixtures.busy, "pipeline-text-failure")
    _expect_texts(
        page,
        "1 of 1 inputs failed",
        "database.busy",
        "To continue, run this on the same machine",
        "--start-from B",
    )
    _take_picture(page, shots / "failure.png", height=590)


def _check_progress(page: Page, url: str, fixtures: Fixtures, _shots: Path) -> None:
    """Check the progress of a long job at its end."""
    _open_artifact(page, url, fixtures.long, "pipeline-text-progress")
    _expect_texts(page, "bytes read")


def _check_worker_run(page: Page, url: str, fixtures: Fixtures, _shots: Path) -> None:
    """Check the run of the deployment by a worker."""
    page.goto(f"{url}/runs/flow-run/{fixtures.by_worker}")
    _expect_texts(page, "customers.txt", "Completed", "nightly", "by-worker", "pipeline:text")


def _check_form(page: Page, url: str, fixtures: Fixtures, shots: Path) -> None:
    """Check the deployment and the form that starts a run, with a help text for each parameter."""
    page.goto(f"{url}/deployments/deployment/{fixtures.deployment}")
    _expect_texts(page, "nightly", "At 02:00 AM", "pipeline_orchestration.run_pipeline")
    page.goto(f"{url}/deployments/deployment/{fixtures.deployment}/run")
    _expect_texts(page, "for the first job of the range", "start_from (Optional)", "on_duplicate (Optional)")
    _expect_texts(page, "max_rejects (Optional)", "Rejected rows to allow in an input")
    _expect_texts(page, "Skip, load or refuse records", "Set logging level")
    values = page.locator("input, textarea").evaluate_all("all => all.map(each => each.value)")
    for value in ("pipeline_orchestration.text_pipeline:pipeline", "/customers.txt", "/data/pipeline.db"):
        if not any(value in each for each in values):
            raise AssertionError(f"no field of the form holds {value}: {values}")
    _take_picture(page, shots / "form.png")


def _check_hostile_names(page: Page, url: str, fixtures: Fixtures, shots: Path) -> None:
    """Check in both UIs that a name stays text: none becomes an image, a link or a script."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(f"a dialog at {page.url}, {dialog.message}"))
    run, long, deployment = fixtures.hostile, fixtures.hostile_long, fixtures.hostile_deployment
    pages: dict[str, tuple[str, ...]] = {
        "runs": ("runs", LONG_HOSTILE),
        "run": (f"runs/flow-run/{run}", *HOSTILE_NAMES[:1]),
        "run-artifacts": (f"runs/flow-run/{run}?tab=Artifacts", *HOSTILE_NAMES[:1]),
        "artifacts": ("artifacts", LONG_HOSTILE),
        "history": ("artifacts/key/pipeline-text-progress", LONG_HOSTILE),
        "deployment": (f"deployments/deployment/{deployment}", "hostile"),
        "form": (f"deployments/deployment/{deployment}/run", "inputs"),
    }
    for position, task in enumerate(_find(url, "task_runs", run)[: len(HOSTILE_NAMES)]):
        pages[f"task-{position}"] = f"runs/task-run/{task['id']}", task["name"]
    for artifact in _find(url, "artifacts", run):
        names = [f"gone/{name}" for name in HOSTILE_NAMES]
        pages[artifact["key"]] = f"artifacts/artifact/{artifact['id']}", *names
    for artifact in _find(url, "artifacts", long):
        pages[f"{artifact['key']}-of-one"] = f"artifacts/artifact/{artifact['id']}", LONG_HOSTILE
    missing = {f"pipeline-text-{name}" for name in ("summary", "failure", "progress-of-one")} - pages.keys()
    if missing:
        raise AssertionError(f"artifacts are missing: {missing}")
    for ui in ("", "v2/"):
        for name, (path, *texts) in pages.items():
            page.goto(f"{url}/{ui}{path}")
            _expect_texts(page, *texts)
            _take_picture(page, shots / f"hostile-{ui.replace('/', '-')}{name}.png")
            _require_only_text(page)
    if wrong := [each for each in asked if HOSTILE in urlsplit(each).netloc or each.startswith("a dialog")]:
        raise AssertionError(f"asked for by a page: {wrong}")


def _find(url: str, what: str, run: str) -> list[dict[str, str]]:
    """Return the artifacts or the task runs of a flow run."""
    return find_objects(url, what, {"flow_runs": {"id": {"any_": [run]}}})


def _require_only_text(page: Page) -> None:
    """Raise if an element of the page was made of a hostile name."""
    made = page.evaluate(
        """host => [...document.querySelectorAll('[src], [href], [data], [onerror]')]
            .filter(each => each.hasAttribute('onerror') || ['src', 'href', 'data']
                .filter(name => each.hasAttribute(name))
                .map(name => new URL(each.getAttribute(name), location))
                .some(url => url.protocol === 'javascript:' || url.host.includes(host)))
            .map(each => each.outerHTML)""",
        HOSTILE,
    )
    if made:
        raise AssertionError(f"{page.url}: a name became {made}")


def _open_artifact(page: Page, url: str, run: str, key: str) -> None:
    """Open an artifact of a run by the links of the run's page, as a person does."""
    page.goto(f"{url}/runs/flow-run/{run}")
    _open_tab(page, "Artifacts")
    page.get_by_role("link", name=key).first.click()
    _expect_texts(page, key)


def _open_tab(page: Page, name: str) -> None:
    page.get_by_text(name, exact=True).first.click()


def _expect_texts(page: Page, *texts: str) -> None:
    for text in texts:
        expect(page.get_by_text(text).first).to_be_visible()


def _take_picture(page: Page, file: Path, height: int = _SIZE["height"]) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)  # until graphs and fonts are drawn
    page.screenshot(path=file, clip=_WITHOUT_MENU | {"height": height}, animations="disabled")
