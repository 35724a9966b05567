"""Where Dagster keeps its own state. DAGSTER_HOME decides; without it, a folder beside the catalog."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

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


@contextmanager
def open_instance(root: str) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance for a catalog, its home made if need be.

    Dagster itself looks for DAGSTER_HOME while it works, so it is set meanwhile, and then as it was before: another
    catalog in the same process gets its own home.
    """
    home = dagster_home(root)
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        shutil.copyfile(DEFAULT_SETTINGS, settings)
    # matplotlib writes a list of fonts: here, and not into the home folder of whoever runs this.
    with (
        _variables(DAGSTER_HOME=str(home), MPLCONFIGDIR=str(home / "matplotlib")),
        dg.DagsterInstance.get() as instance,
    ):
        yield instance


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
