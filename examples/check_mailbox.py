"""Verify every picture attached to the messages of a mailbox: `python check_mailbox.py MAILBOX`.

MAILBOX is an mbox file or a Maildir folder. It is only read. The exit status is 1 where any picture
was tampered with, so that a mail filter can act on it.
"""

import sys
from collections.abc import Iterator
from mailbox import Mailbox, Maildir, mbox
from pathlib import Path

from imuge import Guard, ImageError, Verdict


def pictures(box: Mailbox) -> Iterator[tuple[str, str, bytes]]:
    """Sender, name and content of every picture in a mailbox."""
    for message in box:
        for part in message.walk():
            content = part.get_payload(decode=True)
            if part.get_content_maintype() == "image" and isinstance(content, bytes):
                yield str(message["from"]), part.get_filename() or "unnamed", content


def check(box: Mailbox, guard: Guard) -> Iterator[tuple[str, str, Verdict]]:
    """The verdict on every picture that can be read."""
    for sender, name, content in pictures(box):
        try:
            verdict = guard.verify(content, recover=False)
        except ImageError as error:
            print(f"{sender}, {name}: {error}", file=sys.stderr)
        else:
            yield sender, name, verdict


def main(arguments: list[str]) -> int:
    """Run with the path of a mailbox."""
    (path,) = map(Path, arguments)
    box = Maildir(path, create=False) if path.is_dir() else mbox(path, create=False)
    found = set()
    for sender, name, verdict in check(box, Guard()):
        print(f"{sender}, {name}: {verdict.sentence}")
        found.add(verdict.verdict)
    return 1 if "tampered" in found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
