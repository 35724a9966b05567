"""Which failures are worth another attempt."""

from __future__ import annotations

from resources.store import StoreError

# Those of SQLAlchemy and of dagster-postgres.
_DATABASE_AWAY = {"OperationalError", "InterfaceError", "DagsterPostgresException"}


def is_transient(error: BaseException) -> bool:
    """True if the same call may well succeed a little later: network trouble, a busy or lost server."""
    if isinstance(error, StoreError):
        return error.retryable
    return isinstance(error, (ConnectionError, TimeoutError))


def is_database_away(error: BaseException) -> bool:
    """True if Dagster's database could not be reached, was restarted or is locked; by name, without importing it."""
    return type(error).__name__ in _DATABASE_AWAY


def is_out_of_memory(error: BaseException) -> bool:
    """True for Python's, OpenCV's and torch's ways of saying so, without importing torch."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "Insufficient memory" in str(error)
    )
