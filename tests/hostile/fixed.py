"""Property tests whose examples are the same as long as the code is, and what their inputs are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from benchmarks.fuzz_ingest import EXTREMES, KINDS, NASTY, Edit


def fixed(examples: int) -> Callable[[Any], Any]:
    """So many examples, not drawn anew for each run; nothing is kept on disk, and a busy machine fails nothing."""
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


letters = st.text(st.characters(exclude_categories=()), max_size=12)
"""Any characters at all, lone surrogates (bytes of a file name that are no UTF-8) among them."""

words = st.lists(st.sampled_from(NASTY) | letters | st.sampled_from(["mug", "a", "B", "1"]), max_size=4).map("".join)

edits = st.lists(
    st.builds(
        Edit,
        kind=st.sampled_from(KINDS),
        at=st.floats(0, 0.05) | st.floats(0, 0.999),
        size=st.integers(1, 600),
        fill=st.sampled_from(EXTREMES) | st.binary(min_size=1, max_size=40),
    ),
    min_size=1,
    max_size=4,
)
