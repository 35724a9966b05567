"""Where Dagster keeps its own state. DAGSTER_HOME decides; without it, a folder beside the catalog."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import dagster as dg

# Written into a home that the command line makes, so that `dagster dev` opens the same state in the same way.
DAGSTER_YAML = """telemetry:
  enabled: false
"""


def dagster_home(root: str) -> Path:
    """DAGSTER_HOME, else `<root>/.dagster`; for an S3 root a folder in the user's cache."""
    if os.environ.get("DAGSTER_HOME"):
        return Path(os.environ["DAGSTER_HOME"]).expanduser().absolute()
    if root.startswith("s3://"):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "catalog-pictures" / hashlib.sha256(root.encode()).hexdigest()[:12]
    return Path(root).absolute() / ".dagster"


def open_instance(root: str) -> dg.DagsterInstance:
    """Dagster's instance for a catalog, its home made if need be."""
    home = dagster_home(root)
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home)
    return dg.DagsterInstance.get()
