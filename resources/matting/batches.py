"""Batches of pictures through a net: bounded by the bytes a picture takes, halved for good when memory runs out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from resources.transient import is_out_of_memory

T = TypeVar("T")
R = TypeVar("R")

# Beyond that many pictures a batch there is hardly any throughput left to gain on a GPU.
MOST = 16
# Free memory that is never planned for: fragments, other processes.
_SPARE = 0.1


class Batches:
    """How many pictures go through a net at once. Not for several threads at a time: guard it with the net's lock.

    bytes_a_picture: a guess until `measured` says better. most: never more than that many.
    """

    def __init__(self, bytes_a_picture: int, most: int = MOST) -> None:
        self.bytes_a_picture = bytes_a_picture
        self.most = most

    def size(self, free_bytes: int) -> int:
        """Pictures of the next batch, at least 1."""
        return max(1, min(self.most, int((1 - _SPARE) * free_bytes // max(1, self.bytes_a_picture))))

    def measured(self, used_bytes: int, pictures: int) -> None:
        """Take note of what a batch really took."""
        self.bytes_a_picture = max(1, used_bytes // max(1, pictures))

    def run(
        self,
        pictures: Sequence[T],
        work: Callable[[Sequence[T]], Sequence[R]],
        free_bytes: Callable[[], int],
        clear: Callable[[], None] = lambda: None,
    ) -> Iterator[R]:
        """The result for each picture, in order, as batches finish.

        work: one batch -> one result a picture. clear: frees what a failed batch left behind. A batch that runs out
        of memory is tried again at half its size, which then is the most for good; a single picture that does not
        fit raises what `work` raised.
        """
        start = 0
        while start < len(pictures):
            batch = pictures[start : start + self.size(free_bytes())]
            results = self._tried(batch, work)
            if results is None:  # outside of the handler: a traceback in flight keeps the failed tensors alive
                clear()
                self.most = max(1, len(batch) // 2)
                continue
            yield from results
            start += len(batch)

    @staticmethod
    def _tried(batch: Sequence[T], work: Callable[[Sequence[T]], Sequence[R]]) -> Sequence[R] | None:
        try:
            return work(batch)
        except Exception as error:
            if not is_out_of_memory(error) or len(batch) == 1:
                raise
            return None


class Together(Generic[T, R]):
    """Collects what several threads ask for into shared batches: a line's threads each hold one photo at a time.

    work: items -> one result an item, in order, as they are ready. It never runs in two threads at once. Whoever comes
    first works for all who are waiting; who comes while it works is waited for by the next.
    """

    def __init__(self, work: Callable[[Sequence[T]], Iterator[R]]) -> None:
        self._work = work
        self._waiting: list[tuple[T, Future[R]]] = []
        self._to_wait = threading.Lock()
        self._to_work = threading.Lock()

    def ask(self, items: Sequence[T]) -> list[R]:
        """The result for each item, in order. Raises what `work` raised for the batch that an item was in."""
        asked: list[tuple[T, Future[R]]] = [(item, Future()) for item in items]
        with self._to_wait:
            self._waiting += asked
        with self._to_work:
            self._serve()
        return [future.result() for _, future in asked]

    def _serve(self) -> None:
        with self._to_wait:
            batch, self._waiting = self._waiting, []
        if not batch:
            return  # another thread has done it already
        results = self._work([item for item, _ in batch])
        try:
            for _, future in batch:
                future.set_result(next(results))
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)


def free_memory(device: str, budget: int, limit: int | None = None) -> int:
    """Bytes that a batch may take: what the GPU has left (torch's own cache counts as free), else the budget.

    limit: bytes of the GPU that this process may take in all, None: no limit.
    """
    if device != "cuda":
        return budget
    import torch

    taken = torch.cuda.memory_allocated()
    free = torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() - taken
    return max(0, int(free if limit is None else min(free, limit - taken)))


def clear_memory(device: str) -> None:
    """Give back what torch keeps cached on the GPU."""
    if device == "cuda":
        import torch

        torch.cuda.empty_cache()


class Peak:
    """What a block takes on the GPU beyond what was taken before: `with Peak(device) as peak: ...; peak.bytes`.

    On a processor nothing can be measured, and bytes stays 0.
    """

    def __init__(self, device: str) -> None:
        self.on_gpu = device == "cuda"
        self.bytes = 0
        self._before = 0

    def __enter__(self) -> Peak:
        if self.on_gpu:
            import torch

            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.on_gpu:
            import torch

            self.bytes = torch.cuda.max_memory_allocated() - self._before
