"""`imuge serve` and `imuge tokens`: the service and who may ask it. Needs the extra `[serve]`."""

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import typer

from imuge.cli.keys import KeyOption, keys_to_immunize
from imuge.cli.provenance import TrustOption, ask_options
from imuge.cli.publish import (
    AlgorithmOption,
    CertOption,
    PublisherOption,
    SigningKeyOption,
    ThumbnailOption,
    TsaOption,
    publish_options,
)
from imuge.cli.terminal import one_sentence, say
from imuge.engine.engine import available_threads
from imuge.errors import ConfigError, ImugeError, to_install

MEGABYTE = 2**20
LOOPBACK_NAMES = {"localhost"}

RoleChoice = Literal["verify-coarse", "verify", "immunize", "metrics"]
TokenFileOption = Annotated[
    Path,
    typer.Option("--file", metavar="FILE", readable=False, help="The file of tokens."),
]

tokens_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make, list and remove API tokens of the service.\n\nThe file holds hashes: a token is "
    "shown once, when it is made. A running service notices changes at once.",
)


@one_sentence
def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="N", min=0, max=65535, help="0 takes a free one.")
    ] = 8000,
    key: KeyOption = None,
    tokens: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", readable=False, help="Who may ask (imuge tokens); default: everybody."
        ),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Without --tokens, listen beyond this machine anyway."),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="A name that the service goes by; may be repeated, * is any."
        ),
    ] = None,
    proxy_headers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="A proxy, or network of them, whose X-Forwarded-For is believed; may be repeated.",
        ),
    ] = None,
    registry: Annotated[
        bool,
        typer.Option(
            "--registry", help="Record what is immunized in your registry, and ask it of copies."
        ),
    ] = False,
    publisher: PublisherOption = "",
    thumbnail: ThumbnailOption = False,
    c2pa_cert: CertOption = None,
    c2pa_key: SigningKeyOption = None,
    c2pa_tsa: TsaOption = None,
    c2pa_alg: AlgorithmOption = None,
    trust: TrustOption = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=64, help="Pictures worked on at once.")
    ] = 1,
    threads: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Processor threads a worker; default: all, shared."),
    ] = None,
    memory: Annotated[
        int, typer.Option(metavar="MB", min=0, help="Most memory of a worker; 0: no limit.")
    ] = 6144,
    max_megabytes: Annotated[
        int, typer.Option(metavar="N", min=1, max=512, help="Largest file taken.")
    ] = 64,
    max_megapixels: Annotated[
        float, typer.Option(metavar="N", min=0.02, help="Largest picture taken.")
    ] = 24.4,
    queue: Annotated[
        int, typer.Option(metavar="N", min=0, help="Pictures that may wait; then 429.")
    ] = 16,
    timeout: Annotated[
        float, typer.Option(metavar="S", min=1, help="Longest time for one picture.")
    ] = 600,
    rate: Annotated[
        float,
        typer.Option(metavar="N", min=0, help="Pictures a minute, for each token and address."),
    ] = 60,
    keep: Annotated[
        float, typer.Option(metavar="S", min=1, help="How long a finished job is kept.")
    ] = 600,
    grace: Annotated[
        float, typer.Option(metavar="S", min=0, help="After SIGTERM, time for jobs to finish.")
    ] = 60,
) -> None:
    """Run the service: a page to try, and HTTP for programs.

    Listens on this machine alone unless told otherwise. Nothing is written to disk. Logs, one
    JSON line a request, go to standard error. SIGTERM lets running jobs finish.
    """
    try:
        from imuge.serve.app import create_app
        from imuge.serve.desk import DeskSettings
        from imuge.serve.limits import Limits
        from imuge.serve.server import bind
        from imuge.serve.server import serve as run
        from imuge.serve.settings import GuardSettings
    except ModuleNotFoundError as error:
        raise _not_installed(error) from error
    _check_exposure(host, tokens, insecure=insecure)
    limits = Limits(
        max_bytes=max_megabytes * MEGABYTE,
        max_pixels=_pixels(max_megapixels),
        workers=workers,
        queue=queue,
        job_timeout_s=timeout,
        memory_bytes=memory * MEGABYTE,
        keep_s=keep,
        jobs_per_minute=rate,
        grace_s=grace,
    )
    publish = publish_options(
        registry=registry,
        receipt=False,
        publisher=publisher,
        note="",
        thumbnail=thumbnail,
        signing=(c2pa_cert, c2pa_key, c2pa_tsa, c2pa_alg),
    )
    desk = DeskSettings(publish=publish, ask=ask_options(registry=registry, trust=trust))
    settings = GuardSettings(
        keys=tuple(keys_to_immunize(key)), threads=threads or _share_of_threads(workers)
    )
    names = frozenset([*(allow_host or []), *([] if _is_address(host) else [host])])
    app = create_app(settings, limits, tokens=tokens, hosts=names, desk=desk)
    listener = bind(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}"
    run(
        app,
        listener,
        trusted_proxies=proxy_headers or (),
        on_start=lambda: say(f"imuge listens on {address} (Ctrl-C ends it)"),
    )


