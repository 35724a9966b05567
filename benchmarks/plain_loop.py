"""Cut-outs by a plain loop over the library: photo, cut-out, PNG. No gate, no correction, no store, no records.

python -m benchmarks.plain_loop PHOTOS OUTPUT
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from resources.imaging.alpha import make_cutout
from resources.imaging.decode import Photo, decode_photo
from resources.matting.engines import matting_engine
from resources.weights import Models, default_folder, load_registry


def main(photos: Path, output: Path) -> None:
    """Write output/<stem>.png for each photo of a folder that can be read."""
    engine = matting_engine("embedded", Models(default_folder(), load_registry()))
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted(photos.iterdir()):
        photo = decode_photo(path.read_bytes())
        if isinstance(photo, Photo):
            [matte] = engine.segment([photo.rgb])
            Image.fromarray(make_cutout(photo.rgb, matte.alpha)).save(output / f"{path.stem}.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
