"""`Guard`: the face of the library. It immunizes pictures, verifies them, and recovers them.

picture ─ load ─► canvas ─ encode, embed ─► immunized ─ save, read back, verify ─► Immunized
copy ──── load ─► canvas ─ verification ─────────────────────────────────────────► Verdict
"""

import io
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imuge import __version__, verification
from imuge.engine import Engine, Progress
from imuge.errors import ConfigError, ImageError, KeyFileError, ProtectionError
from imuge.hidden_copy import code_keying, scatter_code
from imuge.image import (
    Limits,
    MetadataPolicy,
    Picture,
    check_output,
    encode,
    from_array,
    from_pil,
    load,
    losses,
    to_pil,
)
from imuge.image.padding import Canvas, to_canvas, to_samples
from imuge.keys import Key, find_key, new_image_id, template
from imuge.results import Immunized, Pixels, Verdict
from imuge.sentences import cautions, sentence
from imuge.verification import Array, Found
from imuge.weights import load_release

AnyKey: TypeAlias = Key | str | PathLike[str]
AnyPicture: TypeAlias = str | PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8]
PictureType = TypeVar("PictureType", bound=AnyPicture)

# About one picture in fifty shows a false region under the first image id; another id is another
# template, and another chance.
DRAWS = 3
STRENGTHS = (0.25, 3.0)  # the networks were trained with 0.75-1.3


