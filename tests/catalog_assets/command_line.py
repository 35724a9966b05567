"""The command line, called in the process of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from catalog_assets.cli import cli


def catalog(*arguments: str | Path) -> Result:
    """What a command says. What it did not expect is raised here."""
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments], catch_exceptions=False)
    # Terminal control never reaches the output, whatever names and files are called.
    assert "\x1b" not in result.stdout.replace("\x1b[0m", "")
    return result


def assert_could_not_run(result: Result, *words: str) -> None:
    """One clear line that holds these words, and exit status 2."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("catalog: ")
    for word in words:
        assert word in line


@contextmanager
def elsewhere(folder: Path) -> Iterator[None]:
    """Commands are called in an empty folder, with no catalog in the environment, and write nothing there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("CATALOG_ROOT", raising=False)
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.chdir(folder)
        yield
        assert not list(Path.cwd().iterdir())
