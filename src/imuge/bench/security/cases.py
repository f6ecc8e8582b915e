"""The cases of `imuge bench security`: who does what, what the verdict should be, what would harm.

Every generator gives the cases of one picture. A verdict that is neither what it should be nor
harmful tells less than it could.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from imuge.attacks.masks import draw_mask
from imuge.attacks.resave import parse_chain, resave
from imuge.attacks.retouch import tamper
from imuge.bench.contestants import Published, ReleaseContestant
from imuge.bench.framing import FRAMED_AREA
from imuge.bench.grid.entrants import bench_key
from imuge.bench.scores import Mask
from imuge.bench.security.forgeries import (
    Denoiser,
    Residual,
    add,
    embed_revealed,
    estimated_residual,
    moved,
    paste,
    patchwork,
)
from imuge.engine import Engine
from imuge.engine.canvas import BLOCK
from imuge.errors import ProtectionError
from imuge.keys import Key, Message, verify_only
from imuge.results import Pixels, RegionKind

CHAINS = ("none", "jpeg:75")
DENOISERS: tuple[Denoiser, ...] = ("Wiener", "median")
GAINS = (1, 2, 4)
AVERAGED = (2, 4, 8, 16)  # pictures of one key
PASTED_AREA = 0.2
EDITED_AREAS = (0.01, 0.02, 0.05, 0.1)
FRAMED = {"median of 5 pixels": "median:5", "JPEG 20": "jpeg:20"}
SHIFTS = 7  # pixels, the most that is no whole block
OTHER_KEY_SEED, AGAIN_SEED = 1_000_000, 2_000_000  # apart from those of the pictures

Verdicts: TypeAlias = frozenset[str]
Keys: TypeAlias = tuple[Key, ...]
CLAIMS = frozenset({"intact", "tampered"})  # that it was protected and is known
ACCUSATIONS = frozenset({"tampered", "foreign"})
NO_CLAIM = frozenset({"foreign", "unprotected"})
NOBODY = "nobody attacks"
A_COPY = "a published copy"
CLEAN = "a clean published copy and the public networks"
THE_KEY = "the key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the tables."""

    group: str
    name: str
    words: str  # what it should say, and why
    needs: str  # what an attacker needs for it
    should: Verdicts
    harmful: Verdicts  # verdicts that serve the attacker, or accuse somebody wrongly
    kind: RegionKind | None = None  # of a region that should be there, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One received picture and who looks at it."""

    row: Row
    received: Pixels | None  # None: the attack could not be made
    keys: Keys
    # (H, W), True = tampered, given the image id that was read; None: there is nothing to locate
    true: Callable[[int | None], Mask] | None = None


def strangers_key() -> Key:
    """Of somebody else who protects pictures."""
    return Key.from_secret("stranger", bytes(reversed(range(32))))


@dataclass(frozen=True, slots=True)
class Gallery:
    """The pictures, published under two keys; each is made when first needed, always the same."""

    engine: Engine
    pictures: list[Pixels]
    key: Key = field(default_factory=bench_key)
    other_key: Key = field(default_factory=strangers_key)
    _made: dict[tuple[str, int], Published[Message]] = field(default_factory=dict)

    def published(self, number: int) -> Published[Message]:
        """A picture under the key; numbers go round."""
        return self._publish(self.key, number % len(self.pictures), 0)

    def of_other_key(self, number: int) -> Published[Message]:
        """A picture under the other key."""
        return self._publish(self.other_key, number % len(self.pictures), OTHER_KEY_SEED)

    def original(self, number: int) -> Pixels:
        """A picture that was never protected."""
        return self.pictures[number % len(self.pictures)]

    def again(self, received: Pixels, key: Key, number: int) -> Pixels | None:
        """Immunize what was published once more, as `--replace` does; None: it cannot be."""
        maker = ReleaseContestant(self.engine, key, shipped=True)
        try:
            return maker.immunize(received, seed=AGAIN_SEED + number).pixels
        except ProtectionError:
            return None

    def _publish(self, key: Key, number: int, seed: int) -> Published[Message]:
        if (key.name, number) not in self._made:
            maker = ReleaseContestant(self.engine, key, shipped=True)
            made = maker.immunize(self.pictures[number], seed=seed + number)
            self._made[key.name, number] = made
        return self._made[key.name, number]