class Guard:
    """Protects pictures with a key, and reads what became of them.

    Args:
        key: A `Key`, the name of one in the key folder, the path of a key file, or several; None
            means the file in `IMUGE_KEY_FILE`, else the key named `default`. The first immunizes;
            all are tried when a picture is verified.
        weights: Folder of a release; None means the one shipped with imuge.
        threads: Processor threads; None means all that this process may use.
        device: "cpu", or "cuda" where onnxruntime-gpu is installed.
        limits: The sizes of pictures taken; None means those of `imuge.image.Limits`. A `Picture`
            has its own.
        progress: Called with the step's name and the share of it that is done, 0..1.

    Raises:
        KeyFileError: a key is missing, malformed or readable by others.
        WeightsError: a model file is missing or altered.
        ConfigError: the device cannot be used.
    """

    def __init__(
        self,
        key: AnyKey | Sequence[AnyKey] | None = None,
        *,
        weights: Path | None = None,
        threads: int | None = None,
        device: str = "cpu",
        limits: Limits | None = None,
        progress: Progress | None = None,
    ) -> None:
        given = [key] if key is None or isinstance(key, Key | str | PathLike) else list(key)
        if not given:
            raise KeyFileError(
                "expected a key or several, got an empty list; make one: imuge keys new NAME"
            )
        self.keys = [k if isinstance(k, Key) else find_key(k) for k in given]
        self.limits = limits or Limits()
        self.engine = Engine(
            load_release(weights), threads=threads, device=device, progress=progress
        )

    @overload
    def immunize(
        self,
        image: str | PathLike[str] | bytes | Picture,
        strength: float = ...,
        *,
        replace: bool = ...,
        format: str | None = ...,
        metadata: MetadataPolicy = ...,
    ) -> Immunized[bytes]: ...
    @overload
    def immunize(
        self,
        image: PictureType,
        strength: float = ...,
        *,
        replace: bool = ...,
        format: str | None = ...,
        metadata: MetadataPolicy = ...,
    ) -> Immunized[PictureType]: ...
    def immunize(
        self,
        image: AnyPicture | Picture,
        strength: float = 1.0,
        *,
        replace: bool = False,
        format: str | None = None,  # noqa: A002 - the word every image library uses
        metadata: MetadataPolicy = "keep",
    ) -> Immunized[Any]:
        """Hide a picture's own recovery data inside it, and check that it can be read back.

        Args:
            image: A path, the bytes of a file, a binary file object, a PIL image, or an array
                (H, W, 3) or (H, W, 4), uint8, RGB(A); or a `Picture` that `imuge.image.load` has
                read. From 128x128 pixels to 24 megapixels.
            strength: Scales the change; more survives more and is seen sooner.
            replace: Whether protection that is there already may be written over.
            format: Of the file made: "JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"; None keeps
                the input's. Only for pictures given as files.
            metadata: "keep", "no-gps" or "none"; only for pictures given as files.

        Returns:
            The picture in the type it came in (a path or a `Picture` gives bytes; `.save` writes
            them), and the verdict on exactly what was made.

        Raises:
            ImageError: the picture cannot be read, is of a kind not taken, or cannot be encoded.
            ProtectionError: it is protected already and `replace` is false, or its protection
                cannot be read back from what was made.
            KeyFileError: the key is verify-only.
            ConfigError: `strength` is out of range.
        """
        key = self.keys[0]
        if not STRENGTHS[0] <= strength <= STRENGTHS[1]:
            low, high = STRENGTHS
            raise ConfigError(f"expected a strength from {low} to {high}, got {strength}")
        if not key.can_recover:
            raise KeyFileError(
                f"key {key.name} is verify-only and cannot immunize; use the full key"
            )
        is_file = not isinstance(image, Image.Image | np.ndarray)
        picture = _read(image, self.limits)
        warnings = picture.notes
        if is_file:
            check_output(picture, format)
            warnings += losses(picture, format, metadata)
        canvas = to_canvas(picture.samples, picture.judged)
        if not replace:
            self._refuse_protected(canvas)
        code = self.engine.encode(canvas.image)
        for _ in range(DRAWS):
            image_id = new_image_id()
            embedded = self._embed(canvas, code, key, image_id, strength)
            made = picture.with_pixels(to_samples(embedded, bits=picture.bits))
            file = encode(made, format=format, metadata=metadata) if is_file else None
            checked = load(file, limits=picture.limits) if file is not None else made
            verdict = self._verify(checked, recover=False, hidden_copy=False)
            if verdict.verdict == "intact" and verdict.image_id == f"{image_id:08x}":
                break
        else:
            raise _unreadable(verdict, strength)
        return Immunized(
            image=_as_given(image, made, file),
            file=file,
            key_name=key.name,
            key_id=key.key_id,
            image_id=f"{image_id:08x}",
            strength=strength,
            psnr_db=_psnr_db(picture.pixels, checked.pixels),
            verdict=verdict,
            warnings=warnings,
        )

    def verify(
        self, image: AnyPicture | Picture, *, recover: bool = True, hidden_copy: bool = False
    ) -> Verdict:
        """Say whether a picture was changed since it was immunized, where, and what was there.

        Args:
            image: As for `immunize`, or a `Picture` that `imuge.image.load` has read.
            recover: Whether to reconstruct tampered regions.
            hidden_copy: Whether to render the whole hidden copy too, for a person to look at; the
                verdict checks a sample of it in any case.

        Raises:
            ImageError: the picture cannot be read or is of a kind not taken.
        """
        picture = _read(image, self.limits)
        return self._verify(picture, recover=recover, hidden_copy=hidden_copy)

    def recover(self, image: PictureType) -> PictureType | bytes:
        """Give the picture with every tampered pixel replaced by its reconstruction.

        Returns:
            The picture in the type it came in; files are encoded again in their own format. Where
            nothing tampered was found the pixels are those received.

        Raises:
            ImageError: the picture cannot be read, or carries no protection that could be used.
        """
        picture = _read(image, self.limits)
        verdict = self._verify(picture, recover=True, hidden_copy=False)
        if verdict.verdict not in ("intact", "tampered"):
            raise ImageError(f"cannot recover anything: {verdict.sentence}")
        if verdict.verdict == "tampered" and verdict.recovered is None:
            raise KeyFileError(f"key {verdict.key_name} is verify-only and cannot recover")
        made = picture
        if verdict.recovered is not None:
            made = picture.with_patch(verdict.recovered, verdict.mask)
        is_file = not isinstance(image, Image.Image | np.ndarray)
        # Without the camera's and the author's data: these pixels are not what they made.
        file = encode(made, metadata="none") if is_file else None
        given: PictureType | bytes = _as_given(image, made, file)
        return given

    def _refuse_protected(self, canvas: Canvas) -> None:
        _, found, reading = verification.look_for_beacon(self.engine, canvas, self.keys)
        if reading.present:
            raise ProtectionError(
                f"this picture is protected with key {found.name} already; immunizing it again "
                "would hide what was done to it since: verify it, or pass --replace (replace=True)"
            )

    def _embed(
        self, canvas: Canvas, code: Array, key: Key, image_id: int, strength: float
    ) -> Array:
        """The immunized picture (3, H, W) in [0, 1], from the picture and its code (24, h, w)."""
        options = self.engine.record.options
        keying = code_keying(options, key, image_id, canvas.grid, len(code))
        signs = template(key, image_id, *canvas.grid, scales=options.template_scales)
        payload = np.concatenate([scatter_code(code, *keying), signs])
        immunized: Array = self.engine.embed(canvas.image, payload, strength)
        return immunized[:, : canvas.height, : canvas.width]

    def _verify(self, picture: Picture, *, recover: bool, hidden_copy: bool) -> Verdict:
        canvas = to_canvas(picture.samples, picture.judged)
        found = verification.verify(
            self.engine, canvas, self.keys, recover=recover, hidden_copy=hidden_copy
        )
        return self._verdict(picture, found)

    def _verdict(self, picture: Picture, found: Found) -> Verdict:
        record = self.engine.record
        reading, key, comparison = found.reading, found.key, found.comparison
        height, width = picture.pixels.shape[:2]
        return Verdict(
            verdict=found.finding,
            sentence=sentence(found, self.keys),
            key_name=None if key is None else key.name,
            key_id=None if key is None else key.key_id,
            image_id=None if reading.image_id is None else f"{reading.image_id:08x}",
            presence_p=reading.presence_p,
            tag_p=reading.tag_p,
            identity_p=reading.identity_p,
            layout_p=found.layout_p,
            corrected_for={"keys": len(self.keys), "geometries": 1},
            tampered_area=sum(region.area for region in found.regions),
            regions=found.regions,
            hidden_copy="not checked" if comparison is None else comparison.check,
            hidden_copy_agreement=None if comparison is None else comparison.correlation,
            width=width,
            height=height,
            model=record.name,
            model_sha256=self.engine.sha256,
            threshold=found.threshold,
            minimum_area=found.minimum_area,
            small_spots=found.spots,
            input_sha256=picture.sha256 or None,
            tool_version=__version__,
            warnings=picture.notes + cautions(found),
            image=picture.pixels,
            probability=found.probability,
            mask=found.mask,
            recovered=found.recovered,
            hidden_copy_image=found.hidden_copy_image,
        )


