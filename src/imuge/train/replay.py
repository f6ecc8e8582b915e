"""A training step as a recorded CUDA graph: launched at once instead of kernel by kernel.

A step of these small networks is thousands of small kernels, and an eager one waits for the
processor to launch them. After a few steps to warm up, everything from drawing the batch to moving
the weights is recorded once and then replayed. See "Whole-network capture" in PyTorch's notes on
CUDA graphs.
"""

from collections.abc import Callable

import torch

from imuge.errors import ConfigError

Step = Callable[[bool, int], None]


class Replay:
    """Takes steps, each form and variant eagerly at first and recorded from its second time on.

    Args:
        step: Takes one step; its arguments choose the form and the variant. It must not ask the
            device for a number, and must keep its results in tensors that outlive it.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._warm: set[tuple[bool, int]] = set()
        self._graphs: dict[tuple[bool, int], torch.cuda.CUDAGraph] = {}
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def __call__(self, form: bool, variant: int) -> None:
        """Take one step.

        Raises:
            ConfigError: the step cannot be recorded.
        """
        which = (form, variant)
        if which not in self._warm:
            self._run_aside(form, variant)
            self._warm.add(which)
            return
        if which not in self._graphs:
            self._graphs[which] = self._record(form, variant)
        self._graphs[which].replay()

    def _run_aside(self, form: bool, variant: int) -> None:
        # What is recorded must have run before, and on another stream than the default one:
        # cuDNN tries its algorithms for every shape, and constants are copied to the device.
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._step(form, variant)
        torch.cuda.current_stream().wait_stream(self._stream)

    def _record(self, form: bool, variant: int) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        # Replays follow each other and leave nothing behind in it, so all share one memory pool.
        pool = next(iter(self._graphs.values())).pool() if self._graphs else None
        try:
            with torch.cuda.graph(graph, pool=pool, stream=self._stream):
                self._step(form, variant)
        except RuntimeError as error:
            raise ConfigError(
                f"the training step cannot be recorded as a CUDA graph ({error}); "
                "--no-graphs trains without"
            ) from error
        return graph
