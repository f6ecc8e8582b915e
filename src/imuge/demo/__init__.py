"""The main job on a bundled photograph, step by step, as a newcomer would do it.

beach.jpg ─ immunize ─► protected.jpg ─ tamper, scale, JPEG ─► suspicious.jpg ─ verify ─► report
"""

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from imuge.attacks.resave import parse_chain, resave_to_bytes
from imuge.attacks.retouch import tamper
from imuge.engine import Progress
from imuge.engine.steps import step
from imuge.files import make_folder, write_atomically
from imuge.guard import Guard
from imuge.image import load
from imuge.keys import new_key, write_key
from imuge.report.write import write_report
from imuge.results import Pixels, Verdict

# Around the palm leaf before the sky, in pixels.
PALM = (
    (1007, 0),
    (1007, 163),
    (1037, 252),
    (1059, 319),
    (1126, 370),
    (1170, 437),
    (1215, 437),
    (1252, 296),
    (1400, 178),
    (1593, 44),
    (1593, 0),
)
AFTERWARDS = "long-edge:1280,jpeg:75"


def host_file() -> bytes:
    """The bundled photograph, a JPEG of 1920x1299 pixels."""
    return (resources.files(__package__) / "beach.jpg").read_bytes()


def host_photograph() -> Pixels:
    """The bundled photograph's pixels, (1299, 1920, 3)."""
    return load(host_file()).pixels


def run_demo(out: Path, *, say: Callable[[str], None], progress: Progress | None = None) -> Verdict:
    """Immunize, tamper, re-save, verify and report; pictures and page are left in `out`.

    Args:
        out: Folder for all files; made if missing. An earlier demo's files are replaced.
        say: Called with a sentence about each step.
        progress: As for `Guard`.

    Raises:
        ImageError: the folder cannot be written.
    """
    make_folder(out)
    original = host_file()
    write_atomically(out / "original.jpg", original, overwrite=True)
    key = new_key("demo")
    write_key(key, out / "demo.key", overwrite=True)
    guard = Guard(key, progress=progress)

    made = guard.immunize(original)
    protected = made.save(out / "protected.jpg", overwrite=True)
    say(f"1. Immunized: {protected} ({made.psnr_db:.1f} dB to the original, verified after saving)")

    pixels = load(protected).pixels
    outline = Image.new("1", pixels.shape[1::-1])
    ImageDraw.Draw(outline).polygon(PALM, fill=1)
    with step(progress, "tamper"):
        forged = tamper(pixels, "inpaint", mask=np.array(outline), rng=np.random.default_rng(0))
    say(f"2. Tampered: a palm leaf was retouched away, {forged.mask.mean():.1%} of the picture")

    suspicious = out / "suspicious.jpg"
    write_atomically(
        suspicious, resave_to_bytes(forged.picture, parse_chain(AFTERWARDS)).data, overwrite=True
    )
    say(f"3. Scaled to 1280 pixels and re-saved as JPEG of quality 75: {suspicious}")

    verdict = guard.verify(suspicious, hidden_copy=True)
    with step(progress, "report"):
        files = write_report(
            verdict, out, suspicious.stem, file_facts={"File": suspicious.name}, overwrite=True
        )
    say(f"4. Verified; open the report in a browser: {files[-1]}")
    return verdict
