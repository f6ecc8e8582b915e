"""Pictures to record, made from a number."""

import hashlib

import numpy as np

from imuge.registry import Evidence, Manifest, PublishedPicture

NAME = "registry.example.org/tests"


def evidence(number, *, thumbnail=None):
    rng = np.random.default_rng(number)
    return Evidence(pdq=rng.bytes(32), pdq_quality=100, grid=rng.bytes(4096), thumbnail=thumbnail)


def picture(number, *, data=None, **changes):
    data = f"published {number}".encode() if data is None else data
    fields = {
        "key_id": "0123abcd",
        "image_id": f"{number:012x}",
        "sha256_original": hashlib.sha256(f"original {number}".encode()).hexdigest(),
        "sha256_published": hashlib.sha256(data).hexdigest(),
        "width": 1920,
        "height": 1080,
        "format": "JPEG",
        "frame_side": 768,
        "model": "lab.r5",
        "strength": 1.0,
        "publisher": "The Example Times",
        "evidence": evidence(number),
    }
    return PublishedPicture(**{**fields, **changes})


def manifest(number):
    return Manifest(manifest_id=f"urn:c2pa:{number:032x}", store=f"store {number}".encode())
