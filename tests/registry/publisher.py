"""A process that publishes files, run by the tests: publisher.py URL KEY FOLDER FIRST COUNT STAGE.

STAGE says where it kills itself in its last publication: staged, recorded, committed, placed; or
"never". After each file it says so on its output.
"""

import os
import signal
import sys
from pathlib import Path

from registry_samples import picture

from imuge import files
from imuge.registry import Registry, publication
from imuge.registry import registry as registry_module


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def arm(stage):
    """Let the process be killed at one point of the next publication."""
    if stage == "staged":  # the file is written, nothing is recorded
        Registry.publish = die
    elif stage == "recorded":  # inside the transaction, all of it written
        registry_module._keep = die
    elif stage == "committed":  # recorded, and the file has no name yet
        files.put_in_place = die
    elif stage == "placed":  # the file is there, its receipt is not
        publication.write_atomically = die


def main(url, key, folder, first, count, stage):
    with Registry.open(url, key_file=Path(key)) as registry:
        for number in range(int(first), int(first) + int(count)):
            if number == int(first) + int(count) - 1:
                arm(stage)
            data = f"published {number}".encode() * 500
            path = Path(folder) / f"{number}.jpg"
            publication.publish_file(registry, picture(number, data=data), data, path)
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


main(*sys.argv[1:])
