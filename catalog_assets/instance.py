"""Where Dagster keeps its own state. DAGSTER_HOME decides; without it, a folder beside the catalog."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from resources.names import display

# Copied into a home that has none, so that `dagster dev` opens the same state in the same way.
DEFAULT_SETTINGS = Path(__file__).parent / "dagster.yaml"


def dagster_home(root: str) -> Path:
    """DAGSTER_HOME, else `<root>/.dagster`; for an S3 root a folder in the user's cache."""
    if os.environ.get("DAGSTER_HOME"):
        return Path(os.environ["DAGSTER_HOME"]).expanduser().absolute()
    if root.startswith("s3://"):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "catalog-pictures" / hashlib.sha256(root.encode()).hexdigest()[:12]
    return Path(root).expanduser().absolute() / ".dagster"


def uses_postgres(home: Path) -> bool:
    """True if the dagster.yaml of a home says that its state lies in Postgres, by whichever of its forms."""
    try:
        return bool(re.search(r"(?mi)^[^#\n]*postgres", (home / "dagster.yaml").read_text(errors="replace")))
    except OSError:
        return False


class InstanceError(RuntimeError):
    """Dagster's own state cannot be opened; one line that says what to do. It names no password."""


@contextmanager
def open_instance(root: str) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance for a catalog, its home made if need be.

    Dagster itself looks for DAGSTER_HOME while it works, so it is set meanwhile, and then as it was before: another
    catalog in the same process gets its own home. Raises InstanceError.
    """
    home = dagster_home(root)
    home.mkdir(parents=True, exist_ok=True)
    # matplotlib writes a list of fonts: here, and not into the home folder of whoever runs this.
    with (
        _variables(DAGSTER_HOME=str(home), MPLCONFIGDIR=str(home / "matplotlib")),
        _opened(home) as instance,
    ):
        yield instance


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Wait until no other process opens this home: two that make its tables at the same time leave it broken."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with (home / ".opening").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # let go of with the file
        yield


def _opened(home: Path) -> dg.DagsterInstance:
    try:
        with _alone(home):
            if not (home / "dagster.yaml").exists():
                shutil.copyfile(DEFAULT_SETTINGS, home / "dagster.yaml")
            return dg.DagsterInstance.get()
    except Exception as error:  # each storage fails in its own way, and drivers' errors are wrapped
        cause = error.__cause__ or error
        # A ValueError repeats a piece of an address that is none, and a password may stand in it.
        text = "" if isinstance(cause, ValueError) else display(str(cause).strip().split("\n", 1)[0])
        said = text or type(cause).__name__
        raise InstanceError(
            f"Dagster's state could not be opened as {home / 'dagster.yaml'} says: {said}. Check that file, and for "
            "Postgres that the server runs and the DAGSTER_PG_ variables are its own."
        ) from error


@contextmanager
def _variables(**values: str) -> Iterator[None]:
    """Set environment variables, and put back what was there."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
