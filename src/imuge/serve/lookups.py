"""Questions to the registry, in threads of their own: a slow database holds up no picture."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from imuge.errors import ImugeError
from imuge.serve.refusals import Refusal, busy

if TYPE_CHECKING:
    from imuge.registry import Registry

Answer = TypeVar("Answer")
THREADS = 4
MOST_WAITING = 64  # of all callers; beyond, a database that hangs would gather requests
RETRY_S = 5.0


class Lookups:
    """Asks one registry.

    Args:
        registry: None where the service has none.
        on_problem: Told why it could not answer.
    """

    def __init__(self, registry: "Registry | None", on_problem: Callable[[str], None]) -> None:
        self._registry = registry
        self._on_problem = on_problem
        self._threads = ThreadPoolExecutor(THREADS, "registry")
        self._waiting = 0

    @property
    def registry(self) -> "Registry":
        """The registry.

        Raises:
            Refusal: there is none.
        """
        if self._registry is None:
            raise Refusal("not_found", "this service has no registry; its operator can give it one")
        return self._registry

    @property
    def name(self) -> str | None:
        """Its name; None where there is none."""
        return None if self._registry is None else self._registry.verifier.name

    async def ask(self, question: "Callable[[Registry], Answer]") -> Answer:
        """Ask in a thread.

        Raises:
            Refusal: there is no registry, it is out of reach, or too many wait for it.
        """
        registry = self.registry
        if self._waiting >= MOST_WAITING:
            raise busy("the registry has more questions than it answers; try again", RETRY_S)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, question, registry)
        except ImugeError as error:
            self._on_problem(str(error))
            raise Refusal(
                "unavailable",
                "the registry is out of reach; try again in a minute",
                headers={"Retry-After": "60"},
            ) from error
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let go of threads and connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._registry is not None:
            self._registry.close()