def _processed(picture: Pixels) -> Iterator[tuple[str, Pixels]]:
    for chain in CHAINS:
        yield ("" if chain == "none" else f", {chain}"), resave(picture, parse_chain(chain))


def _pasted_mask(picture: Pixels, *seed: int) -> Mask:
    height, width = picture.shape[:2]
    return draw_mask("blob", height, width, PASTED_AREA, np.random.default_rng(seed))


def wrong_key(gallery: Gallery, i: int) -> Iterator[Case]:
    """Somebody looks with a key that the picture was not protected with."""
    for suffix, received in _processed(gallery.published(i).pixels):
        row = Row(
            group="wrong key",
            name=f"protected with another key{suffix}",
            words="unprotected: nothing of this key is there",
            needs=NOBODY,
            should=frozenset({"unprotected"}),
            harmful=CLAIMS | {"foreign", "degraded"},
        )
        yield Case(row=row, received=received, keys=(gallery.other_key,))


def copy_attack(gallery: Gallery, i: int) -> Iterator[Case]:
    """What one picture's protection seems to be is added to another."""
    published, target = gallery.published(i).pixels, gallery.original(i + 1)

    def case(name: str, received: Pixels, needs: str = A_COPY) -> Case:
        row = Row(
            group="copy attack",
            name=name,
            words="foreign, or unprotected where too little came along",
            needs=needs,
            should=NO_CLAIM,
            harmful=CLAIMS,
        )
        return Case(row=row, received=received, keys=(gallery.key,))

    exact = published.astype(np.float32) - gallery.original(i)
    for suffix, received in _processed(add(target, exact)):
        needs = "a clean published copy and its original"
        yield case(f"difference known exactly{suffix}", received, needs)
    for how in DENOISERS:
        residual = estimated_residual(published, how)
        for gain in GAINS:
            yield case(f"{how}, gain {gain}", add(target, residual, gain))
        worn = resave(add(target, residual), parse_chain("jpeg:75"))
        yield case(f"{how}, gain 1, jpeg:75", worn)


def collage(gallery: Gallery, i: int) -> Iterator[Case]:
    """Pieces of protected pictures, put together where they lay."""
    first = gallery.published(i)
    mask = _pasted_mask(first.pixels, 3, i)
    donors = {"same key": gallery.published, "other key": gallery.of_other_key}
    for name, donor in donors.items():
        for suffix, received in _processed(paste(first.pixels, donor(i + 1).pixels, mask)):
            row = Row(
                group="collage",
                name=f"a piece of another picture, {name}{suffix}",
                words="tampered, with the pasted piece as its region",
                needs=f"two published pictures, {name}",
                should=frozenset({"tampered"}),
                harmful=frozenset({"intact"}),
            )
            yield Case(row=row, received=received, keys=(gallery.key,), true=lambda _id: mask)
    for name, donor in donors.items():
        yield from _patchworks(gallery, name, [first, *(donor(i + n) for n in (1, 2, 3))])


def _patchworks(gallery: Gallery, name: str, sources: list[Published[Message]]) -> Iterator[Case]:
    picture, source = patchwork([one.pixels for one in sources])

    def true(image_id: int | None) -> Mask:
        """All that is not of the picture that was recognized; of none: of the first."""
        ids = [one.secret.image_id for one in sources]
        known = image_id if image_id in ids and name == "same key" else ids[0]
        return np.array([one != known for one in ids])[source]

    for suffix, received in _processed(picture):
        row = Row(
            group="collage",
            name=f"four quarters of four pictures, {name}{suffix}",
            words="tampered outside the picture that is recognized, or foreign",
            needs=f"four published pictures, {name}",
            should=frozenset({"tampered", "foreign"}),
            harmful=frozenset({"intact"}),
        )
        yield Case(row=row, received=received, keys=(gallery.key,), true=true)


