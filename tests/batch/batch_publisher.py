"""A batch that publishes and kills itself: batch_publisher.py STAGE NUMBER ARGUMENT...

STAGE says where, at its NUMBERth picture: staged, recorded, committed, journaled or placed. The
work is done in this process, so that the moment can be chosen; the order is the product's own.
"""

import os
import signal
import sys
from itertools import count

from inline_pool import Inline

from imuge.batch import local, publishing
from imuge.batch.journal import Journal
from imuge.batch.output_folder import OutputFolder
from imuge.cli.app import app
from imuge.registry import Registry
from imuge.registry import registry as registry_module


def dying(function, number, *, after):
    """`function`, and at its call of this number the end: before it, or when it is done."""
    calls = count(1)

    def call(*arguments, **options):
        last = next(calls) == number
        if last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **options)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return call


def arm(stage, number):
    if stage == "staged":  # the file is staged, nothing is recorded
        Registry.publish = dying(Registry.publish, number, after=False)
    elif stage == "recorded":  # inside the transaction, all of it written
        registry_module._keep = dying(registry_module._keep, number, after=True)
    elif stage == "committed":  # in the registry, and in no manifest
        Registry.publish = dying(Registry.publish, number, after=True)
    elif stage == "journaled":  # in the manifest, the file has no name yet
        Journal.append = dying(Journal.append, number, after=True)
    elif stage == "placed":  # the file is there, its receipt is not
        publishing.write_atomically = dying(publishing.write_atomically, number, after=False)
    else:
        assert stage == "shown"  # all of it is there but the rest of the batch
        OutputFolder.drop_note = dying(OutputFolder.drop_note, number + 1, after=False)


local.Pool = Inline
arm(sys.argv[1], int(sys.argv[2]))
app(sys.argv[3:])
