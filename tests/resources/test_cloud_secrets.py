"""The key of a provider is shown nowhere, whatever the provider does with it."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.scenes.cloud.providers import Kind
from resources.scenes.cloud.wire import Secret
from resources.scenes.engine import EngineError
from tests import cloud_server
from tests.cloud_server import (
    KEY,
    VARIABLE,
    echo,
)
from tests.cloud_shop import (
    KINDS,
    Shop,
    made,
    open_shop,
)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with open_shop(tmp_path, monkeypatch) as opened:
        yield opened


# ---- secrets


@pytest.mark.parametrize("kind", KINDS)
def test_the_key_is_shown_nowhere(shop: Shop, kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    for point in ("submit", "status", "result", "cancel", "list", "picture"):
        for fault in (echo(400), echo(500), echo(200), echo(401)):
            shop.server.faults(point, fault)  # type: ignore[arg-type]
            shop.server.fail_with = f"failed with {KEY}" if fault.status == 500 else ""
            engine, job = shop.engine(kind, timeout_s=3.0), shop.job()
            try:
                made(engine, job)
            except EngineError as error:
                shown += traceback.format_exception(error)
                shown += [repr(link) + str(vars(link)) for link in _chain(error)]
            shown += [repr(engine), str(vars(engine))]
            shop.server._faults.clear()
    stored = [shop.store.read(item.key).decode("latin-1") for item in shop.store.list("")]
    everything = "\n".join([*shown, *stored, caplog.text, *(str(vars(record)) for record in caplog.records)])
    assert "HTTP" in everything
    for form in (KEY, KEY.split(":")[1], cloud_server.base64.b64encode(KEY.encode()).decode()):
        assert form not in everything
    assert "secret-signature" not in everything
    assert shop.server.leaks == []


def _chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


def test_a_secret_is_not_shown_and_not_copied() -> None:
    secret = Secret(VARIABLE, KEY)
    assert KEY not in repr(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    for bad in ("", "short", "with blank inside", "zeile\numbruch-lang", "umlaut-äöü-lang"):
        with pytest.raises(ValueError, match=VARIABLE) as caught:
            Secret(VARIABLE, bad)
        assert not bad or bad not in str(caught.value)
