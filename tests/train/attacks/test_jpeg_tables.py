import io

import pytest
import torch
from PIL import Image

from imuge.train.attacks.jpeg.tables import tables


@pytest.mark.parametrize("quality", [1, 5, 17, 30, 49, 50, 51, 64, 75, 83, 90, 95, 99, 100])
def test_the_tables_are_those_in_a_file_of_that_quality(quality):  # oracle: libjpeg
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG", quality=quality)
    written = Image.open(buffer).quantization
    luma, chroma = tables(torch.tensor([75.0, quality]))
    assert luma[1].tolist() == list(written[0])
    assert chroma[1].tolist() == list(written[1])


def test_fractions_are_rounded():
    one, other = tables(torch.tensor([79.6]))[0], tables(torch.tensor([80.0]))[0]
    assert torch.equal(one, other)
