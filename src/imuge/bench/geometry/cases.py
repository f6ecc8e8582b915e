"""What is done to copies in the study of geometry, and what was asked for.

    published ─ a tenth of what will be shown is spliced ─► moved ─► processed ─► verified

Beside each move stands the same processing without it: what is lost there is the geometry's doing.
"""

from dataclasses import dataclass

from imuge.bench.pictures import Group
from imuge.protection.places import Search


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One way in which a copy comes back.

    Attributes:
        name: What the table calls it.
        chain: Steps that move pixels; `{turn}` is a turn of up to 4°, another for each picture.
        process: What is done then.
        search: How far is looked for the copy.
        read: Of ten pictures, how many messages should be read.
        loss: How much less F1 than without the move is allowed.
    """

    name: str
    chain: str
    process: str = "jpeg:75"
    search: Search = "quick"
    read: float = 10.0
    loss: float = 0.02

    def steps(self, number: int) -> str:
        """The chain for the picture of this number."""
        return self.chain.format(turn=TURNS[number % len(TURNS)])


TURNS = (4, -3, 2, -1, 3, -4, 1, -2, 3.5, -2.5)  # degrees
SMALLER = "long-edge:1080"

MOVES: dict[Group, tuple[Move, ...]] = {
    "large": (
        Move(name="cut to 0.8 of each side", chain="crop:0.8", loss=0.02),
        Move(name="cut to 0.6", chain="crop:0.6", loss=0.03),
        Move(name="cut to 0.4", chain="crop:0.4", read=9, loss=0.06),
        Move(
            name="cut to 0.6, turned by up to 4°, 1080 pixels",
            chain="crop:0.6,rotate:{turn}," + SMALLER,
            process="jpeg:50",
            search="full",
            read=9,
            loss=0.05,
        ),
        Move(name="turned by 90°", chain="rotate:90"),
        Move(name="mirrored", chain="flip"),
        Move(name="stretched by 1.2", chain="stretch:1.2", search="full"),
        Move(name="on a page, at 0.7 of it", chain="page:0.7", search="full", read=9, loss=0.04),
    ),
    "validation": (
        Move(name="cut to 0.8 of each side", chain="crop:0.8", read=29 / 3, loss=0.04),
        Move(name="cut to 0.6", chain="crop:0.6", read=27 / 3, loss=0.08),
    ),
}
CORNER_ERROR = 0.3  # frame pixels, the median
SEARCH_SECONDS = 0.5  # that a quick search may add for one key
KEYS, KEYS_SECONDS = 20, 5.0  # keys, and what they may add together
FEW_KEYS = 4  # that unprotected crops are looked through with, of which there are many
