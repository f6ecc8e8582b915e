"""A walk through imuge, cell by cell: `python walk.py PHOTO`, or open it in a notebook editor.

It leaves published.png, forged.jpg, changed.png and before.png beside each other.
"""

# %% What is needed: the library, and Pillow and numpy to play the forger.
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from imuge import Guard
from imuge.keys import new_key

photo = Path(sys.argv[1])
guard = Guard(new_key("walk"))  # a key for this walk only; `imuge keys new` keeps one

# %% Publish: the picture hides its own recovery data in itself.
original = np.asarray(Image.open(photo).convert("RGB"))
made = guard.immunize(original)
Image.fromarray(made.image).save("published.png")
print(f"published as {made.image_id}, {made.psnr_db:.1f} dB from the original")

# %% A platform scales it down and saves it again. That is no tampering.
small = Image.fromarray(made.image)
small = small.resize((small.width * 9 // 10, small.height * 9 // 10), Image.Resampling.LANCZOS)
small.save("copy.jpg", quality=80)
print(guard.verify("copy.jpg").sentence)

# %% Somebody turns a part of it over.
forged = np.array(Image.open("copy.jpg"))
height, width = forged.shape[:2]
part = (slice(height // 4, height // 2), slice(width // 4, width // 2))
forged[part] = forged[part][::-1, ::-1].copy()
Image.fromarray(forged).save("forged.jpg", quality=80)

# %% Verify: where was it changed, and what was there before?
verdict = guard.verify("forged.jpg")
print(verdict.sentence)
for region in verdict.regions:
    print(f"  {region.box}: {region.area:.1%} of the picture")
Image.fromarray(verdict.mask).save("changed.png")
if verdict.recovered is not None:
    Image.fromarray(verdict.recovered).save("before.png")
