"""The pages of a scene, opened in a browser and read as a person reads them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright
from scene import Scene

_PATIENCE = 30_000  # milliseconds for a text to appear
_SIZE = {"width": 1180, "height": 760}
_WITHOUT_MENU = {"x": 256, "y": 0, "width": _SIZE["width"] - 256, "height": _SIZE["height"]}


@contextmanager
def browser(chromium: str) -> Iterator[Page]:
    """Open a page of a browser without a window, in light colours."""
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        # No sandbox: it takes rights that a container does not give, and all that is opened is our own.
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = opened.new_page(viewport=_SIZE, color_scheme="light")
        page.add_init_script("localStorage.setItem('color-scheme', JSON.stringify('light'))")
        try:
            yield page
        finally:
            opened.close()


def look(page: Page, url: str, scene: Scene, shots: Path) -> None:
    """Look at all pages, and keep pictures of the best."""
    shots.mkdir(parents=True, exist_ok=True)
    for check in (_run, _failed_run, _summary, _failure, _progress, _worked, _form):
        print(f"looking at {check.__name__.strip('_').replace('_', ' ')}", flush=True)
        check(page, url, scene, shots)


def _run(page: Page, url: str, scene: Scene, shots: Path) -> None:
    """See a run, what its jobs logged, and its tasks."""
    page.goto(f"{url}/runs/flow-run/{scene.good}")
    _reads(page, "customers.txt", "Completed", "3 Task runs")
    _reads(page, "customers.txt: 4 lines, 3 records, 1 blank", "customers.txt: 3 records")
    _shoot(page, shots / "run.png")
    _tab(page, "Task Runs")
    _reads(page, *(f"{job} customers.txt" for job in "ABC"))


def _failed_run(page: Page, url: str, scene: Scene, _shots: Path) -> None:
    """See which task failed, with the code and the message that the command gives."""
    page.goto(f"{url}/runs/flow-run/{scene.bad}")
    _reads(page, "orders.txt and 1 more", "Failed", "input.missing", "no such file")
    _tab(page, "Task Runs")
    _reads(page, "A invoices.txt", "C orders.txt")


def _summary(page: Page, url: str, scene: Scene, shots: Path) -> None:
    """See the table, failures first."""
    _artifact(page, url, scene.bad, "pipeline-text-summary")
    _reads(page, "1 done, 1 failed; 3 records in", "outcome", "input.missing", "batch")
    _shoot(page, shots / "summary.png", height=410)


def _failure(page: Page, url: str, scene: Scene, shots: Path) -> None:
    """See what failed, why, and the command that continues."""
    _artifact(page, url, scene.busy, "pipeline-text-failure")
    _reads(page, "1 of 1 inputs failed", "database.busy", "This goes on where it stopped", "--start-from B")
    _shoot(page, shots / "failure.png", height=590)


def _progress(page: Page, url: str, scene: Scene, _shots: Path) -> None:
    """See how far a long job had come when it ended."""
    _artifact(page, url, scene.long, "pipeline-text-progress")
    _reads(page, "bytes read")


def _worked(page: Page, url: str, scene: Scene, _shots: Path) -> None:
    """See the run that a worker made of the deployment."""
    page.goto(f"{url}/runs/flow-run/{scene.worked}")
    _reads(page, "customers.txt", "Completed", "nightly", "by-worker", "pipeline:text")


def _form(page: Page, url: str, scene: Scene, shots: Path) -> None:
    """See the deployment, and the form that starts a run: each parameter with what it is for."""
    page.goto(f"{url}/deployments/deployment/{scene.deployment}")
    _reads(page, "nightly", "At 02:00 AM", "pipeline_orchestration.run_pipeline")
    page.goto(f"{url}/deployments/deployment/{scene.deployment}/run")
    _reads(page, "for the first job of the range", "start_from (Optional)", "on_duplicate (Optional)")
    _reads(page, "what to do with records that are there already", "how much is logged")
    values = page.locator("input, textarea").evaluate_all("all => all.map(each => each.value)")
    for value in ("pipeline_orchestration.text:pipeline", "/customers.txt", "/data/pipeline.db"):
        if not any(value in each for each in values):
            raise AssertionError(f"no field of the form holds {value}: {values}")
    _shoot(page, shots / "form.png")


def _artifact(page: Page, url: str, run: str, key: str) -> None:
    """Open an artifact of a run from the run's page, as a person finds it."""
    page.goto(f"{url}/runs/flow-run/{run}")
    _tab(page, "Artifacts")
    page.get_by_role("link", name=key).first.click()
    _reads(page, key)


def _tab(page: Page, name: str) -> None:
    page.get_by_text(name, exact=True).first.click()


def _reads(page: Page, *texts: str) -> None:
    for text in texts:
        expect(page.get_by_text(text).first).to_be_visible()


def _shoot(page: Page, file: Path, height: int = _SIZE["height"]) -> None:
    page.mouse.move(0, 0)
    page.wait_for_timeout(1500)  # for graphs and fonts to settle
    page.screenshot(path=file, clip=_WITHOUT_MENU | {"height": height}, animations="disabled")
