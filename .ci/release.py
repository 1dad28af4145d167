"""Release one project of this repository: version, changelog, commit, tag; or refuse and change nothing."""

import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatchling.version.scheme.standard import StandardScheme
from packaging.requirements import Requirement

USAGE = "usage: nox -s release -- PROJECT major|minor|patch|VERSION, where PROJECT is one of"
UNRELEASED = "## [Unreleased]\n"


@dataclass(frozen=True, slots=True)
class Project:
    """One of the four packages, or the root project."""

    folder: Path
    metadata: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the distribution."""
        return str(self.metadata["name"])

    @property
    def changelog(self) -> Path:
        """The path of CHANGELOG.md."""
        return self.folder / "CHANGELOG.md"

    def find_version(self, to: str) -> str:
        """Return the version that `hatch version` would set; raise ValueError where that would fail."""
        return StandardScheme(str(self.folder), {}).update(to, self.metadata["version"], {})

    def find_unmet(self, name: str, version: str) -> list[str]:
        """Return the requirements of this project that a version of another project does not meet."""
        extras = self.metadata.get("optional-dependencies", {}).values()
        texts = [text for texts in (self.metadata.get("dependencies", []), *extras) for text in texts]
        # A requirement by path, with {root:uri}, has no range of versions.
        wanted = [Requirement(text) for text in texts if " @ " not in text]
        ranges = [requirement for requirement in wanted if requirement.name == name]
        return [str(one) for one in ranges if not one.specifier.contains(version, prereleases=True)]


def main(arguments: list[str]) -> None:
    """Check everything first, then change the files, commit and tag."""
    projects = {project.name: project for project in read_projects(Path.cwd())}
    match arguments:
        case [name, to] if name in projects:
            project = projects[name]
        case _:
            sys.exit(f"{USAGE} {', '.join(projects)}")
    try:
        version = project.find_version(to)
    except ValueError as error:
        sys.exit(f"{project.name}: {error}")
    tag = f"{project.name}-v{version}"
    if reasons := find_refusals(project, version, tag, list(projects.values())):
        sys.exit("\n".join([f"{tag} is not released:", *(f"  {reason}" for reason in reasons)]))
    release(project, version, tag)
    print(f"{tag} is committed and tagged; `git push --follow-tags` makes it public")


def read_projects(root: Path) -> list[Project]:
    """Read the metadata of the root project and of each package."""
    folders = [root, *sorted(root.glob("packages/*"))]
    files = {folder: (folder / "pyproject.toml").read_text(encoding="utf-8") for folder in folders}
    return [Project(folder, tomllib.loads(text)["project"]) for folder, text in files.items()]


def find_refusals(project: Project, version: str, tag: str, projects: list[Project]) -> list[str]:
    """Return each reason not to release, with what to do about it."""
    reasons = []
    if git("status", "--porcelain"):
        reasons.append("the working tree has changes: commit them or put them away")
    if git("tag", "--list", tag):
        reasons.append("the tag exists: choose a later version")
    if not read_unreleased(project.changelog):
        reasons.append(f"{project.changelog.name} says nothing under [Unreleased]: write down what changed")
    reasons += [
        f"{dependent.name} requires {requirement}: widen it to include {version}"
        for dependent in projects
        for requirement in dependent.find_unmet(project.name, version)
    ]
    return reasons


def read_unreleased(changelog: Path) -> str:
    """Return the changelog's text under [Unreleased]."""
    text = changelog.read_text(encoding="utf-8") if changelog.exists() else ""
    return f"\n{text.partition(UNRELEASED)[2]}".partition("\n## ")[0].strip()


def release(project: Project, version: str, tag: str) -> None:
    """Set the version, date the changelog, commit both and tag the commit."""
    subprocess.run([sys.executable, "-m", "hatch", "version", version], cwd=project.folder, check=True)
    text = project.changelog.read_text(encoding="utf-8")
    dated = f"{UNRELEASED}\n## [{version}] - {datetime.now(UTC).date()}\n"
    project.changelog.write_text(text.replace(UNRELEASED, dated, 1), encoding="utf-8")
    git("commit", "--quiet", "--message", f"Release {project.name} {version}", "--all")
    git("tag", "--annotate", "--message", f"{project.name} {version}", tag)


def git(*arguments: str) -> str:
    """Run git and return its output, stripped; its errors go to standard error."""
    return subprocess.run(["git", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    main(sys.argv[1:])
