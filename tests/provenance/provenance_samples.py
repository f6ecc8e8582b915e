"""The mark and the files that the tests of provenance share."""

import io

import numpy as np
import pillow_heif
from PIL import Image

from imuge.provenance import Mark

pillow_heif.register_heif_opener()
MARK = Mark(key_id="0123abcd", image_id="00112233aabb", model="lab.r5")


def encoded(pixels, kind, **options):
    out = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(out, kind, **options)
    return out.getvalue()


def decoded(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB")
