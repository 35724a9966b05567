"""Pictures as other programs write them, with the tag that says how they were made."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from resources.marketplaces.provenance import xmp_packet

XMP = xmp_packet("algorithmicallyEnhanced")


def saved(picture: NDArray[np.uint8] | Image.Image, picture_format: str = "JPEG", **options: Any) -> bytes:
    """A file in a format of Pillow's; options as its encoder takes them, in place of the ones here."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    if picture_format == "JPEG":
        options = {"quality": 92, "subsampling": "4:4:4", "xmp": XMP} | options
    elif picture_format == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": info} | options
    elif picture_format == "TIFF":
        options = {"tiffinfo": {700: XMP}} | options
    elif picture_format == "WEBP":
        options = {"xmp": XMP} | options
    data = io.BytesIO()
    image.save(data, picture_format, **options)
    return data.getvalue()
