"""Stage raw_photo: takes an uploaded photo in, unchanged, if it can be used; says how it is to be corrected."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, replace

from catalog_assets.context import RunContext
from catalog_assets.records import Record, Shelf, fingerprint, product_shelf
from catalog_assets.stage import Stage, StageResult, summarise
from resources.imaging.correction import Correction, apply, estimate
from resources.imaging.decode import Photo, decode_photo, read_header
from resources.imaging.encode import preview
from resources.names import display
from resources.store import NotFound, StoreError
from resources.uploads import SkuUploads, UploadedView, main_view, wanted_view_missing
from resources.verdicts import Rejection

NO_UPLOAD = Rejection(
    code="no_upload",
    message="There is no photo of this product in the upload folder.",
    hint="Upload a photo named like the SKU, or remove the SKU from the list of partitions.",
)

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "TIFF": "tif", "BMP": "bmp"}


class RawPhoto(Stage):
    """Keeps the original bytes of every view, with what is known of them, their correction, and small previews."""

    asset = "raw_photo"
    code_version = "2"
    check = "usable_photo"

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.correction = context.settings.photo.correction.limits()

    def run(self, skus: Sequence[str]) -> list[StageResult]:
        return [self._take_in(sku) for sku in skus]

    def _take_in(self, sku: str) -> StageResult:
        shelf = product_shelf(self.context.store, self.asset, sku)
        upload = self._upload(sku, shelf)
        if upload is None:
            if shelf.records():
                self._retire(sku)
                return StageResult(self.asset, sku, "retired", notes=("The upload is gone.",))
            return StageResult(self.asset, sku, "rejected", rejection=NO_UPLOAD, check=False)
        if upload.problems:
            return self._refuse(upload, shelf)
        return self._take_in_views(upload, shelf)

    def _upload(self, sku: str, shelf: Shelf) -> SkuUploads | None:
        """What is uploaded of a SKU: as it was listed where that is on record already, else as it lies there now."""
        listed = self.context.uploads.skus.get(sku)
        known = {record.name: record.inputs.get("token") for record in shelf.records()}
        if listed is not None and listed.tokens() == known and not (self.context.force or self.context.looks_again):
            return listed
        return self.context.upload_of(sku)

    def _refuse(self, upload: SkuUploads, shelf: Shelf) -> StageResult:
        """An upload that cannot be used as a whole. Recorded like a view, so that it can be retired when it is gone."""
        reason = replace(upload.problems[0], stage=self.asset)
        wanted = fingerprint({"problem": [reason.code, reason.message], "code": self.code_version})
        view = upload.views[0].view if upload.views else "main"
        if shelf.current(view, wanted) is None:
            record = Record(self.asset, upload.sku, view, "rejected", wanted, facts={"main": True}, rejection=reason)
            shelf.save(record)
        shelf.keep_only([view])
        return StageResult(self.asset, upload.sku, "rejected", rejection=reason, check=False)

    def _retire(self, sku: str) -> None:
        """Take the exports of every campaign away, archived ones too; the SKU's own history stays."""
        store = self.context.store
        for marketplace in store.children("exports"):
            for campaign in store.children(f"exports/{marketplace}"):
                store.delete_many([entry.key for entry in store.list(f"exports/{marketplace}/{campaign}/{sku}")])

    def _take_in_views(self, upload: SkuUploads, shelf: Shelf) -> StageResult:
        wanted = self.context.products.get(upload.sku).main_view
        names = [view.view for view in upload.views]
        main = main_view(names, wanted)
        missing = wanted_view_missing(names, wanted)
        before = shelf.records()
        records = [
            self._view(shelf, upload.sku, view, main=view.view == main, note=missing if view.view == main else "")
            for view in upload.views
        ]
        shelf.keep_only(names)
        stopped = next((record.rejection for record in records if record.facts.get("main")), None)
        return summarise(self.asset, upload.sku, records, before=before, rejection=stopped)

    def _view(self, shelf: Shelf, sku: str, view: UploadedView, *, main: bool, note: str) -> Record:
        """The record of one view, made anew only if the photo's content or what we ask of photos changed."""
        before = shelf.record(view.view)
        content = self._known_content(before, view)
        data = b""
        if content is None:
            data = b"" if view.problem else self._read(view)
            content = hashlib.sha256(data).hexdigest()
        wanted = fingerprint(
            {
                "content": content,
                "problem": view.problem.code if view.problem else "",
                "photo": asdict(self.context.settings.photo.limits()),
                "correction": asdict(self.correction),
                "main": main,
                "note": note,
                "code": self.code_version,
            }
        )
        current = None if self.context.force else shelf.current(view.view, wanted)
        if current is not None:
            if current.inputs.get("token") != view.token:
                shelf.save(_with_token(current, view.token))
            return current  # the one from before: the photo is the same, wherever it lies now
        if not data and not view.problem:
            data = self._read(view)
        return self._make(
            shelf,
            sku,
            view,
            data,
            Record(
                stage=self.asset,
                sku=sku,
                name=view.view,
                status="made",
                fingerprint=wanted,
                inputs={"content": content, "key": view.key, "token": view.token},
                facts={"main": main, "title": view.title},
                notes=(note,) if note else (),
            ),
        )

    def _known_content(self, before: Record | None, view: UploadedView) -> str | None:
        """The content hash on record, if the upload did not change since. `force` reads everything again."""
        if before is None or self.context.force or before.inputs.get("token") != view.token:
            return None
        return str(before.inputs["content"])

    def _read(self, view: UploadedView) -> bytes:
        """An uploaded photo. Raises StoreError if it is not there as it was listed; then another look may find it."""
        try:
            data = self.context.store.read(view.key)
        except NotFound:
            raise _changed(view, "nothing") from None
        if len(data) != view.size:
            raise _changed(view, f"{len(data)} bytes")
        return data

    def _make(self, shelf: Shelf, sku: str, view: UploadedView, data: bytes, blank: Record) -> Record:
        started = time.perf_counter()
        photo = view.problem or self._decode(data)
        if isinstance(photo, Rejection):
            rejection = replace(photo, stage=self.asset)
            return shelf.save(replace(blank, status="rejected", rejection=rejection))
        correction = Correction() if photo.alpha is not None else estimate(photo.rgb, self.correction)
        height, width = photo.rgb.shape[:2]
        extension = EXTENSIONS.get(photo.format, photo.format.lower())
        files = {
            "photo": shelf.put(view.view, extension, data),
            "preview": shelf.put(f"{view.view}.preview", "webp", preview(photo.rgb)),
        }
        if correction.changes:
            photo = replace(photo, rgb=apply(photo.rgb, correction))
            files["corrected"] = shelf.put(f"{view.view}.corrected", "webp", preview(photo.rgb))
        record = replace(
            blank,
            files=files,
            measures={"megapixels": round(width * height / 1e6, 3)},
            facts={
                **blank.facts,
                "width": width,
                "height": height,
                "format": photo.format,
                "source_size": list(photo.source_size),
                "own_alpha": photo.alpha is not None,
                "correction": correction.as_facts(),
            },
            notes=(*blank.notes, *photo.notes, *correction.notes),
            seconds=round(time.perf_counter() - started, 4),
        )
        self.context.remember_photo(record, photo)
        return shelf.save(record)

    def _decode(self, data: bytes) -> Photo | Rejection:
        """The photo, its size read from the header first, so that large ones wait for each other."""
        limits = self.context.settings.photo.limits()
        header = read_header(data, limits)
        if isinstance(header, Rejection):
            return header
        with self.context.decoding.reserve(header.width * header.height):
            return decode_photo(data, limits)


def _changed(view: UploadedView, found: str) -> StoreError:
    return StoreError(
        "upload_changed",
        f"{display(view.key)} changed while it was taken in: {found} found, {view.size} bytes listed.",
        "Wait until it is uploaded as a whole, then run again.",
        retryable=True,
    )


def _with_token(record: Record, token: str) -> Record:
    """The same record for a file that was touched but not changed."""
    return replace(record, inputs={**record.inputs, "token": token})