def _check_exposure(host: str, tokens: Path | None, *, insecure: bool) -> None:
    """Refuse to let everybody in a network in by mistake."""
    if tokens is not None or insecure or _is_loopback(host):
        return
    raise ConfigError(
        f"{host} can be reached from other machines and there are no tokens; make some with "
        "imuge tokens new and give --tokens FILE (or --insecure, which lets everybody in)"
    )


def _is_loopback(host: str) -> bool:
    if host.lower() in LOOPBACK_NAMES:
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _pixels(megapixels: float) -> int:
    """The limit in pixels; 24.4 megapixels, as people round it, is the 24-megapixel frame."""
    from imuge.serve.limits import MAX_PIXELS

    wanted = round(megapixels * 1e6)
    return MAX_PIXELS if abs(wanted - MAX_PIXELS) < 50_000 else wanted


def _share_of_threads(workers: int) -> int:
    """Each worker's share of the processors: more threads than those only wait for each other."""
    return max(1, available_threads() // workers)


def _not_installed(error: ModuleNotFoundError) -> ImugeError:
    return ImugeError(
        f"the service needs {error.name}, which is not installed: {to_install('serve')}"
    )


@tokens_app.command("new")
@one_sentence
def tokens_new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Whose it is; the log shows this name.")
    ],
    file: TokenFileOption,
    role: Annotated[
        RoleChoice,
        typer.Option(help="What it may; each includes those before it, but metrics is alone."),
    ] = "verify",
) -> None:
    """Make a token and show it, once."""
    from imuge.serve.tokens import new_token, read_tokens, write_tokens

    held = read_tokens(file) if file.exists() else ()
    if any(token.name == name for token in held):
        raise ConfigError(f"{file} has a token {name} already; remove it, or use another name")
    text, token = new_token(name, role)
    write_tokens(file, (*held, token))
    typer.echo(text)
    say(f"{name} ({role}) is in {file}. The token is not shown again.")


@tokens_app.command("list")
@one_sentence
def tokens_list(file: TokenFileOption) -> None:
    """List the tokens: name, role and when they were made."""
    from imuge.serve.tokens import read_tokens

    for token in read_tokens(file):
        typer.echo(f"{token.name}  {token.role}  {token.created:%Y-%m-%d}")


@tokens_app.command("remove")
@one_sentence
def tokens_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The token to remove.")],
    file: TokenFileOption,
) -> None:
    """Remove a token; the running service refuses it from then on."""
    from imuge.serve.tokens import read_tokens, write_tokens

    held = read_tokens(file)
    kept = tuple(token for token in held if token.name != name)
    if len(kept) == len(held):
        raise ConfigError(f"{file} has no token {name}; imuge tokens list shows those it has")
    write_tokens(file, kept)
    say(f"{name} is out of {file}.")
