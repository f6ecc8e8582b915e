"""The bits of marks, counted by a mark that we know."""

from imuge.bench.grid import bit_marks
from imuge.bench.pictures import Photograph
from imuge.errors import ConfigError


class LowestBits:
    """The bits lie in the lowest bit of the first red pixels: a file keeps them, nothing else."""

    name = "lowest bits"
    capacity = 64

    def embed(self, host, bits, *, seed):
        assert seed >= 0
        marked = host.copy()
        marked[0, :64, 0] = marked[0, :64, 0] & 0xFE | bits
        return marked

    def read(self, received, *, seed):
        assert seed >= 0
        return (received[0, :64, 0] & 1).astype(bool)


class NotInstalled(LowestBits):
    name = "not installed"

    def embed(self, *_, **__):
        raise ConfigError("pip install it")


def test_bits_are_counted_after_each_process(photograph, other_photograph):
    pictures = [Photograph("one", "", photograph), Photograph("two", "", other_photograph)]
    rows, missing = bit_marks.measure_all([LowestBits(), NotInstalled()], pictures)
    row = rows["lowest bits"]
    assert row["none"] == 1
    assert 0.2 < row["jpeg:75"] < 0.8, "chance"
    assert row["psnr_db"] > 60
    assert missing == {"not installed": "pip install it"}
    text = bit_marks.to_markdown({"rows": rows, "missing": missing})
    assert "| lowest bits |" in text
    assert "not installed was left out: pip install it." in text
