#!/usr/bin/env python3
"""Record what the released networks compute, for tests/model/test_vectors.py.

    python scripts/golden_vectors.py

One picture, its template, the places of its code and a forged part stay as they are recorded; all
that networks make of them is computed anew. Run it for a release with new networks, and never to
make a test pass: for the same networks it must find the file as it left it. The first recording was
of `lab.r3`, by the prototype that trained it, so this code is known to compute as that one did.
Needs the extra [train].
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import max_pool2d

from imuge.files import write_atomically
from imuge.model.imuge.payload import gather_code, scatter_code
from imuge.model.imuge.system import System
from imuge.weights import release_folder

FILE = Path(__file__).parents[1] / "tests" / "golden" / "vectors.npz"


@torch.no_grad()
def main() -> None:
    """Compute, and replace the file."""
    system = System.load(release_folder())
    with np.load(FILE) as vectors:
        old = {name: torch.from_numpy(vectors[name])[None] for name in vectors.files}
    new = {name: old[name] for name in ("image", "permutation", "template", "mask")}
    image = old["image"].permute(0, 3, 1, 2).float() / 255
    new["code"] = system.encode(image)
    template = old["template"].float()
    new["payload"] = torch.cat([scatter_code(new["code"], old["permutation"]), template], 1)
    new["immunized"], new["null"] = system.embed(image, new["payload"], torch.tensor(1.0))
    # What was done to the picture is done to the new one.
    done = old["attacked"] - old["immunized"]
    new["attacked"] = (new["immunized"] + done).clamp(0, 1).where(old["mask"] == 0, old["attacked"])
    new["revealed"] = system.reveal(new["attacked"])
    new["logits"] = system.localize(new["attacked"], new["revealed"], template)
    mask = old["mask"].float()
    numbers = len(new["code"][0])
    codes = gather_code(
        new["revealed"][:, :numbers],
        max_pool2d(mask, 8),
        old["permutation"].argsort(-1),
        descriptions=system.config.descriptions,
    )
    new["recovered"] = system.recover(new["attacked"], mask, codes)
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {name: tensor[0].numpy() for name, tensor in new.items()}
    np.savez_compressed(buffer, **arrays)
    write_atomically(FILE, buffer.getvalue(), overwrite=True)


if __name__ == "__main__":
    main()
