"""Makes docs/images/demo.jpg out of what `make demo` wrote.

python scripts/readme_picture.py out/demo
"""

import sys
from pathlib import Path

from PIL import Image

PARTS = ("protected.jpg", "suspicious.jpg", "suspicious.overlay.png", "suspicious.recovered.png")
WIDTH, HEIGHT, GAP = 400, 271, 8

folder = Path(sys.argv[1])
strip = Image.new("RGB", (len(PARTS) * (WIDTH + GAP) - GAP, HEIGHT), "white")
for i, name in enumerate(PARTS):
    with Image.open(folder / name) as part:
        strip.paste(part.convert("RGB").resize((WIDTH, HEIGHT)), (i * (WIDTH + GAP), 0))
target = Path(__file__).parents[1] / "docs" / "images" / "demo.jpg"
strip.save(target, quality=88, optimize=True)