def averaging(gallery: Gallery, i: int) -> Iterator[Case]:
    """The mean residual of many pictures of one key, added to another or taken from one of it."""
    others = [n for n in range(len(gallery.pictures)) if n != i]
    for count in (n for n in AVERAGED if n <= len(others)):
        chosen = [others[(i + k) % len(others)] for k in range(count)]
        found = [estimated_residual(gallery.published(n).pixels, "Wiener") for n in chosen]
        mean: Residual = sum(found[1:], found[0]) / np.float32(count)
        for gain in (1, count):
            yield Case(
                row=Row(
                    group="averaging",
                    name=f"mean of {count}, gain {gain}, added to a picture never protected",
                    words="unprotected: it was never protected, and no message survives the mean",
                    needs=f"{count} published pictures of one key",
                    should=NO_CLAIM,
                    harmful=CLAIMS,
                ),
                received=add(gallery.original(i), mean, gain),
                keys=(gallery.key,),
            )
            yield Case(
                row=Row(
                    group="averaging",
                    name=f"mean of {count}, gain {gain}, taken from a protected picture",
                    words="intact: the mean of others is not its own; removal cannot be prevented",
                    needs=f"{count} other published pictures of its key",
                    should=frozenset({"intact"}),
                    harmful=frozenset({"unprotected", "degraded", "foreign"}),
                ),
                received=add(gallery.published(i).pixels, mean, -gain),
                keys=(gallery.key,),
            )


def immunized_again(gallery: Gallery, i: int) -> Iterator[Case]:
    """A protected picture is protected once more; without --replace: `security.refusals`."""
    first = gallery.published(i).pixels
    mask = _pasted_mask(first, 4, i)
    forged = paste(first, gallery.original(i + 1), mask)
    intact = frozenset({"intact"})

    def case(name: str, words: str, received: Pixels | None, keys: Keys, good: Verdicts) -> Case:
        needs = "a key of their own" if name.startswith("other key") else THE_KEY
        row = Row(
            group="again", name=name, words=words, needs=needs, should=good, harmful=ACCUSATIONS
        )
        return Case(row=row, received=received, keys=keys)

    key, other = gallery.key, gallery.other_key
    same = gallery.again(first, key, i)
    yield case("same key, --replace", "intact, with the second image id", same, (key,), intact)
    laundered = gallery.again(forged, key, i)
    words = "intact: whoever holds the key can launder; that is what --replace is kept from"
    yield case("tampered, then same key, --replace", words, laundered, (key,), intact)
    both = gallery.again(first, other, i)
    words = "intact: the picture is what the second key protected"
    yield case("other key, seen with it", words, both, (other,), intact)
    words = "what is left of the first protection; no accusation, since nothing else was changed"
    left = frozenset({"intact", "degraded", "unprotected"})
    yield case("other key, seen with the first", words, both, (key,), left)
    words = "intact, with the key of the last protection"
    yield case("other key, seen with both", words, both, (key, other), intact)


def shifts(gallery: Gallery, i: int) -> Iterator[Case]:
    """The picture lies off its grid by less than a block, and by one.

    Each picture is moved by seven of the 49 pairs, so that seven pictures see all of them.
    """
    published = gallery.published(i).pixels
    pairs = [(down, (down + i) % SHIFTS + 1) for down in range(1, SHIFTS + 1)]
    for name, moves in (("1 to 7 pixels both ways", pairs), ("a whole block", [(BLOCK, BLOCK)])):
        row = Row(
            group="shifts",
            name=name,
            words="intact: cutting rows and columns off is a crop, and what is repeated at the "
            "edge is outside of what was published",
            needs=NOBODY,
            should=frozenset({"intact"}),
            harmful=ACCUSATIONS,
        )
        for down, right in moves:
            yield Case(row=row, received=moved(published, down, right), keys=(gallery.key,))


