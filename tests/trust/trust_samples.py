"""What the tests of publishing and of provenance share: a desk that publishes small pictures."""

import io

import numpy as np
from PIL import Image

from imuge.image import load
from imuge.trust.publishing import publish


def encoded(pixels, kind="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(out, kind, **options)
    return out.getvalue()


def decoded(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")).copy()


def published(guard, terms, data, keep=None, **options):
    """Publish a file; gives the draft and what keeping it gave."""

    def record(draft):
        return terms.registry.publish(draft.picture)

    return publish(load(data), data, lambda: guard.immunize(data, **options), terms, keep or record)
