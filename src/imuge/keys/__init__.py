"""Keys and all that is drawn from them: template, permutations, reading (docs/protocol.md)."""

from imuge.keys.files import read_key, write_key
from imuge.keys.folder import (
    create_default,
    find_key,
    key_folder,
    key_path,
    list_keys,
    scan_keys,
    store_key,
)
from imuge.keys.key import Key, new_key, verify_only
from imuge.keys.message import Geometry, Message, message_bits, new_image_id
from imuge.keys.reading import (
    PRESENCE_THRESHOLD,
    Reading,
    guessed_beacon,
    layout_agreement,
    read,
)
from imuge.keys.streams import permutation, signs, tile_permutations
from imuge.keys.template import (
    DESCRIPTIONS,
    TEMPLATE_CHANNELS,
    beacon,
    code_permutations,
    code_signs,
    template,
)

__all__ = [
    "DESCRIPTIONS",
    "PRESENCE_THRESHOLD",
    "TEMPLATE_CHANNELS",
    "Geometry",
    "Key",
    "Message",
    "Reading",
    "beacon",
    "code_permutations",
    "code_signs",
    "create_default",
    "find_key",
    "guessed_beacon",
    "key_folder",
    "key_path",
    "layout_agreement",
    "list_keys",
    "message_bits",
    "new_image_id",
    "new_key",
    "permutation",
    "read",
    "read_key",
    "scan_keys",
    "signs",
    "store_key",
    "template",
    "tile_permutations",
    "verify_only",
    "write_key",
]
