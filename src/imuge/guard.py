"""`Guard`: the face of the library. It immunizes pictures, verifies them, and recovers them.

picture ─ load ─► prepare, publish ─► immunized ─ save, read back, verify ─► Immunized
copy ──── load ─► verify ─────────────────────────────────► Verdict ─ recover ─► Verdict
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imuge.engine import Engine, Progress
from imuge.engine.steps import step
from imuge.errors import ConfigError, ImageError, KeyFileError, ProtectionError
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
from imuge.keys import Key, find_key, new_image_id
from imuge.protection.embed import Host, prepare, publish
from imuge.protection.frame import DETAILS as DETAILS
from imuge.protection.frame import Detail as Detail
from imuge.protection.frame import published_frame
from imuge.protection.places import SEARCHES as SEARCHES
from imuge.protection.places import Search as Search
from imuge.protection.receive import receive
from imuge.protection.verify import (
    probability_of,
    verify,
    with_hidden_copy,
    with_recovered,
    with_uncropped,
)
from imuge.results import Immunized, Pixels, Verdict
from imuge.weights import load_release

AnyKey: TypeAlias = Key | str | PathLike[str]
AnyPicture: TypeAlias = str | PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[np.uint8]
PictureType = TypeVar("PictureType", bound=AnyPicture)

# About one picture in fifty shows a false region under the first image id; another id is another
# template, and another chance. Of small pictures and hard textures more than that may be needed:
# the last tries add more than was asked for, and say so.
TRIES = (1.0, 1.0, 1.0, 1.15, 1.3)  # times the strength
STRENGTHS = (0.25, 3.0)  # the networks were trained with 0.75-1.3
PSNR_ROWS = 256
THINNEST = 32  # frame pixels across: a strip's frame has too few blocks beside each other


def strengths_tried(strength: float) -> list[float]:
    """At which a picture is published until it reads back, each under an image id of its own."""
    return [min(strength * times, STRENGTHS[1]) for times in TRIES]


@dataclass(frozen=True, slots=True)
class _Published:
    """A picture that reads back as it should."""

    picture: Picture
    file: bytes | None
    image_id: int
    strength: float
    verdict: Verdict


class Guard:
    """Protects pictures with a key, and reads what became of them.

    Args:
        key: A `Key`, the name of one in the key folder, the path of a key file, or several; None
            means the file in `IMUGE_KEY_FILE`, else the key named `default`. The first immunizes;
            all are tried when a picture is verified.
        engine: Networks that are loaded already, which several guards may share; None loads them
            as the options below say.
        weights: Folder of a release; None means the one shipped with imuge.
        threads: Processor threads; None means all that this process may use.
        device: "cpu", or "cuda" where onnxruntime-gpu is installed; None means "cpu".
        limits: The sizes of pictures taken; None means those of `imuge.image.Limits`. A `Picture`
            has its own.
        progress: Called with a step's name and the share of it that is done, 0..1; the steps of
            each call are those of `imuge.engine.steps`.

    Raises:
        KeyFileError: a key is missing, malformed or readable by others.
        WeightsError: a model file is missing or altered.
        ConfigError: the device cannot be used, or an engine came with options for loading one.

    Example:
        >>> from imuge import Guard
        >>> guard = Guard("newsdesk")
        >>> made = guard.immunize("photo.jpg")
        >>> path = made.save("published.jpg")
        >>> guard.verify("published.jpg").verdict
        'intact'
    """

    def __init__(
        self,
        key: AnyKey | Sequence[AnyKey] | None = None,
        *,
        engine: Engine | None = None,
        weights: Path | None = None,
        threads: int | None = None,
        device: str | None = None,
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
        if engine is None:
            engine = Engine(
                load_release(weights), threads=threads, device=device or "cpu", progress=progress
            )
        elif any(option is not None for option in (weights, threads, device, progress)):
            raise ConfigError(
                "expected an engine, or weights, threads, device and progress to load one with, "
                "got both; give these to Engine"
            )
        self.engine = engine
        self._progress = engine.progress

    @overload
    def immunize(
        self,
        image: str | PathLike[str] | bytes | Picture,
        strength: float = ...,
        *,
        key: AnyKey | None = ...,
        detail: Detail = ...,
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
        key: AnyKey | None = ...,
        detail: Detail = ...,
        replace: bool = ...,
        format: str | None = ...,
        metadata: MetadataPolicy = ...,
    ) -> Immunized[PictureType]: ...
    def immunize(
        self,
        image: AnyPicture | Picture,
        strength: float = 1.0,
        *,
        key: AnyKey | None = None,
        detail: Detail = "normal",
        replace: bool = False,
        format: str | None = None,  # noqa: A002 - the word every image library uses
        metadata: MetadataPolicy = "keep",
    ) -> Immunized[Any]:
        """Hide a picture's own recovery data inside it, and check that it can be read back.

        Args:
            image: A path, the bytes of a file, a binary file object, a PIL image, or an array
                (H, W, 3) or (H, W, 4), uint8, RGB(A); or a `Picture` that `imuge.image.load` has
                read. From 128x128 pixels to 200 megapixels.
            strength: Scales what the networks add, 1 being what they were tuned with: twice as
                much survives rougher treatment and is seen sooner. The pilot stays as it is.
                Where what was made cannot be read back, up to 1.3 times as much is tried, and
                `warnings` says so.
            detail: Which frame it is published on: "robust" for channels that scale down hard,
                "normal", or "fine" for those that never scale.
            key: The key to immunize with this time; None means the guard's first.
            replace: Whether protection that is there already may be written over.
            format: Of the file made: "JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"; None keeps
                the input's. Only for pictures given as files.
            metadata: "keep", "no-gps" or "none", of what came with the picture: in its file, or in
                the `info` of a PIL image.

        Returns:
            The picture in the type it came in (a path or a `Picture` gives bytes; `.save` writes
            them; a PIL image keeps colour profile, EXIF, XMP and resolution in `info`), and the
            verdict on exactly what was made.

        Raises:
            ImageError: the picture cannot be read, is of a kind not taken, or cannot be encoded.
            ProtectionError: it is protected already and `replace` is false, or its protection
                cannot be read back from what was made.
            KeyFileError: the key is verify-only, or `key` cannot be found.
            ConfigError: `strength` or `detail` is none that there is.

        Example:
            >>> import numpy as np
            >>> from PIL import Image
            >>> from imuge import Guard
            >>> pixels = np.asarray(Image.open("photo.jpg"))
            >>> made = Guard("newsdesk").immunize(pixels, detail="robust")
            >>> made.image.shape == pixels.shape, made.psnr_db > 36
            (True, True)
        """
        keys = self._keys_with(key)
        chosen = keys[0]
        check_strength(strength)
        if detail not in DETAILS:
            raise ConfigError(f"expected a detail of {', '.join(DETAILS)}, got {detail!r}")
        if not chosen.can_recover:
            raise KeyFileError(
                f"key {chosen.name} is verify-only and cannot immunize; use the full key"
            )
        is_file = not isinstance(image, Image.Image | np.ndarray)
        with step(self._progress, "decode"):
            picture = _read(image, self.limits)
        _check_shape(picture, detail)
        warnings, write, codings = picture.notes, None, [False]
        if is_file:
            if check_output(picture, format) == "JPEG" and picture.jpeg is not None:
                codings = [True, False]
            warnings += losses(picture, format, metadata)
            write = partial(encode, format=format, metadata=metadata)
        if not replace:
            with step(self._progress, "look"):
                self._refuse_protected(picture, keys)
        with step(self._progress, "frame"):
            host = prepare(self.engine, picture.samples, detail)
        made = self._published(picture, host, chosen, strength, write, codings)
        if made.strength > strength:
            warnings += (
                f"published at strength {made.strength:.2f}: at {strength:.2f} its protection "
                "could not be read back",
            )
        return Immunized(
            image=_as_given(image, made.picture, made.file, metadata),
            file=made.file,
            key_name=chosen.name,
            key_id=chosen.key_id,
            image_id=f"{made.image_id:012x}",
            strength=made.strength,
            psnr_db=_psnr_db(picture.pixels, made.verdict.image),
            verdict=made.verdict,
            warnings=warnings,
        )

    def _published(
        self,
        picture: Picture,
        host: Host,
        key: Key,
        strength: float,
        write: Callable[..., bytes] | None,
        codings: Sequence[bool],
    ) -> "_Published":
        """Publish under one image id after the other, until what was made reads back.

        The last ones are published stronger.

        Args:
            picture: As it came.
            host: Prepared from it.
            key: To immunize with.
            strength: Of the change, at first.
            write: Makes the file; None where pixels are all that is wanted.
            codings: Whether a JPEG is written as it came, best first; only the last is tried again.

        Raises:
            ProtectionError: none reads back.
        """
        for draw, used in enumerate(strengths_tried(strength)):
            image_id = new_image_id()
            for as_it_came in codings if draw == 0 else codings[-1:]:
                # Published again for each coding: kept meanwhile, large pictures would take
                # hundreds of megabytes beside the copy that is verified.
                made = picture.with_pixels(
                    publish(self.engine, picture.samples, host, key, image_id, strength=used)
                )
                with step(self._progress, "write"):
                    file = None if write is None else write(made, as_it_came=as_it_came)
                with step(self._progress, "verify"):
                    if file is not None:
                        made = load(file, limits=picture.limits)
                    verdict = verify(self.engine, made, [key], recover=False, search="off")
                if verdict.verdict == "intact" and verdict.image_id == f"{image_id:012x}":
                    return _Published(made, file, image_id, used, verdict)
        raise _unreadable(verdict, used)

    def verify(
        self,
        image: AnyPicture | Picture,
        *,
        recover: bool = True,
        hidden_copy: bool = False,
        uncrop: bool = False,
        search: Search = "quick",
    ) -> Verdict:
        """Say whether a picture was changed since it was immunized, where, and what was there.

        Args:
            image: As for `immunize`, or a `Picture` that `imuge.image.load` has read.
            recover: Whether to reconstruct tampered regions.
            hidden_copy: Whether to render the whole hidden copy too, for a person to look at; the
                verdict checks a sample of it in any case.
            uncrop: Whether to show what was cut away from a part, as `uncrop` does.
            search: "off" takes a copy to be whole and upright; "quick" also finds parts, turns,
                mirror images, and copies inside a larger picture; "full" also copies stretched in
                one direction, and small ones in large screenshots, in seconds more.

        Raises:
            ImageError: the picture cannot be read or is of a kind not taken.
            ConfigError: there is no such search.

        Example:
            >>> from imuge import Guard
            >>> verdict = Guard("newsdesk").verify("suspicious.png")
            >>> verdict.verdict, verdict.mask.shape == verdict.image.shape[:2]
            ('tampered', True)
        """
        if search not in SEARCHES:
            raise ConfigError(f"expected a search of {', '.join(SEARCHES)}, got {search!r}")
        with step(self._progress, "decode"):
            picture = _read(image, self.limits)
        with step(self._progress, "find"):
            verdict = verify(self.engine, picture, self.keys, recover=False, search=search)
        if recover:
            verdict = self.recover(verdict)
        if uncrop:
            verdict = self.uncrop(verdict)
        return self.hidden_copy(verdict) if hidden_copy else verdict

    @overload
    def recover(self, image: Verdict) -> Verdict: ...
    @overload
    def recover(self, image: PictureType) -> PictureType | bytes: ...
    def recover(self, image: Any) -> Any:
        """Replace every tampered pixel of a picture by its reconstruction.

        Args:
            image: As for `immunize`; or a verdict of `verify(..., recover=False)`, which costs the
                reconstruction alone.

        Returns:
            The picture in the type it came in; files are encoded again in their own format. Where
            nothing tampered was found the pixels are those received. For a verdict: the verdict
            that `verify` with `recover=True` gives.

        Raises:
            ImageError: the picture cannot be read, or carries no protection that could be used.
            KeyFileError: the picture was read with a verify-only key.
            ConfigError: the verdict was made elsewhere, or with other weights.

        Example:
            >>> from imuge import Guard
            >>> guard = Guard("newsdesk")
            >>> verdict = guard.verify("suspicious.png", recover=False)
            >>> guard.recover(verdict).recovered.shape == verdict.image.shape
            True
        """
        if isinstance(image, Verdict):
            with step(self._progress, "reconstruct"):
                return with_recovered(self.engine, image)
        picture = _read(image, self.limits)
        verdict = verify(self.engine, picture, self.keys)
        if verdict.verdict not in ("intact", "tampered"):
            raise ImageError(f"cannot recover anything: {verdict.sentence}")
        if verdict.verdict == "tampered" and verdict.recovered is None:
            raise KeyFileError(f"key {verdict.key_name} is verify-only and cannot recover")
        made = picture
        if verdict.recovered is not None:
            made = picture.with_patch(
                verdict.recovered, (verdict.recovered != verdict.image).any(2)
            )
        is_file = not isinstance(image, Image.Image | np.ndarray)
        # Without the camera's and the author's data: these pixels are not what they made.
        file = encode(made, metadata="none") if is_file else None
        return _as_given(image, made, file, "none")

    def hidden_copy(self, verdict: Verdict) -> Verdict:
        """The verdict that `verify` with `hidden_copy=True` gives, from one that it gave without.

        Raises:
            ConfigError: the verdict was made elsewhere, or with other weights.

        Example:
            >>> from imuge import Guard
            >>> guard = Guard("newsdesk")
            >>> shown = guard.hidden_copy(guard.verify("suspicious.png"))
            >>> shown.hidden_copy, shown.hidden_copy_image.shape == shown.image.shape
            ('agrees', True)
        """
        with step(self._progress, "hidden copy"):
            return with_hidden_copy(self.engine, verdict)

    def probability(self, verdict: Verdict) -> NDArray[np.float32] | None:
        """How likely each of the copy's pixels is changed, (H, W) in [0, 1], for maps and curves.

        Before any threshold; `verdict.mask` is what counts. None where the verdict is
        `unprotected`, `degraded` or `foreign`, or was made elsewhere.

        Example:
            >>> from imuge import Guard
            >>> guard = Guard("newsdesk")
            >>> verdict = guard.verify("suspicious.png")
            >>> probability = guard.probability(verdict)
            >>> probability.shape == verdict.mask.shape, bool(probability.max() > 0.5)
            (True, True)
        """
        return probability_of(verdict)

    def uncrop(self, verdict: Verdict) -> Verdict:
        """The verdict on a part of a picture, with what was cut away from it.

        What was cut away is a rough reconstruction from the hidden code that the part still holds,
        and hatched where none is left. It takes the full key: who can verify only sees nothing.

        Args:
            verdict: As `verify` gave it.

        Returns:
            The verdict with `uncropped`, (h, w, 3) on the frame of `geometry`; as it was where the
            copy is whole, was not read, or was read with a verify-only key.

        Raises:
            ConfigError: the verdict was made elsewhere, or with other weights.

        Example:
            >>> from imuge import Guard
            >>> guard = Guard("newsdesk")
            >>> guard.uncrop(guard.verify("suspicious.png")).uncropped is None  # it is whole
            True
        """
        with step(self._progress, "uncrop"):
            return with_uncropped(self.engine, verdict)

    def _keys_with(self, key: AnyKey | None) -> list[Key]:
        """All keys to look with, the one to immunize with first."""
        if key is None:
            return self.keys
        chosen = key if isinstance(key, Key) else find_key(key)
        return [chosen, *(other for other in self.keys if other != chosen)]

    def _refuse_protected(self, picture: Picture, keys: Sequence[Key]) -> None:
        found = receive(
            self.engine, picture.samples, keys, judged=picture.judged, whole_copies=False
        )
        if found is not None and found.reading.present:
            raise ProtectionError(
                f"this picture is protected with key {found.key.name} already; immunizing it again "
                "would hide what was done to it since: verify it, or pass --replace (replace=True)"
            )


def check_strength(strength: float) -> None:
    """Refuse a strength that no picture can be immunized with; callers ask this before long work.

    Raises:
        ConfigError: it is out of range.
    """
    low, high = STRENGTHS
    if not low <= strength <= high:
        raise ConfigError(f"expected a strength from {low} to {high}, got {strength}")


def _read(image: AnyPicture | Picture, limits: Limits) -> Picture:
    if isinstance(image, Picture):
        return image
    if isinstance(image, np.ndarray):
        return from_array(image, limits=limits)
    if isinstance(image, Image.Image):
        return from_pil(image, limits=limits)
    return load(image, limits=limits)


def _check_shape(picture: Picture, detail: Detail) -> None:
    """Refuse strips, before anything is computed."""
    height, width = picture.samples.shape[:2]
    frame = published_frame(width, height, detail)
    if min(frame.size) < THINNEST:
        raise ImageError(
            f"the picture is {width}×{height} pixels, too thin to carry its protection: the "
            f"shorter side needs to be at least 1/{frame.side // THINNEST} of the longer; cut it "
            "into parts and immunize each"
        )


def _as_given(
    image: AnyPicture | Picture, made: Picture, file: bytes | None, metadata: MetadataPolicy
) -> Any:  # noqa: ANN401
    """The picture in the type in which `image` came."""
    if file is not None:
        return file if isinstance(image, str | PathLike | bytes | Picture) else io.BytesIO(file)
    if isinstance(image, Image.Image):
        return to_pil(made, metadata)
    return made.samples if made.alpha is None else np.dstack([made.samples, made.alpha])


def _unreadable(verdict: Verdict, strength: float) -> ProtectionError:
    """Why a picture cannot be called immunized: its protection does not read back."""
    return ProtectionError(
        f"the protection could not be read back from the picture made (verdict: "
        f"{verdict.verdict}), so nothing was kept; noise and hard black-and-white texture carry "
        f"little: try --strength {min(strength * 1.3, STRENGTHS[1]):.2g} or PNG"
    )


def _psnr_db(before: Pixels, after: Pixels) -> float:
    error = 0.0
    for top in range(0, len(before), PSNR_ROWS):  # of a whole large picture, floats take gigabytes
        rows = slice(top, top + PSNR_ROWS)
        difference = before[rows].astype(np.int16) - after[rows]
        error += float(np.square(difference, dtype=np.float32).sum(dtype=np.float64))
    return float(10 * np.log10(255**2 / max(error / before.size, 1e-10)))
