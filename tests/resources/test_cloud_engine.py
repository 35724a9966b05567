"""Pictures bought from a provider: the true product in them, paid once, whatever crashes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resources.imaging.colour import resize_rgb
from resources.scenes.around import start_of
from resources.scenes.cloud import replicate as replicate_adapter
from resources.scenes.cloud.providers import Kind
from resources.scenes.engine import EngineError, SceneJob
from resources.store import StoreError
from tests.cloud_server import VARIABLE, server_error
from tests.cloud_shop import (
    KINDS,
    PRICE,
    QUEUED,
    SIZE,
    Crash,
    Shop,
    a_template,
    crash_at,
    failure,
    made,
    nothing,
    open_shop,
)
from tests.pictures import product_cutout


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with open_shop(tmp_path, monkeypatch) as opened:
        yield opened


# ---- when all is well


@pytest.mark.parametrize("kind", KINDS)
def test_makes_a_picture_around_the_true_product(shop: Shop, kind: Kind) -> None:
    engine, job = shop.engine(kind), shop.job()
    candidate = made(engine, job)
    assert candidate.rgb.shape == (*SIZE[::-1], 3)
    assert candidate.usd == PRICE
    # The product's solid pixels are those of the cut-out, whatever was painted; around it lies what was painted.
    start = start_of(job, 256, 16)
    solid = start.layer[..., 3] == 255
    assert np.array_equal(candidate.rgb[solid], start.layer[solid][:, :3])
    studio = resize_rgb(start.picture, SIZE).astype(int)
    assert np.abs(candidate.rgb[:8] - studio[:8]).mean() > 4
    assert shop.server.double_paid == []
    assert shop.paid == 1


@pytest.mark.parametrize("kind", KINDS)
def test_facts_say_what_was_sent(shop: Shop, kind: Kind) -> None:
    engine, job = shop.engine(kind), shop.job(seed=2**62 + 5)
    key = engine.key(job)
    facts = made(engine, job).facts
    assert facts["key"] == key
    assert len(key) == 64
    sent = next(iter(shop.server.jobs.values())).input
    assert facts["prompt"] == sent["prompt"]
    assert '"a bottle"' in facts["prompt"]
    assert facts["seed"] == (None if kind == "openai" else sent["seed"])
    assert 0 <= int(sent.get("seed", 0)) < 2**31
    assert facts["settings"] == {"quality": "high"} == {"quality": sent["quality"]}
    assert facts["negative_prompt"] == sent.get("negative_prompt", "")
    assert sent.get("size", "256x256") == "256x256"
    json.dumps(facts)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_job_is_fetched_once_and_paid_once(shop: Shop, kind: Kind) -> None:
    job = shop.job()
    first = made(shop.engine(kind), job)
    again = made(shop.engine(kind), job)
    assert np.array_equal(first.rgb, again.rgb)
    assert (first.usd, again.usd) == (PRICE, 0)
    assert shop.paid == 1


def test_the_key_follows_from_all_that_decides_the_request(shop: Shop) -> None:
    base, engine = shop.job(seed=1), shop.engine("replicate")
    same = SceneJob(base.cutout.copy(), base.template, 1, base.size, product="a bottle", name="another name")
    others = [
        engine.key(shop.job(seed=2)),
        engine.key(shop.job(seed=1, product="a jar")),
        engine.key(shop.job(seed=1, size=(160, 200))),
        engine.key(replace(base, cutout=product_cutout((100, 100), seed=5))),
        shop.engine("fal").key(base),
        shop.engine("replicate", constants={"quality": "low"}).key(base),
        shop.engine("replicate", model="painter/other").key(base),
    ]
    assert engine.key(base) == engine.key(same)
    assert len({engine.key(base), *others}) == 8
    assert shop.engine("replicate", price_usd=0.5, timeout_s=9.0).key(base) == engine.key(base)


def test_orders_of_one_seed_for_different_pictures_are_told_apart(shop: Shop) -> None:
    first = shop.job(seed=1)
    second = replace(first, cutout=product_cutout((100, 100), seed=5))
    engine = shop.engine("replicate")
    made(engine, first)
    shop.server.faults("submit", server_error())  # the second never comes
    assert failure(engine, second).code == "maybe_paid"
    assert len({job.input["seed"] for job in shop.server.jobs.values()}) == 1


def test_named_and_described_without_key_network_or_packages(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    shop.server.close_door()
    engine = shop.engine("fal")
    recipe = engine.recipe(a_template(), "a mug")
    assert '"a mug"' in recipe["prompt"]
    assert recipe["side"] == 256
    json.dumps(recipe)
    assert engine.revision == shop.engine("fal", price_usd=1.0).revision
    assert engine.revision != shop.engine("fal", constants={}).revision
    assert (engine.name, engine.kind, engine.price, engine.waiting) == ("test-fal", "generated_scene", PRICE, 0)
    assert engine.backdrop(shop.job()) is None
    with pytest.raises(ValueError, match=f"test-fal: the environment variable {VARIABLE} is not set"):
        engine.ready()
    assert failure(engine, shop.job()).code == "not_configured"


def test_wants_one_job_at_a_time(shop: Shop) -> None:
    with pytest.raises(ValueError, match="2 jobs found, one at a time expected"):
        shop.engine("fal").compose([shop.job(), shop.job()])


def test_an_empty_cut_out_is_refused_before_anything_is_sent(shop: Shop) -> None:
    job = replace(shop.job(), cutout=np.zeros((50, 50, 4), np.uint8))
    engine = shop.engine("fal")
    error = failure(engine, job)
    assert (error.code, error.usd, error.healthy) == ("bad_product", 0, True)
    with pytest.raises(EngineError):
        engine.key(job)
    assert shop.server.asked == []


def test_a_missing_package_is_one_line(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.scenes.cloud.engine.missing", lambda packages: list(packages))
    with pytest.raises(ValueError, match=r"test-openai needs httpx, openai, .*pip install \.\[cloud\]"):
        shop.engine("openai").ready()


def test_nothing_but_the_pictures_and_the_settings_leaves(shop: Shop) -> None:
    job = shop.job(name="sku-4711-secret-name")
    for kind in KINDS:
        made(shop.engine(kind), job)
    sent = b"".join(shop.server.bodies) + json.dumps(shop.server.headers).encode()
    assert b"4711" not in sent
    assert {name for headers in shop.server.headers for name in headers} <= {
        *("accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host"),
        *("user-agent", "x-fal-object-lifecycle-preference"),
    }


def test_large_pictures_are_uploaded_first(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicate_adapter, "_LONGEST_URI", 100)
    shop.server.faults("upload", server_error())
    assert made(shop.engine("replicate"), shop.job()).usd == PRICE
    assert shop.server.count("POST", "/v1/files") == 3
    assert shop.paid == 1


def test_no_more_jobs_at_once_than_allowed_and_waiting_counts_them(shop: Shop) -> None:
    engine, jobs = shop.engine("replicate", at_once=2, timeout_s=3600.0), [shop.job() for _ in range(6)]
    shop.server.slow = 3
    seen: list[int] = []
    shop.store.before = lambda written: seen.append(engine.waiting)
    with_errors: list[BaseException] = []

    def work(job: SceneJob) -> None:
        try:
            made(engine, job)
        except BaseException as error:
            with_errors.append(error)

    threads = [threading.Thread(target=work, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert with_errors == []
    assert shop.server.most_at_once <= 2
    assert max(seen) > 2
    assert engine.waiting == 0
    assert shop.paid == 6


def test_two_threads_never_order_the_same_picture(shop: Shop) -> None:
    engine, job = shop.engine("fal"), shop.job()
    inner: list[EngineError] = []

    def ask_again(written: str) -> None:
        if "submitted" in written and not inner:
            inner.append(failure(engine, job))

    shop.store.after = ask_again
    made(engine, job)
    assert [error.code for error in inner] == ["busy"]
    assert shop.paid == 1


# ---- crashes


@pytest.mark.parametrize("kind", KINDS)
def test_killed_between_intent_and_submit(shop: Shop, kind: Kind) -> None:
    job = shop.job()
    shop.store.after = crash_at(".json", '"intent"')
    with pytest.raises(Crash):
        shop.engine(kind).compose([job])
    shop.store.after = nothing
    assert shop.paid == 0
    error = failure(shop.engine(kind), job)
    assert (error.code, error.usd) == ("maybe_paid", PRICE)  # nobody can know better yet
    shop.clock.at += 3600
    if kind == "replicate":  # its list shows every prediction
        assert made(shop.engine(kind), job).usd == 0  # reported when it was in doubt
        assert shop.paid == 1
    else:
        assert failure(shop.engine(kind), job).usd == 0
        assert shop.paid == 0


@pytest.mark.parametrize("kind", QUEUED)
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_submit_and_poll(shop: Shop, kind: Kind, when: str) -> None:
    job = shop.job()
    setattr(shop.store, when, crash_at(".json", '"submitted"'))
    with pytest.raises(Crash):
        shop.engine(kind).compose([job])
    setattr(shop.store, when, nothing)
    assert shop.paid == 1
    assert made(shop.engine(kind), job).usd == PRICE
    assert (shop.paid, len(shop.server.jobs)) == (1, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", [("after", ".picture"), ("before", '"fetched"'), ("after", '"fetched"')])
def test_killed_between_fetch_and_record(shop: Shop, kind: Kind, where: tuple[str, str]) -> None:
    job = shop.job()
    setattr(shop.store, where[0], crash_at(where[1]))
    with pytest.raises(Crash):
        shop.engine(kind).compose([job])
    setattr(shop.store, where[0], nothing)
    asked = len(shop.server.bodies)
    assert made(shop.engine(kind), job).usd in (0, PRICE)
    assert (shop.paid, len(shop.server.bodies)) == (1, asked)


@pytest.mark.parametrize("kind", QUEUED)
def test_killed_before_the_picture_is_kept(shop: Shop, kind: Kind) -> None:
    job = shop.job()
    shop.store.before = crash_at(".picture")
    with pytest.raises(Crash):
        shop.engine(kind).compose([job])
    shop.store.before = nothing
    assert made(shop.engine(kind), job).usd == PRICE
    assert shop.paid == 1


def test_nothing_is_sent_that_cannot_be_noted(shop: Shop) -> None:
    def full(written: str) -> None:
        raise StoreError("disk_full", "The disk is full.")

    shop.store.before = full
    error = failure(shop.engine("openai"), shop.job())
    assert (error.code, error.usd) == ("no_journal", 0)
    assert shop.server.asked == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_cannot_be_kept_is_still_used(shop: Shop, kind: Kind) -> None:
    def full(written: str) -> None:
        if '"intent"' not in written and "_days" not in written:
            raise StoreError("disk_full", "The disk is full.")

    shop.store.before = full
    assert made(shop.engine(kind), shop.job()).usd == PRICE


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_journal_stops_before_anything_is_sent(shop: Shop, kind: Kind) -> None:
    engine, job = shop.engine(kind), shop.job()
    made(engine, job)
    shop.store.write(f"state/cloud/{engine.name}/{engine.key(job)}.json", b'{"state": "intent"')
    error = failure(engine, job)
    assert (error.code, error.usd, shop.paid) == ("no_journal", 0, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_picture_that_was_changed_or_lost_is_not_paid_twice(shop: Shop, kind: Kind) -> None:
    engine, job = shop.engine(kind), shop.job()
    made(engine, job)
    shop.store.write(f"state/cloud/{engine.name}/{engine.key(job)}.picture", b"something else")
    if kind == "openai":
        assert failure(engine, job).code == "lost"
    else:
        assert made(engine, job).usd == 0
    assert shop.paid == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_answer_beside_a_full_disk_may_have_been_paid(shop: Shop, kind: Kind) -> None:
    job = shop.job()

    def full(written: str) -> None:
        if "intent" in written and shop.server.asked:
            raise StoreError("disk_full", "The disk is full.")

    shop.store.before = full
    shop.server.unlisted = True
    shop.server.faults("submit", server_error(accepted=True))
    error = failure(shop.engine(kind), job)
    assert (error.code, error.usd) == ("maybe_paid", PRICE)
    shop.store.before = nothing
    shop.server.unlisted = False
    if kind == "openai":  # it has no list
        assert failure(shop.engine(kind), job).code == "maybe_paid"
    else:
        made(shop.engine(kind), job)
    assert shop.paid == 1


@pytest.mark.parametrize("kind", KINDS)
def test_two_runs_that_order_the_same_picture_at_once_pay_for_one(shop: Shop, kind: Kind) -> None:
    job, other = shop.job(), shop.engine(kind)

    def meanwhile(written: str) -> None:
        if '"intent"' in written:
            shop.store.before = nothing
            made(other, job)

    shop.store.before = meanwhile
    error = failure(shop.engine(kind), job)
    assert (error.code, error.usd, error.healthy) == ("ordered_elsewhere", 0, True)
    assert shop.paid == 1
    assert made(shop.engine(kind), job).usd == 0
    assert shop.paid == 1
