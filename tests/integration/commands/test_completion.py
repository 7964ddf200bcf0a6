"""Tab completes commands, options and names of files."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

TRIED = """
eval "$(wegly-batch completion bash)"
complete -p wegly-batch
compopt() { echo "compopt $1 $2"; }
tab() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _wegly_batch_completion "$1"
  echo "$2 $3> ${COMPREPLY[*]}"
}
tab wegly-batch r
tab wegly-batch run --plan
tab wegly-batch no_command --
tab wegly-batch check contat
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """A PATH with the program as it is installed: a file of its name."""
    program = tmp_path / "bin" / "wegly-batch"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {sys.executable} -m batch "$@"\n')
    program.chmod(0o755)
    return os.pathsep.join([str(program.parent), os.environ["PATH"]])


def _run_shell(shell: str, script: str, path: str) -> str:
    done = subprocess.run(
        [shell, "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no bash")
def test_bash_completes(path: str) -> None:
    """Commands by their beginning, options of the command, choices; and where a sheet stands, bash its files."""
    assert _run_shell("bash", TRIED, path).splitlines() == [
        "complete -o nosort -F _wegly_batch_completion wegly-batch",
        "r > run report runs",
        "run --plan> --plan --plan-hash",
        "no_command --> --version --lang --help",
        "compopt -o default",
        "check contat> ",
    ]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_take_their_lines(path: str, shell: str) -> None:
    """The lines are of the shell's own language."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    lines = "autoload -U compinit; compinit -u; " if shell == "zsh" else ""
    evaluate = 'eval "$(wegly-batch completion zsh)"' if shell == "zsh" else "wegly-batch completion fish | source"
    assert _run_shell(shell, lines + evaluate, path) == ""
