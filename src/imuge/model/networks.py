"""All networks of one architecture together: what the trainer and weights files ask of them."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar, Self

from torch import Tensor, nn

from imuge.errors import WeightsError
from imuge.model.networks_config import NetworksConfig
from imuge.model.weights_files import read_weights_files

SIZE_MULTIPLE = 16  # pixels, of every picture's sides
NAMED_TENSORS = 3  # of those that do not fit, in an error message


class Networks(nn.Module):
    """Networks that follow each other; a subclass builds them and has the steps.

    Conventions: float32 (B, C, H, W), RGB in [0, 1], H and W multiples of 16.
    """

    config_type: ClassVar[type[NetworksConfig]]
    parts: ClassVar[tuple[str, ...]]  # names of the networks
    # Parts that are moved together; the gradient of each group is clipped and guarded by itself.
    groups: ClassVar[tuple[tuple[str, ...], ...]]

    def __init__(self, config: NetworksConfig) -> None:
        super().__init__()
        self.config = config

    def fit(self, crops: Sequence[Tensor]) -> None:
        """Give new networks what they take from photographs; nothing unless overridden.

        Args:
            crops: Batches of pictures (B, 3, H, W).
        """

    def settle(self) -> None:
        """Bring what follows the weights, and is no weight, in step with them; at first nothing."""

    @abstractmethod
    def halves(self) -> list[nn.Module]:
        """The modules that may compute in 16 bits: convolutions, but no sums of pictures."""

    def zero_parts(self) -> Iterator[str]:
        """Names of the parts that add nothing until they are trained; none unless overridden."""
        yield from ()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Rebuild the networks of a weights file, a folder of parts or a release, strictly.

        Raises:
            WeightsError: a file is missing, is no weights file, carries no config, or parts
                disagree; it is of another architecture; or the tensors are others than the config
                asks for.
        """
        config, tensors = read_weights_files(path)
        return cls.rebuild(config, tensors, path)

    @classmethod
    def rebuild(cls, config: NetworksConfig, tensors: dict[str, Tensor], path: Path) -> Self:
        """Build networks from what a weights file holds, for evaluation.

        Args:
            config: Of the networks.
            tensors: All of theirs.
            path: Where both come from, for messages.

        Raises:
            WeightsError: the config is of another architecture, or the tensors do not fit it.
        """
        if not isinstance(config, cls.config_type):
            raise WeightsError(
                f"expected networks of the architecture {cls.config_type.architecture}, {path} "
                f"holds {config.architecture}"
            )
        networks = cls(config)
        try:
            networks.load_state_dict(tensors, strict=True)
        except RuntimeError as error:
            raise WeightsError(f"{path} does not fit the network it describes: {error}") from error
        networks.settle()
        return networks.eval()

    def start_from(self, path: Path) -> tuple[str, ...]:
        """Take over the weights of other networks, for these new ones to be trained on.

        Networks may be larger than those of the file by whole parts that begin as nothing
        (`zero_parts`): they then compute what the others did.

        Returns:
            Names of the tensors that the file does not have, which keep their values.

        Raises:
            WeightsError: the file cannot be read, or other tensors are missing, unknown or of
                another shape.
        """
        config, tensors = read_weights_files(path)
        mine = self.state_dict()
        missing = mine.keys() - tensors.keys()
        addable: set[str] = set()
        for part in self.zero_parts():
            names = {name for name in mine if name.startswith(f"{part}.")}
            if names <= missing:
                addable |= names
        wrong = [f"{name} is missing" for name in sorted(missing - addable)]
        wrong += [f"{name} is unknown here" for name in sorted(tensors.keys() - mine.keys())]
        for name in sorted(mine.keys() & tensors.keys()):
            if (theirs := tuple(tensors[name].shape)) != (ours := tuple(mine[name].shape)):
                wrong.append(f"{name} is {theirs} there and {ours} here")
        if wrong:
            more = "; …" if len(wrong) > NAMED_TENSORS else ""
            raise WeightsError(
                f"cannot start from {path}: {'; '.join(wrong[:NAMED_TENSORS])}{more} "
                f"({_differences(config, self.config)})"
            )
        self.load_state_dict(tensors, strict=False)
        return tuple(name for name in mine if name in missing)


def _differences(theirs: NetworksConfig, ours: NetworksConfig) -> str:
    """Every setting in which two configs differ, in words."""
    if theirs.architecture != ours.architecture:
        return f"architecture {theirs.architecture} there, {ours.architecture} here"
    before, now = asdict(theirs), asdict(ours)
    unlike = [name for name in now if before[name] != now[name]]
    texts = [f"{name} = {before[name]} there, {now[name]} here" for name in unlike]
    return "; ".join(texts) or "the settings are the same"
