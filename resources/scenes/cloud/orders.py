"""Orders at one provider, from intent to picture: sent once, waited for, fetched, checked; paid once, whatever happens.

An order that failed goes one of three ways. It surely was not accepted: it is struck out of the journal and may be sent
again. It is still there, or may be: it stays in the journal, and the next call goes on with it. It was charged and
brought nothing: it stays as failed, and is never sent again. What it cost is reported once, by the call that first
knows of it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from resources.names import display
from resources.scenes.cloud.adapter import Adapter, Order, Progress
from resources.scenes.cloud.journal import Entry, Journal
from resources.scenes.cloud.picture import NoPictureError, picture_of
from resources.scenes.cloud.providers import Provider
from resources.scenes.cloud.wire import CallError, Secret, Times, download
from resources.scenes.engine import EngineError
from resources.store import StoreError

U8 = NDArray[np.uint8]

_RETRIES = 3  # of a submit that surely was not accepted, of a download, of asking for an order that is not found
_LONGEST_WAIT_S = 60.0  # that a provider may ask for; longer, and another engine should make the picture
_LOOKS = 3  # at the provider's list, after a doubtful submit
_GONE = (404, 410)
_NO_ENTRY = (401, 402, 403)

log = logging.getLogger("catalog.cloud")


@dataclass(frozen=True, slots=True)
class Bought:
    """A picture that was delivered and checked, HxWx3 of the order's size. usd: what was not reported yet."""

    painted: U8
    usd: float
    request_id: str


