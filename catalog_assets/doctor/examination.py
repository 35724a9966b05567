"""The examination: every check in order, and what kept one from being made."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from catalog_assets.doctor import catalog_checks, machine_checks
from catalog_assets.doctor.dagster_checks import dagster_checks
from catalog_assets.doctor.findings import Check, Deployment, Finding, without_secrets

log = logging.getLogger("catalog.doctor")

# Only where the root can be reached.
_CATALOG: dict[str, Check] = {
    "uploads": catalog_checks.uploads,
    "catalog.yaml": catalog_checks.settings,
    "catalog.csv": catalog_checks.products,
    "publishing": catalog_checks.publishing,
    "engines": machine_checks.engines,
    "space": machine_checks.disk,
    "memory": machine_checks.memory,
    "clock": machine_checks.clock,
}
_ALWAYS: dict[str, Check] = {
    "campaigns": catalog_checks.campaigns,
    "Dagster": dagster_checks,
    "weights": machine_checks.weights,
    "reading of print": machine_checks.reading,
    "GPU": machine_checks.gpu,
    "cloud keys": machine_checks.cloud_keys,
    "C2PA": machine_checks.signing,
}


def examine(deployment: Deployment) -> Iterator[Finding]:
    """What every check says, as it says it. Never raises for what is wrong with the deployment; shows no secret.

    Writes nothing but a small probe into the root, and removes it.
    """
    environment = deployment.environment
    batches = f"{environment.product_batch} and {environment.campaign_batch} SKUs a run"
    yield Finding("environment", "ok", f"Its variables can be used: profile {environment.profile}, {batches}.")
    findings = list(_said("root", catalog_checks.root, deployment))
    yield from findings
    reachable = all(one.level != "wrong" for one in findings if one.check == "root")
    for name, check in {**(_CATALOG if reachable else {}), **_ALWAYS}.items():
        yield from _said(name, check, deployment)


def _said(name: str, check: Check, deployment: Deployment) -> Iterator[Finding]:
    """What one check says. What it raises is a finding too: most errors say what to do in their own words."""
    try:
        for found in check(deployment):
            yield replace(found, found=without_secrets(found.found), fix=without_secrets(found.fix))
    except Exception as error:
        log.exception("%s could not be checked", name)
        expected = isinstance(error, (ValueError, OSError)) or hasattr(error, "hint")
        said = str(error) if expected else f"The check failed: {type(error).__name__}: {error}"
        fix = "" if expected else "Send this to your engineer; --debug shows more."
        yield Finding(name, "wrong", without_secrets(said), fix)
