"""`imuge attack`: do to a picture what others may do, and keep the truth about it."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from imuge.attacks.masks import Mask
from imuge.attacks.resave import (
    EXAMPLE,
    PLATFORMS,
    Step,
    carried,
    parse_chain,
    resave,
    resave_to_bytes,
)
from imuge.attacks.retouch import KINDS, tamper
from imuge.cli.terminal import (
    STREAM,
    one_sentence,
    read_source,
    refuse_existing,
    say,
    write_output,
)
from imuge.errors import ConfigError, shown
from imuge.image import SUFFIXES, Limits, encode, format_for, from_array, load
from imuge.report.pictures import png
from imuge.results import Pixels

Source = Annotated[
    Path,
    # Not checked by click: a file that cannot be read is a failure (1), not wrong usage (2).
    typer.Argument(metavar="IN", readable=False, help="A picture; - is standard input."),
]
OutputOption = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="OUT", readable=False, help="A file, or - for standard output."
    ),
]
TamperOption = Annotated[
    str | None,
    typer.Option(
        "--tamper",
        metavar="KIND",
        help=f"What to do: {', '.join(KINDS)}. splice:OTHER pastes from the picture OTHER.",
    ),
]
AreaOption = Annotated[
    float, typer.Option(metavar="SHARE", help="How much of the picture to change, up to 0.9.")
]
ShapeOption = Annotated[
    str, typer.Option(metavar="SHAPE", help="Of the change: blob, box, ellipse, stroke or object.")
]
SeedOption = Annotated[
    int, typer.Option(metavar="N", min=0, help="The same seed makes the same changes.")
]
MaskOption = Annotated[
    Path | None,
    typer.Option(
        metavar="M",
        readable=False,
        help="Also write the truth, a PNG: 255 where --tamper changed the picture, moved as "
        "--then moves it.",
    ),
]
ThenOption = Annotated[
    str | None,
    typer.Option(
        metavar="CHAIN",
        help="Then re-save, scale, cut, turn or filter with real encoders, step by step, such as "
        f"{EXAMPLE}, or as on {', '.join(PLATFORMS)}. crop:0.6 keeps that share of each side, "
        "rotate:90 turns clockwise, flip mirrors, stretch:1.2 widens, pad:8 lays a white rim "
        "around, screenshot and page:0.7 show it on a phone and on a page.",
    ),
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace output files that exist.")
]


@one_sentence
def attack(
    source: Source,
    output: OutputOption,
    tampering: TamperOption = None,
    area: AreaOption = 0.1,
    shape: ShapeOption = "blob",
    seed: SeedOption = 0,
    mask_out: MaskOption = None,
    then: ThenOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Change a picture as others might.

    For trying out what `imuge verify` finds: --tamper changes part of the picture, --then
    treats all of it as the internet does. Give either or both.
    """
    if tampering is None and then is None:
        raise ConfigError("there is nothing to do; give --tamper KIND, --then CHAIN or both")
    chain = parse_chain(then or "none")
    kind, other = _parse_tampering(tampering)
    _check_outputs(output, mask_out, overwrite=overwrite)
    pixels = load(read_source(source), limits=Limits(min_side=1)).pixels
    mask: Mask = np.zeros(pixels.shape[:2], np.bool_)
    if kind is not None:
        donor = None if other is None else load(other, limits=Limits(min_side=1)).pixels
        rng = np.random.default_rng(seed)
        forged = tamper(pixels, kind, area=area, shape=shape, rng=rng, other=donor)
        pixels, mask = forged.picture, forged.mask
    write_output(output, _attacked_file(pixels, output, chain, seed), overwrite=overwrite)
    if mask_out is not None:
        moved = carried(mask, chain, seed=seed)
        truth = png(np.where(moved, np.uint8(255), np.uint8(0)))
        write_output(mask_out, truth, overwrite=overwrite)
    if output != STREAM:
        say(
            f"{shown(output)}: {mask.mean():.1%} of the picture changed; re-saved: {then or 'none'}"
        )


def _parse_tampering(text: str | None) -> tuple[str | None, Path | None]:
    """The kind, and the picture to paste from."""
    if text is None:
        return None, None
    kind, colon, other = text.partition(":")
    if kind not in KINDS:
        raise ConfigError(f"unknown kind of tampering {kind!r}; known are {', '.join(KINDS)}")
    if kind == "splice":
        if not other:
            raise ConfigError("splice needs a picture to paste from: --tamper splice:OTHER")
        return kind, Path(other)
    if colon:
        raise ConfigError(f"{kind} takes nothing after a colon, got {text!r}")
    return kind, None


def _check_outputs(output: Path, mask_out: Path | None, *, overwrite: bool) -> None:
    """Refuse outputs that cannot be written, before anything is computed."""
    if mask_out == output:
        raise ConfigError("-o and --mask-out are the same; give two names")
    if mask_out is not None:
        if mask_out != STREAM and mask_out.suffix.lower() != ".png":
            raise ConfigError(f"the mask is a PNG; end its name in .png, got {mask_out}")
        refuse_existing(mask_out, overwrite=overwrite)
    if output != STREAM:
        format_for(output)
        refuse_existing(output, overwrite=overwrite)


def _attacked_file(pixels: Pixels, output: Path, chain: tuple[Step, ...], seed: int) -> bytes:
    """The bytes that the chain's last encoder wrote, where the output's name agrees with it."""
    made = resave_to_bytes(pixels, chain, seed=seed)
    if output == STREAM or format_for(output) == SUFFIXES[made.suffix]:
        return made.data
    picture = from_array(resave(pixels, chain, seed=seed), limits=Limits(min_side=1))
    return encode(picture, format=format_for(output))