def embedded_again(gallery: Gallery, i: int) -> Iterator[Case]:
    """What a picture carries is revealed and embedded anew, which needs no key."""
    published, target = gallery.published(i).pixels, gallery.original(i + 1)
    engine, key = gallery.engine, gallery.key
    reader = verify_only(key)
    mask = _pasted_mask(published, 5, i)
    forged = paste(published, target, mask)
    foreign = frozenset({"foreign"})
    moved_words = "foreign: the hidden copy shows the first picture"
    for name, own_code, eyes, words in (
        ("all, in another picture", False, key, moved_words),
        ("its signs and the other's own code", True, key, "foreign: that code lies nowhere"),
        (
            "all, in another picture; verify-only key",
            False,
            reader,
            "foreign; such a key cannot read the hidden copy, so it cannot tell",
        ),
    ):
        made = embed_revealed(engine, published, target, own_code=own_code)
        for suffix, received in _processed(made):
            row = Row(
                group="embedded again",
                name=f"{name}{suffix}",
                words=words,
                needs=CLEAN,
                should=foreign,
                harmful=CLAIMS,
            )
            yield Case(row=row, received=received, keys=(eyes,))
    for suffix, received in _processed(embed_revealed(engine, published, forged)):
        row = _edit(
            f"all, over a piece pasted into the same picture{suffix}",
            "tampered: the hidden copy shows what was there, the signs no longer do",
        )
        yield Case(row=row, received=received, keys=(key,), true=_always(mask))
    yield from _own_code_over_edits(gallery, i)


def _own_code_over_edits(gallery: Gallery, i: int) -> Iterator[Case]:
    """Over an edit, its own code and the revealed signs; the code lies unscattered there."""
    published, target = gallery.published(i).pixels, gallery.original(i + 1)
    for area in EDITED_AREAS:
        rng = np.random.default_rng([6, i, round(100 * area)])
        forged = tamper(published, "splice", area=area, rng=rng, other=target)
        made = embed_revealed(
            gallery.engine, published, forged.picture, own_code=True, where=forged.mask
        )
        for suffix, received in _processed(made):
            row = _edit(
                f"its signs and its own code, over an edit of {area:.0%}{suffix}",
                "tampered: the code of the place lies elsewhere and tells what was there",
            )
            yield Case(row=row, received=received, keys=(gallery.key,), true=_always(forged.mask))


def _edit(name: str, words: str) -> Row:
    """An edit over which the protection is embedded again."""
    return Row(
        group="embedded again",
        name=name,
        words=words,
        needs=CLEAN,
        should=frozenset({"tampered"}),
        harmful=frozenset({"intact"}),
    )


def _always(mask: Mask) -> Callable[[int | None], Mask]:
    return lambda _id: mask


def framing(gallery: Gallery, i: int) -> Iterator[Case]:
    """One place of an honest copy is treated so that its protection is lost there."""
    published = gallery.published(i).pixels
    height, width = published.shape[:2]
    place = draw_mask("blob", height, width, FRAMED_AREA, np.random.default_rng([7, i]))
    for name, chain in FRAMED.items():
        treated = paste(published, resave(published, parse_chain(chain)), place)
        for suffix, received in _processed(treated):
            row = Row(
                group="framing",
                name=f"{name} in one place{suffix}",
                words="intact, and the place named protection lost: what is seen was published",
                needs="any copy and a picture editor",
                should=frozenset({"intact"}),
                harmful=ACCUSATIONS,
                kind="protection lost",
            )
            yield Case(row=row, received=received, keys=(gallery.key,))


GROUPS: dict[str, Callable[[Gallery, int], Iterator[Case]]] = {
    "wrong key": wrong_key,
    "copy attack": copy_attack,
    "collage": collage,
    "averaging": averaging,
    "again": immunized_again,
    "shifts": shifts,
    "embedded again": embedded_again,
    "framing": framing,
}
