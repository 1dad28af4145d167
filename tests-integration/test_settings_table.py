"""The README's table of settings is the one that their declarations give."""

from pathlib import Path

from pipeline_orchestration.settings.documentation import render_settings_table

ROOT = Path(__file__).parents[1]


def test_the_readme_holds_the_table_of_settings():
    """After a change of a declaration, paste the output of `render_settings_table`."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Settings\n")[2]
    lines = section.partition("\n## ")[0].splitlines(keepends=True)

    assert render_settings_table() == "".join(line for line in lines if line.startswith("|"))
