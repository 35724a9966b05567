"""What the processes of a deployment cost, by what they do: CPU seconds, and the most memory that one of them held."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

# What a process does, by a part of its command line. Others do what the one does that started them.
_ROLES = (
    ("dagster_webserver", "webserver"),
    ("dagster._daemon", "daemon"),
    ("api grpc", "code server"),
    ("code-server", "code server"),
    ("postgres", "database"),
    ("catalog_assets.cli refresh", "worker"),
)
# A run is a child of the code server.
_CHILDREN = {"code server": "worker"}
_EVERY_SECONDS = 0.5


@dataclass
class Usage:
    """By role. cpu: seconds. peak_mb: resident memory of the largest process of a role."""

    cpu: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)


class Watch:
    """Looks at processes and all that they start, twice a second; what ended in between loses that half second.

    Of a database server's children, which may last some milliseconds, their parent knows what they spent.
    """

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = roots
        self._roles: dict[int, str] = {}
        self._cpu: dict[int, float] = {}
        self._before: dict[int, float] = {}
        self._seen: set[int] = set()
        self._peak: defaultdict[str, float] = defaultdict(float)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to look; what was spent before does not count."""
        self._look()
        self._before = dict(self._cpu)
        self._peak.clear()
        self._thread.start()

    def stop(self) -> Usage:
        """What was spent since the start."""
        self._stop.set()
        self._thread.join()
        cpu: Counter[str] = Counter()
        for pid, seconds in self._cpu.items():
            cpu[self._roles[pid]] += seconds - self._before.get(pid, 0.0)
        return Usage(dict(cpu), dict(self._peak))

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            self._look()
        self._look()

    def _look(self) -> None:
        self._seen.clear()
        children: defaultdict[int, list[int]] = defaultdict(list)
        for process in psutil.process_iter(["ppid"]):
            children[process.info["ppid"]].append(process.pid)
        for root in self._roots:
            self._visit(root, "other", children)
        for pid in [pid for pid, role in self._roles.items() if role == "database" and pid not in self._seen]:
            self._cpu.pop(pid, None)

    def _visit(self, pid: int, above: str, children: Mapping[int, Sequence[int]]) -> None:
        try:
            process = psutil.Process(pid)
            role = self._roles.setdefault(pid, _role(process, above))
            times, memory = process.cpu_times(), process.memory_info()
        except psutil.Error:
            return
        self._seen.add(pid)
        self._cpu[pid] = times.user + times.system
        if role == "database":
            self._cpu[pid] += times.children_user + times.children_system
        self._peak[role] = max(self._peak[role], memory.rss / 1e6)
        for child in children.get(pid, ()):
            self._visit(child, role, children)


def _role(process: psutil.Process, above: str) -> str:
    line = " ".join(process.cmdline())
    own = next((role for part, role in _ROLES if part in line), "")
    if own and own != above:
        return own
    return _CHILDREN.get(above, above)


@contextmanager
def watched(roots: Sequence[int], into: Usage) -> Iterator[None]:
    """Fill `into` with what the processes and their children spend in the block."""
    watch = Watch(roots)
    watch.start()
    try:
        yield
    finally:
        usage = watch.stop()
        into.cpu.update(usage.cpu)
        into.peak_mb.update(usage.peak_mb)