class Orders:
    """The orders of one catalog at one provider. Serves several threads, but only one at a time for one key."""

    def __init__(self, provider: Provider, adapter: Adapter, journal: Journal, secret: Secret, times: Times) -> None:
        self._provider, self._adapter, self._journal = provider, adapter, journal
        self._secret, self._times = secret, times

    def bought(self, order: Order, key: str) -> Bought:
        """The picture of an order, wherever it stands: fetched already, under way, or never sent. EngineError.

        key: a name of everything that decides the order; usd of the result and of errors: what this call adds.
        """
        entry = self._read(key)
        if entry is not None and entry.state == "fetched":
            picture = self._kept(key, entry)
            if picture is not None:
                return self._handed_out(order, key, entry, picture)
            if not entry.request_id:
                self._fail("lost", "the picture that was paid for is gone from the store", healthy=True)
            entry = replace(entry, state="submitted")
        if entry is not None and entry.state == "failed":
            self._fail(entry.code, f"{entry.message} (it is not paid for twice)", healthy=True)
        told = entry.told if entry is not None else 0.0
        if entry is not None and entry.state == "intent":
            entry = self._reconciled(order, key, entry, looks=1)
        progress = None
        if entry is None:
            entry, progress = self._submitted(order, key, told)
        return self._fetched(order, key, entry, self._ended(key, entry, progress))

    def prune(self) -> None:
        """Old orders leave the journal."""
        try:
            removed = self._journal.prune()
        except StoreError as error:
            log.warning("%s: old orders stay in the journal: %s", self._provider.name, error)
        else:
            log.info("%s: %d old orders left the journal", self._provider.name, removed)

    def close(self) -> None:
        """Give connections back."""
        self._adapter.close()

    # ---- sending

    def _submitted(self, order: Order, key: str, told: float) -> tuple[Entry, Progress | None]:
        """Send an order: once, and up to three times more where it surely was not accepted.

        told: USD that were reported for an earlier order, which turned out never to have come.
        """
        retrying = Retrying(
            stop=stop_after_attempt(1 + _RETRIES),
            wait=_waits(_LONGEST_WAIT_S),
            retry=retry_if_exception(_worth_waiting),
            sleep=self._times.sleep,
            reraise=True,
        )
        failure: CallError
        try:
            entry, outcome = retrying(self._sent, order, key, told)
        except CallError as error:
            failure = error
        else:
            if isinstance(outcome, Progress):
                return entry, outcome
            return self._found(order, key, entry, outcome), None
        self._not_accepted(failure)

    def _sent(self, order: Order, key: str, told: float) -> tuple[Entry, Progress | CallError]:
        """One submit, noted before and after; an error where nobody can tell whether it was accepted.

        Raises CallError where it surely was not; then it is struck out again.
        """
        try:
            entry = self._journal.intend(self._provider.name, key, told)
        except StoreError as error:
            self._fail("no_journal", f"the journal of orders cannot be written, so nothing is sent: {error.message}")
        if entry is None:
            self._fail("ordered_elsewhere", "another run orders this very picture at the moment", healthy=True)
        failure: CallError
        try:
            progress = self._adapter.submit(order)
        except CallError as error:
            failure = error
        else:
            if progress.request_id:
                entry = replace(entry, state="submitted", request_id=progress.request_id)
                self._note(key, entry)
            return entry, progress
        if failure.fate == "unknown":
            return entry, failure
        self._forget(key)
        raise failure

    def _not_accepted(self, failure: CallError) -> NoReturn:
        """Say why an order was turned away. Nothing was charged."""
        words, status = failure.message, failure.status
        if status in (401, 403):
            self._fail("bad_key", f"it does not accept the key in {self._provider.secret}: {words}")
        if status == 402:
            self._fail("no_credit", f"the account has no credit left: {words}")
        if failure.fate == "refused":
            # Of bad input and content rules: another product may well pass.
            self._fail("refused", f"it refuses the order: {words}", healthy=status in (400, 413, 422))
        wait = failure.retry_after
        asked = f", and asks to wait {wait:.0f} s" if wait is not None else ""
        self._fail("busy" if status else "not_reached", f"it does not take orders now: {words}{asked}")

    # ---- doubt

    def _found(self, order: Order, key: str, entry: Entry, failure: CallError) -> Entry:
        """The order after a submit that may or may not have been accepted, if the provider's list shows it."""
        found = self._reconciled(order, key, entry, looks=_LOOKS, cause=failure.message)
        if found is None:
            self._fail("not_reached", f"it did not take the order: {failure.message}")
        return found

    def _reconciled(self, order: Order, key: str, entry: Entry, *, looks: int, cause: str = "") -> Entry | None:
        """What the provider's list says of an intent: its entry with the id, or None if it never came.

        EngineError "maybe_paid" where the list cannot tell: then it is not sent again.
        """
        for look in range(looks):
            if look:
                self._times.sleep(self._provider.poll_s)
            try:
                sighting = self._adapter.find(order, entry.at)
            except CallError as error:
                cause = cause or error.message
                continue
            if sighting.state == "found":
                found = replace(entry, state="submitted", request_id=sighting.request_id)
                self._note(key, found)
                return found
            if sighting.state == "absent" and self._is_settled(entry):
                self._forget(key)
                return None
        why = f": {cause}" if cause else ", its answer never came"
        self._owe(key, entry, "maybe_paid", f"nobody can tell whether it took the order{why}")

    def _is_settled(self, entry: Entry) -> bool:
        """Whether the list would show the order by now."""
        settled = self._adapter.settled_s
        return settled is not None and self._times.now() - entry.at > settled

    # ---- waiting

    def _ended(self, key: str, entry: Entry, progress: Progress | None) -> Progress:
        """The order when it is done; else EngineError. progress: what the submit said, None if it is not known."""
        deadline = self._times.steady() + self._provider.timeout_s
        gone = 0
        while progress is None or progress.state == "running":
            left = deadline - self._times.steady()
            if left <= 0:
                return self._given_up(key, entry)
            if progress is not None:
                self._times.sleep(min(left, self._provider.poll_s))
            try:
                progress = self._adapter.poll(entry.request_id)
            except CallError as error:
                gone = gone + 1 if error.status in _GONE else 0
                self._check_access(key, entry, error, gone)
                progress = Progress("running", entry.request_id)
                self._times.sleep(min(left, error.retry_after or 0.0))
        return self._judged(key, entry, progress)

    def _check_access(self, key: str, entry: Entry, error: CallError, gone: int) -> None:
        """Fail where asking on is of no use. All other trouble is waited out."""
        if error.status in _NO_ENTRY:
            self._owe(key, entry, "bad_key", f"it took the order, but now refuses to answer: {error.message}")
        if gone > _RETRIES:
            self._ruined(key, entry, "gone", "it does not keep this order any more", charged=True)

    def _judged(self, key: str, entry: Entry, progress: Progress) -> Progress:
        """An order that ended, if it brought a picture; else EngineError."""
        if progress.state == "done":
            return progress
        if progress.state == "cancelled":
            self._forget(key)
            self._fail("cancelled", "the order was cancelled there")
        charged = self._provider.charged_if_failed if progress.charged is None else progress.charged
        self._ruined(key, entry, "failed", f"it made no picture: {progress.message}", charged=charged)

    def _given_up(self, key: str, entry: Entry) -> Progress:
        """Stop an order that takes too long; if it is done just then, it is taken all the same."""
        last = None
        with contextlib.suppress(CallError):
            self._adapter.cancel(entry.request_id)
        with contextlib.suppress(CallError):
            last = self._adapter.poll(entry.request_id)
        late = f"no picture within {self._provider.timeout_s:g} s"
        if last is None or last.state == "running":
            self._owe(key, entry, "timed_out", f"{late}; if it comes later, it is fetched at the next try")
        if last.state == "cancelled":
            self._forget(key)
            self._fail("timed_out", f"{late}; the order was cancelled")
        return self._judged(key, entry, last)

    # ---- the picture

    def _fetched(self, order: Order, key: str, entry: Entry, progress: Progress) -> Bought:
        """Fetch, check and keep what an order brought."""
        trouble = ""
        for attempt in range(1 + _RETRIES):
            if attempt:
                self._times.sleep(2.0**attempt * min(1.0, self._provider.poll_s))
            try:
                data = progress.picture or self._downloaded(progress.address)
                painted = picture_of(data, order.size)
            except CallError as error:
                trouble = error.message
                if error.fate == "refused":
                    break
            except NoPictureError as error:
                trouble = error.message
                if error.whole or progress.picture:
                    self._useless(key, entry, trouble)
            else:
                self._keep(key, entry, data)
                return Bought(painted, max(0.0, self._price - entry.told), entry.request_id)
        # It lies there still: another call looks again, and pays nothing.
        self._owe(key, entry, "no_picture", f"what it made cannot be fetched: {trouble}")

    def _downloaded(self, address: str) -> bytes:
        return download(address, near=self._provider.base_url, timeout=self._provider.call_s)

    def _keep(self, key: str, entry: Entry, data: bytes) -> None:
        try:
            self._journal.fetched(self._provider.name, key, entry, data, self._price)
        except StoreError as error:
            # The picture is here: better one that is not kept than none.
            log.warning("%s: journal: %s", self._provider.name, error)

    def _handed_out(self, order: Order, key: str, entry: Entry, data: bytes) -> Bought:
        """A picture that was fetched before."""
        try:
            painted = picture_of(data, order.size)
        except NoPictureError as error:
            self._useless(key, entry, error.message)
        usd = max(0.0, self._price - entry.told)
        if usd:
            self._note(key, replace(entry, told=self._price))
        return Bought(painted, usd, entry.request_id)

    # ---- ends without a picture

    def _owe(self, key: str, entry: Entry, code: str, message: str) -> NoReturn:
        """Fail for now; the order stays as it is, and its price is reported once."""
        usd = max(0.0, self._price - entry.told)
        self._note(key, replace(entry, told=entry.told + usd))
        self._fail(code, message, usd=usd)

    def _ruined(self, key: str, entry: Entry, code: str, message: str, *, charged: bool) -> NoReturn:
        """Fail for good if it was charged: the same order is never sent again. Else it may be."""
        if not charged:
            self._forget(key)
            self._fail(code, message)
        usd = max(0.0, self._price - entry.told)
        ended = replace(entry, state="failed", code=code, message=display(message), told=entry.told + usd)
        self._note(key, ended)
        self._fail(code, message, usd=usd)

    def _useless(self, key: str, entry: Entry, why: str) -> NoReturn:
        self._ruined(key, entry, "no_picture", f"what it delivered is of no use: {why}", charged=True)

    def _fail(self, code: str, message: str, *, usd: float = 0.0, healthy: bool = False) -> NoReturn:
        text = display(f"{self._provider.name}: {self._secret.hidden_in(message)}")
        raise EngineError(code, text, usd=usd, healthy=healthy) from None

    # ---- the journal

    @property
    def _price(self) -> float:
        return self._provider.price_usd

    def _read(self, key: str) -> Entry | None:
        try:
            return self._journal.read(self._provider.name, key)
        except StoreError as error:
            self._fail("no_journal", f"the journal of orders cannot be read, so nothing is sent: {error.message}")

    def _kept(self, key: str, entry: Entry) -> bytes | None:
        try:
            return self._journal.picture(self._provider.name, key, entry)
        except StoreError as error:
            self._fail("no_journal", f"a picture that was paid for cannot be read: {error.message}")

    def _note(self, key: str, entry: Entry) -> None:
        """Write down what became of an order that was sent. If that fails, the intent is still there."""
        try:
            self._journal.write(self._provider.name, key, entry)
        except StoreError as error:
            log.warning("%s: journal: %s", self._provider.name, error)

    def _forget(self, key: str) -> None:
        try:
            self._journal.forget(self._provider.name, key)
        except StoreError as error:
            log.warning("%s: journal: %s", self._provider.name, error)


def _worth_waiting(error: BaseException) -> bool:
    """Surely not accepted, and not asked to wait for longer than is worth it."""
    return (
        isinstance(error, CallError)
        and error.fate == "not_accepted"
        and (error.retry_after is None or error.retry_after <= _LONGEST_WAIT_S)
    )


def _waits(longest: float) -> Callable[[RetryCallState], float]:
    """As long as the provider asks for; else 1 to 2, 4, 8 s, by chance, so that threads do not come back together."""
    growing = wait_random_exponential(multiplier=2, max=longest, min=1)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, CallError) else None
        return asked if asked is not None else float(growing(state))

    return wait
