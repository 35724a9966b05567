"""The catalog store as a Dagster resource."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from resources.heartbeat import beating
from resources.storage.s3 import MAX_ATTEMPTS
from resources.store import CatalogStore, open_store


class CatalogResource(dg.ConfigurableResource):
    """Opens the catalog store: a local folder, or a bucket, with the credentials and region that boto3 finds itself.

    Examples:
        CatalogResource(root="./catalog")
        CatalogResource(root="s3://shop/catalog", s3_endpoint="http://minio:9000")
    """

    root: str = Field(description="Folder of the catalog, or s3://bucket/prefix.")
    s3_endpoint: str | None = Field(default=None, description="Address of an S3 server other than AWS.")
    s3_retries: int = Field(default=MAX_ATTEMPTS - 1, ge=0, le=MAX_ATTEMPTS - 1, description="Of a call that failed.")

    _store: CatalogStore | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[CatalogResource]:
        """Every run opens the catalog, so here is where it begins to say that its process is there."""
        run, instance = context.run, context.instance
        with beating(instance, run.run_id) if run and instance else nullcontext():
            yield self

    def open(self) -> CatalogStore:
        """The store, made at the first call and kept. Raises StoreError for a root that makes no sense."""
        if self._store is None:
            self._store = open_store(self.root, self._s3_client)
        return self._store

    def open_elsewhere(self, root: str) -> CatalogStore:
        """Another folder or bucket (where a CDN looks, say), with the same access. StoreError as `open`."""
        return open_store(root, self._s3_client)

    @property
    def is_s3(self) -> bool:
        """True if the root is a bucket: objects there appear whole, a local file may be half written."""
        return self.root.startswith("s3://")

    def _s3_client(self) -> Any:
        # Its import takes longer than that of Dagster, and every run, tick and command would pay for it.
        from dagster_aws.s3 import S3Resource

        return S3Resource(endpoint_url=self.s3_endpoint, max_attempts=self.s3_retries).get_client()
