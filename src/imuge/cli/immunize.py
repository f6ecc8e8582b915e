"""`imuge immunize`: protect pictures before they are published."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from imuge.cli.keys import KeyOption, keys_to_immunize
from imuge.cli.publish import (
    AlgorithmOption,
    CertOption,
    NoteOption,
    PublisherOption,
    Publishing,
    ReceiptOption,
    RegistryOption,
    SigningKeyOption,
    ThumbnailOption,
    TsaOption,
    publish_options,
)
from imuge.cli.terminal import (
    FAILED,
    STREAM,
    PixelsOption,
    label,
    limits_of,
    one_sentence,
    progress,
    read_source,
    refuse_existing,
    refuse_folder,
    say,
    write_stdout,
)
from imuge.engine.steps import IMMUNIZE, Plan
from imuge.errors import ConfigError, ImageError, shown
from imuge.guard import Guard, check_strength
from imuge.image import SUFFIXES, format_for, load
from imuge.protection.frame import Detail
from imuge.results import Immunized

MetadataChoice = Literal["keep", "no-gps", "none"]

Sources = Annotated[
    list[Path],
    # Not checked by click: a file that cannot be read is a failure (1), not wrong usage (2).
    typer.Argument(metavar="IN", readable=False, help="Pictures to protect; - is standard input."),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        readable=False,
        help="A file, an existing folder, or - for standard output. "
        "[default: NAME.immunized.EXT beside IN]",
    ),
]
StrengthOption = Annotated[
    float,
    typer.Option(
        metavar="F",
        help="From 0.25 to 3, times what is added to the picture: more survives rougher "
        "treatment and is seen sooner.",
    ),
]
DetailOption = Annotated[
    Detail,
    typer.Option(
        help="How fine a change can be found: robust for channels that scale down hard, fine for "
        "those that never scale."
    ),
]
ReplaceOption = Annotated[
    bool,
    typer.Option(
        "--replace",
        help="Immunize again what is protected already; changes made since are then hidden.",
    ),
]
MetadataOption = Annotated[
    MetadataChoice, typer.Option(help="What to keep of EXIF, XMP and the like.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace output files that exist, even IN itself.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ImmunizeOptions:
    """The options that hold for every picture."""

    output: Path | None
    strength: float
    detail: Detail
    replace: bool
    metadata: MetadataChoice
    overwrite: bool


@one_sentence
def immunize(
    sources: Sources,
    output: OutputOption = None,
    key: KeyOption = None,
    strength: StrengthOption = 1.0,
    detail: DetailOption = "normal",
    replace: ReplaceOption = False,
    metadata: MetadataOption = "keep",
    overwrite: OverwriteOption = False,
    registry: RegistryOption = False,
    receipt: ReceiptOption = False,
    publisher: PublisherOption = "",
    note: NoteOption = "",
    thumbnail: ThumbnailOption = False,
    c2pa_cert: CertOption = None,
    c2pa_key: SigningKeyOption = None,
    c2pa_tsa: TsaOption = None,
    c2pa_alg: AlgorithmOption = None,
    max_megapixels: PixelsOption = None,
) -> None:
    """Protect pictures before you publish them.

    Each picture gets an invisible watermark that holds its own recovery data, written with your
    key (the one named default unless you give --key; the first run makes it). Publish the output
    and keep the key: `imuge verify` then tells where a copy was changed.

    Every output is read back and verified before it is written.
    """
    _check_outputs(sources, output)
    check_strength(strength)
    options = _ImmunizeOptions(
        output=output,
        strength=strength,
        detail=detail,
        replace=replace,
        metadata=metadata,
        overwrite=overwrite,
    )
    publishing = Publishing(
        publish_options(
            registry=registry,
            receipt=receipt,
            publisher=publisher,
            note=note,
            thumbnail=thumbnail,
            signing=(c2pa_cert, c2pa_key, c2pa_tsa, c2pa_alg),
        )
    )
    _refuse_if_none_is_there(sources)  # before a first key is made
    keys = keys_to_immunize(key)
    failed = False
    with progress(len(sources), Plan(IMMUNIZE)) as steps, publishing:
        guard = Guard(keys, limits=limits_of(max_megapixels), progress=steps.step)
        for source in sources:
            with steps.file(source) as outcome:
                _immunize_one(guard, source, options, publishing)
            failed |= outcome.error is not None
    if failed:
        raise typer.Exit(FAILED)


def _check_outputs(sources: list[Path], output: Path | None) -> None:
    """Refuse combinations of inputs and outputs that cannot work, before anything is computed."""
    folder = output is not None and output != STREAM and output.is_dir()
    if len(sources) == 1:
        if sources == [STREAM] and (output is None or folder):
            raise ConfigError("standard input has no name of its own; give -o FILE, or -o -")
        return
    if STREAM in sources:
        raise ConfigError("- (standard input) stands alone; give it without other pictures")
    if output is not None and not folder:
        raise ConfigError(f"several pictures need an existing folder for -o, got {output}")
    targets = [_target(source, output) for source in sources]
    if twice := sorted({str(target) for target in targets if targets.count(target) > 1}):
        raise ConfigError(f"two pictures would be written to {twice[0]}; immunize them apart")


def _refuse_if_none_is_there(sources: list[Path]) -> None:
    """Say that there is nothing to do.

    Raises:
        ImageError: no source exists.
    """
    if not any(source == STREAM or source.exists() for source in sources):
        names = ", ".join(map(str, sources))
        raise ImageError(f"cannot read {names}: there is no such file")


def _target(source: Path, output: Path | None) -> Path:
    if output is None:
        return source.parent / f"{source.stem}.immunized{source.suffix}"
    return output / source.name if output != STREAM and output.is_dir() else output


def _immunize_one(
    guard: Guard, source: Path, options: _ImmunizeOptions, publishing: Publishing
) -> None:
    refuse_folder(source, "immunize")
    target = _target(source, options.output)
    refuse_existing(target, overwrite=options.overwrite)
    publishing.check(target, overwrite=options.overwrite)
    if target == STREAM:
        chosen = None
    elif target == options.output:
        chosen = format_for(target)
    else:  # a name made from the input's; where its ending means nothing, so does this one's
        chosen = SUFFIXES.get(target.suffix.lower())
    given = read_source(source)
    picture = load(given, limits=guard.limits)

    def make() -> Immunized[bytes]:
        return guard.immunize(
            picture,
            options.strength,
            detail=options.detail,
            replace=options.replace,
            format=chosen,
            metadata=options.metadata,
        )

    if publishing.wanted:
        for line in publishing.publish(
            picture,
            given,
            source,
            target,
            make,
            metadata=options.metadata,
            overwrite=options.overwrite,
        ):
            say(line)
        return
    made = make()
    for warning in made.warnings:
        say(f"{label(source)}: {warning}")
    if target == STREAM:
        write_stdout(made.image)
        return
    made.save(target, overwrite=options.overwrite)
    say(
        f"{shown(target)}: immunized with key {made.key_name} ({made.key_id}), "
        f"image {made.image_id}, {made.psnr_db:.1f} dB; read back and intact"
    )
