"""Files of the page: all that it names are there, and the sample is a photograph."""

import io
import re

from PIL import Image

from imuge.serve.page import static_files


def test_every_module_and_picture_that_the_page_names_is_served():
    files = static_files()
    texts = {
        name: data.decode() for name, (data, kind) in files.items() if kind.startswith("text/")
    }
    named = set()
    for text in texts.values():
        named |= set(re.findall(r"""["'](?:\./|static/)([\w.-]+\.(?:js|css|svg|jpg))["']""", text))
    assert {"app.js", "viewer.js", "kept.js", "sample.jpg", "style.css"} <= named
    assert named <= files.keys()


def test_the_sample_is_a_photograph():
    data, media_type = static_files()["sample.jpg"]
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size, media_type) == ("JPEG", (1920, 1299), "image/jpeg")
