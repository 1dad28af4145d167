"""The release script in real repositories: what it changes; a refusal changes nothing."""

import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

RELEASE = Path(__file__).parents[1] / ".ci/release.py"
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n- A thing is new.\n\n## [0.1.0] - 2025-01-01\n\n- The first.\n"
# The dependencies of each project, in a small copy of the repository.
DEPENDENCIES = {
    "prefect-pipeline": ["pipeline-jobs @ {root:uri}/packages/pipeline-jobs"],
    "pipeline-jobs": [],
    "pipeline-db": ["pipeline-jobs>=0.1,<0.2"],
    "pipeline-orchestration": ["pipeline-db>=0.1", "pipeline-jobs>=0.1,<0.3"],
    "pipeline-cli": ["pipeline-orchestration>=0.1,<0.2"],
}
PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"  # edited by hand
dependencies = {dependencies}

[tool.hatch.metadata]
allow-direct-references = true
"""


def folder_of(name: str) -> str:
    return "." if name == "prefect-pipeline" else f"packages/{name}"


def run(folder: Path, *command: str) -> str:
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def release(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, RELEASE, *arguments], cwd=folder, check=False, capture_output=True, text=True
    )


def read_state(folder: Path) -> tuple[str, ...]:
    """Return everything that a release changes: commits, tags and files."""
    return tuple(
        run(folder, "git", *arguments)
        for arguments in (["rev-parse", "HEAD"], ["tag", "--list"], ["status", "--porcelain"])
    )


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The root project and four packages at 0.1.0, committed."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name, dependencies in DEPENDENCIES.items():
        folder = tmp_path / folder_of(name)
        folder.mkdir(parents=True, exist_ok=True)
        pyproject = PYPROJECT.format(name=name, dependencies=dependencies)
        (folder / "pyproject.toml").write_text(pyproject, encoding="utf-8")
        (folder / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    run(tmp_path, "git", "init", "--quiet")
    run(tmp_path, "git", "config", "user.name", "A Maintainer")
    run(tmp_path, "git", "config", "user.email", "maintainer@example.com")
    run(tmp_path, "git", "add", "--all")
    run(tmp_path, "git", "commit", "--quiet", "--message", "All")
    return tmp_path


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_a_release_bumps_dates_commits_and_tags(repository, name):
    """Each of the five is released in one commit of its version and its changelog, and nothing else."""
    folder = folder_of(name)

    done = release(repository, name, "patch")

    assert (done.returncode, done.stderr.splitlines()[-1:]) == (0, ["New: 0.1.1"])
    assert done.stdout == f"{name}-v0.1.1 is committed and tagged; `git push --follow-tags` makes it public\n"
    metadata = (repository / folder / "pyproject.toml").read_text(encoding="utf-8")
    assert tomllib.loads(metadata)["project"]["version"] == "0.1.1"
    assert "# edited by hand" in metadata
    today = datetime.now(UTC).date()
    expected = CHANGELOG.replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [0.1.1] - {today}\n")
    assert (repository / folder / "CHANGELOG.md").read_text(encoding="utf-8") == expected
    assert run(repository, "git", "status", "--porcelain") == ""
    changed = run(repository, "git", "show", "--format=%s", "--name-only", f"{name}-v0.1.1^{{commit}}")
    files = sorted((Path(folder) / file).as_posix() for file in ("CHANGELOG.md", "pyproject.toml"))
    assert changed.split("\n") == [f"Release {name} 0.1.1", "", *files]
    assert run(repository, "git", "cat-file", "-t", f"{name}-v0.1.1") == "tag"


def test_a_version_outside_a_dependents_range_is_refused(repository):
    """The refusal names the dependents to widen: here the one with the upper bound 0.2."""
    before = read_state(repository)

    refused = release(repository, "pipeline-jobs", "minor")

    expected = (
        "pipeline-jobs-v0.2.0 is not released:\n"
        "  pipeline-db requires pipeline-jobs<0.2,>=0.1: widen it to include 0.2.0\n"
    )
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", expected)
    assert read_state(repository) == before


def test_all_reasons_are_reported_at_once(repository):
    """A maintainer can fix all of them before the next try."""
    run(repository, "git", "tag", "pipeline-jobs-v1.0.0")
    changelog = repository / "packages/pipeline-jobs/CHANGELOG.md"
    changelog.write_text("## [Unreleased]\n## [0.1.0]\n", encoding="utf-8")
    before = read_state(repository)

    refused = release(repository, "pipeline-jobs", "major")

    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "pipeline-jobs-v1.0.0 is not released:",
        "  the working tree has changes: commit them or put them away",
        "  the tag exists: choose a later version",
        "  CHANGELOG.md says nothing under [Unreleased]: write down what changed",
        "  pipeline-db requires pipeline-jobs<0.2,>=0.1: widen it to include 1.0.0",
        "  pipeline-orchestration requires pipeline-jobs<0.3,>=0.1: widen it to include 1.0.0",
    ]
    assert read_state(repository) == before


def test_an_untracked_file_is_refused(repository):
    """It would be missing from the release."""
    (repository / "forgotten.py").touch()

    refused = release(repository, "pipeline-cli", "patch")

    assert refused.returncode == 1
    assert "the working tree has changes" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "usage: nox -s release -- PROJECT major|minor|patch|VERSION, "),
        (["pipeline-jobs"], "usage: "),
        (["pipeline-ui", "minor"], "usage: "),
        (["pipeline-jobs", "huge"], "pipeline-jobs: Invalid version: 'huge'"),
        (["pipeline-jobs", "0.0.9"], "pipeline-jobs: Version `0.0.9` is not higher than "),
    ],
)
def test_misuse_is_explained(repository, arguments, message):
    """The script guesses neither a name nor a version."""
    before = read_state(repository)

    refused = release(repository, *arguments)

    assert refused.returncode == 1
    assert refused.stderr.startswith(message)
    assert read_state(repository) == before


def test_an_explicit_version_is_released(repository):
    """Also a release candidate; it is within the open range of a dependent."""
    done = release(repository, "pipeline-db", "0.2.0rc1")

    assert done.returncode == 0
    assert run(repository, "git", "tag", "--list") == "pipeline-db-v0.2.0rc1"