def _read(image: AnyPicture | Picture, limits: Limits) -> Picture:
    if isinstance(image, Picture):
        return image
    if isinstance(image, np.ndarray):
        return from_array(image, limits=limits)
    if isinstance(image, Image.Image):
        return from_pil(image, limits=limits)
    return load(image, limits=limits)


def _as_given(image: AnyPicture | Picture, made: Picture, file: bytes | None) -> Any:  # noqa: ANN401
    """The picture in the type in which `image` came."""
    if file is not None:
        return file if isinstance(image, str | PathLike | bytes | Picture) else io.BytesIO(file)
    if isinstance(image, Image.Image):
        return to_pil(made)
    return made.samples if made.alpha is None else np.dstack([made.samples, made.alpha])


def _unreadable(verdict: Verdict, strength: float) -> ProtectionError:
    """Why a picture cannot be called immunized: its protection does not read back."""
    return ProtectionError(
        f"the protection could not be read back from the picture made (verdict: "
        f"{verdict.verdict}), so nothing was kept; noise and hard black-and-white texture carry "
        f"little: try --strength {min(strength * 1.3, STRENGTHS[1]):.2g} or PNG"
    )


def _psnr_db(before: Pixels, after: Pixels) -> float:
    error = np.mean((before.astype(np.float32) - after.astype(np.float32)) ** 2, dtype=np.float64)
    return float(10 * np.log10(255**2 / max(error, 1e-10)))
