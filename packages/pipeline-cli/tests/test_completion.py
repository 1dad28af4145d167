"""Completion of commands, options and files, in the shells that are installed."""

import shutil
import subprocess

import pytest

# Each sets completion up as the README says, and prints what the shell offers for the words of a line.
SHELLS = {
    "bash": """
        eval "$(_PIPELINE_COMPLETE=bash_source pipeline)"
        complete -p pipeline > /dev/null || exit
        compopt() { [ "$2" = default ] && compgen -f -- "${COMP_WORDS[COMP_CWORD]}"; }
        COMP_WORDS=(pipeline "$@"); COMP_CWORD=$#
        _pipeline_completion pipeline
        [ -z "$COMPREPLY" ] || printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "zsh": """
        autoload -U compinit; compinit -D -u
        eval "$(_PIPELINE_COMPLETE=zsh_source pipeline)"
        [ "$_comps[pipeline]" = _pipeline_completion ] || exit
        _describe() { print -l -- ${${(P)3}%%:*}; }
        compadd() { print -l -- ${(P)@[-1]}; }
        _path_files() { print -l -- $words[CURRENT]*; }
        words=(pipeline "$@"); CURRENT=$(($# + 1))
        _pipeline_completion
    """,
    "fish": """
        _PIPELINE_COMPLETE=fish_source pipeline | source
        complete -C "pipeline $argv" | string split -f 1 \\t
    """,
}
FLAGS = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}


@pytest.fixture(params=SHELLS)
def complete(request, folder):
    """A function that returns what a shell offers for the last of some words."""
    shell = request.param
    if not shutil.which(shell):
        pytest.skip(f"needs {shell}")

    def offer(*words):
        name = "--" if shell == "fish" else shell  # where others take the name of the script
        command = [shell, *FLAGS[shell], "-c", SHELLS[shell], name, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "" == done.stderr
        return done.stdout.split()

    return offer


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ru"], ["run", "run-all"]),
        (["--engine", ""], ["auto", "local", "prefect"]),
        (["--output-d"], ["--output-dir"]),
        (["run", "--on-dup"], ["--on-duplicate"]),
        (["run", "--max-rej"], ["--max-rejects"]),
        (["re"], ["rejects"]),
        (["run-all", "sam"], ["sample.txt"]),
        (["--db-path", "sam"], ["sample.txt"]),
    ],
    ids=" ".join,
)
def test_the_shell_completes(complete, words, offered):
    assert offered == complete(*words)


def test_completion_imports_and_prints_nothing_else(program, monkeypatch):
    monkeypatch.setenv("_PIPELINE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "pipeline list")
    monkeypatch.setenv("COMP_CWORD", "1")

    done = program()

    assert (0, "plain,list-jobs\n", "") == (done.code, done.out, done.err)


def test_a_shell_that_click_does_not_know_is_a_usage_error(program, monkeypatch):
    monkeypatch.setenv("_PIPELINE_COMPLETE", "tcsh_source")

    done = program()

    message = "_PIPELINE_COMPLETE: expected bash_source, zsh_source or fish_source, got 'tcsh_source'"
    assert (2, "", f"Error: {message} [usage.option]\n") == (done.code, done.out, done.err)
