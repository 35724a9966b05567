"""Pictures bought from a provider that misbehaves, over real HTTP, in each of the three protocols."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from resources.scenes.cloud.providers import Kind
from tests.cloud_server import (
    KEY,
    CloudServer,
    Fault,
    absurd,
    bad_id,
    bad_json,
    busy,
    echo,
    hang_up,
    html,
    huge,
    odd_json,
    painted,
    redirect,
    refusal,
    server_error,
    silence,
    sized,
    truncated,
    zipped,
)
from tests.cloud_shop import (
    KINDS,
    PRICE,
    QUEUED,
    SIZE,
    Shop,
    failure,
    made,
    open_shop,
)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with open_shop(tmp_path, monkeypatch) as opened:
        yield opened


# ---- a submit that fails


@pytest.mark.parametrize("kind", KINDS)
def test_retry_after_is_honoured(shop: Shop, kind: Kind) -> None:
    date = formatdate(time.time() + 30, usegmt=True)
    shop.server.faults("submit", busy(7), busy(date, 503), busy())
    assert made(shop.engine(kind), shop.job()).usd == PRICE
    first, second, third = shop.clock.slept[:3]
    assert first == 7
    assert 20 < second <= 30
    assert 1 <= third <= 8
    assert shop.paid == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_busy_provider_is_asked_four_times_at_most(shop: Shop, kind: Kind) -> None:
    shop.server.faults("submit", *[busy(1)] * 9)
    error = failure(shop.engine(kind), shop.job())
    assert (error.code, error.usd, error.healthy) == ("busy", 0, False)
    assert shop.server.count("POST", "") == 4
    assert (shop.entries(), shop.paid) == ([], 0)


def test_nobody_waits_for_an_hour(shop: Shop) -> None:
    shop.server.faults("submit", busy(3600))
    error = failure(shop.engine("fal"), shop.job())
    assert "asks to wait 3600 s" in error.message
    assert shop.clock.slept == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_connection_surely_cost_nothing(shop: Shop, kind: Kind) -> None:
    engine, job = shop.engine(kind), shop.job()
    made(engine, shop.job())  # a connection is kept
    shop.server.close_door()
    error = failure(engine, job)
    assert (error.code, error.usd) == ("not_reached", 0)
    assert len(shop.entries()) == 1
    shop.server.open_door()
    assert made(engine, job).usd == PRICE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "code", "healthy"),
    [
        (refusal(422), "refused", True),
        (refusal(400, "moderation_blocked"), "refused", True),
        (refusal(401), "bad_key", False),
        (refusal(403), "bad_key", False),
        (refusal(402), "no_credit", False),
        (refusal(404), "refused", False),
    ],
)
def test_a_refusal_is_not_sent_again(shop: Shop, kind: Kind, fault: Fault, code: str, healthy: bool) -> None:
    shop.server.faults("submit", fault)
    error = failure(shop.engine(kind), shop.job())
    assert (error.code, error.healthy, error.usd) == (code, healthy, 0)
    assert (shop.server.count("POST", ""), shop.entries(), shop.paid) == (1, [], 0)


DOUBTFUL = {
    "500": server_error,
    "502": lambda accepted: server_error(502, accepted=accepted),
    "504": lambda accepted: server_error(504, accepted=accepted),
    "silence": lambda accepted: silence(2.0, accepted=accepted),
    "hang_up": hang_up,
    "html": html,
    "bad_json": bad_json,
    "odd_json": odd_json,
    "bad_id": bad_id,
    "echo": lambda accepted: echo(500, accepted=accepted),
}


@pytest.mark.parametrize("fault", DOUBTFUL)
@pytest.mark.parametrize("kind", QUEUED)
def test_an_order_whose_answer_was_lost_is_found_in_the_list(shop: Shop, kind: Kind, fault: str) -> None:
    shop.server.faults("submit", DOUBTFUL[fault](accepted=True))
    candidate = made(shop.quick(kind), shop.job())
    assert candidate.usd == PRICE
    assert candidate.facts["request_id"] == "job-1"
    assert (shop.paid, len(shop.server.jobs)) == (1, 1)


@pytest.mark.parametrize("fault", DOUBTFUL)
@pytest.mark.parametrize("accepted", [True, False])
def test_without_a_list_a_lost_answer_may_have_been_paid_and_is_never_sent_again(
    shop: Shop, fault: str, accepted: bool
) -> None:
    engine, job = shop.quick("openai"), shop.job()
    shop.server.faults("submit", DOUBTFUL[fault](accepted=accepted))
    error = failure(engine, job)
    assert (error.code, error.usd) == ("maybe_paid", PRICE)
    shop.clock.at += 3600
    again = failure(shop.quick("openai"), job)
    assert (again.code, again.usd) == ("maybe_paid", 0)  # it was reported
    assert shop.server.count("POST", "edits") == 1


def test_an_order_that_the_list_never_showed_is_sent_again_when_that_is_sure(shop: Shop) -> None:
    engine, job = shop.engine("replicate"), shop.job()
    shop.server.faults("submit", server_error())
    assert failure(engine, job).code == "maybe_paid"
    assert failure(engine, job).usd == 0
    shop.clock.at += 600
    assert made(shop.engine("replicate"), job).usd == 0  # what was reported when it was in doubt is spent now
    assert shop.paid == 1


def test_a_list_that_may_be_late_proves_nothing(shop: Shop) -> None:
    job = shop.job()
    shop.server.faults("submit", server_error(accepted=True))
    shop.server.unlisted = True
    assert failure(shop.engine("replicate"), job).code == "maybe_paid"
    shop.server.unlisted = False
    assert made(shop.engine("replicate"), job).usd == 0  # it was reported when it was in doubt
    assert shop.paid == 1


def test_a_list_that_hides_what_was_sent_proves_nothing(shop: Shop) -> None:
    job = shop.job()
    shop.server.faults("submit", server_error(accepted=True))
    shop.server.hidden_input = True
    assert failure(shop.engine("replicate"), job).code == "maybe_paid"
    shop.clock.at += 86_400
    assert failure(shop.engine("replicate"), job).code == "maybe_paid"
    assert (shop.paid, len(shop.server.jobs)) == (1, 1)


@pytest.mark.parametrize("kind", QUEUED)
def test_the_list_is_read_over_several_pages(shop: Shop, kind: Kind) -> None:
    engine = shop.engine(kind)
    shop.server.page = 2
    shop.server.faults("submit", server_error(accepted=True))
    job = shop.job()
    shop.server.faults("list", server_error())
    shop.server.unlisted = True
    assert failure(engine, job).code == "maybe_paid"
    shop.server.unlisted = False
    for _ in range(3):
        shop.clock.at += 1
        made(engine, shop.job())
    assert made(engine, job).facts["request_id"] == "job-1"
    assert shop.server.double_paid == []


def test_a_list_that_leads_to_another_host_is_not_followed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.server.page = 1
    job = shop.job()
    shop.server.faults("submit", server_error(accepted=True))
    shop.server.unlisted = True
    failure(shop.engine("replicate"), job)
    shop.server.unlisted = False
    with CloudServer(now=shop.clock) as thief:
        page = {"next": f"{thief.url}/v1/predictions", "previous": None, "results": []}
        shop.server.faults("list", Fault(200, json.dumps(page).encode()))
        assert failure(shop.engine("replicate"), job).code == "maybe_paid"
        assert thief.asked == []


# ---- waiting


@pytest.mark.parametrize("kind", QUEUED)
@pytest.mark.parametrize(
    "fault", [server_error(500), server_error(503), busy(3), html(), bad_json(), odd_json(), hang_up(), silence(2.0)]
)
def test_trouble_while_waiting_is_waited_out(shop: Shop, kind: Kind, fault: Fault) -> None:
    shop.server.slow = 3
    shop.server.faults("status", fault, fault)
    shop.server.faults("result", fault)
    assert made(shop.engine(kind, call_s=0.25), shop.job()).usd == PRICE
    assert shop.paid == 1


@pytest.mark.parametrize("kind", QUEUED)
def test_a_late_picture_is_picked_up_without_paying_again(shop: Shop, kind: Kind) -> None:
    job = shop.job()
    shop.server.hold()
    shop.server.stubborn = True
    error = failure(shop.engine(kind), job)
    assert (error.code, error.usd) == ("timed_out", PRICE)
    assert shop.server.count("POST" if kind == "replicate" else "PUT", "/cancel") == 1
    shop.server.release()
    assert made(shop.engine(kind), job).usd == 0
    assert shop.paid == 1


@pytest.mark.parametrize("kind", QUEUED)
def test_an_order_that_was_cancelled_in_time_costs_nothing(shop: Shop, kind: Kind) -> None:
    engine, job = shop.engine(kind), shop.job()
    shop.server.hold()
    error = failure(engine, job)
    assert (error.code, error.usd, shop.paid) == ("timed_out", 0, 0)
    shop.server.release()
    assert made(engine, job).usd == PRICE


@pytest.mark.parametrize("kind", QUEUED)
def test_a_picture_that_is_done_just_then_is_taken(shop: Shop, kind: Kind) -> None:
    shop.server.slow = 21  # 20 s of polling at 1 s, and the look after the cancel
    shop.server.stubborn = True
    assert made(shop.engine(kind), shop.job()).usd == PRICE


@pytest.mark.parametrize("kind", QUEUED)
def test_trouble_at_the_cancel_leaves_the_order_as_it_is(shop: Shop, kind: Kind) -> None:
    job = shop.job()
    shop.server.hold()
    shop.server.faults("cancel", server_error())
    assert failure(shop.engine(kind), job).usd == PRICE
    shop.server.release()
    assert made(shop.engine(kind), job).usd == 0


@pytest.mark.parametrize("kind", QUEUED)
def test_work_that_failed_there_is_told(shop: Shop, kind: Kind) -> None:
    job = shop.job()
    shop.server.fail_with = f"CUDA error {KEY} https://internal.example/x?sig=1"
    error = failure(shop.engine(kind), job)
    assert (error.code, error.usd) == ("failed", PRICE)
    assert "CUDA error" in error.message
    assert "internal.example" not in error.message
    shop.server.fail_with = ""
    again = failure(shop.engine(kind), job)
    assert (again.code, again.usd, again.healthy) == ("failed", 0, True)
    assert shop.paid == 1


def test_failed_work_that_is_free_may_be_ordered_again(shop: Shop) -> None:
    engine, job = shop.engine("replicate", charged_if_failed=False), shop.job()
    shop.server.fail_with = "out of memory"
    assert failure(engine, job).usd == 0
    shop.server.fail_with = ""
    assert made(engine, job).usd == PRICE


def test_an_order_that_the_provider_forgot_is_not_sent_again(shop: Shop) -> None:
    job = shop.job()
    shop.server.hold()
    shop.server.stubborn = True
    failure(shop.engine("replicate"), job)
    shop.server.jobs.clear()
    error = failure(shop.engine("replicate"), job)
    assert (error.code, error.usd) == ("gone", 0)
    assert shop.server.count("POST", "/predictions") - shop.server.count("POST", "/cancel") == 1


# ---- the picture


@pytest.mark.parametrize("kind", QUEUED)
@pytest.mark.parametrize(
    "fault",
    [html(), truncated(), server_error(500), server_error(404), hang_up(), busy(2, 503), zipped(), silence(2.0)],
)
def test_a_picture_that_cannot_be_fetched_now_is_fetched_later(shop: Shop, kind: Kind, fault: Fault) -> None:
    job = shop.job()
    shop.server.faults("picture", *[fault] * 4)
    error = failure(shop.engine(kind, call_s=0.25), job)
    assert (error.code, error.usd) == ("no_picture", PRICE)
    shop.server._faults["picture"].clear()
    assert made(shop.engine(kind), job).usd == 0
    assert shop.paid == 1


@pytest.mark.parametrize("kind", QUEUED)
def test_one_broken_download_is_tried_again(shop: Shop, kind: Kind) -> None:
    shop.server.faults("picture", truncated(), html(), hang_up())
    assert made(shop.engine(kind), shop.job()).usd == PRICE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", [sized((256, 200)), sized((96, 96)), sized((300, 256))])
def test_a_picture_of_another_shape_is_refused_and_not_paid_twice(shop: Shop, kind: Kind, fault: Fault) -> None:
    job = shop.job()
    shop.server.faults("picture", fault)
    error = failure(shop.engine(kind), job)
    assert (error.code, error.usd) == ("no_picture", PRICE)
    assert "pixels" in error.message
    assert failure(shop.engine(kind), job).usd == 0
    assert shop.paid == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(512, 512), (192, 192), (257, 256)])
def test_a_picture_of_the_same_shape_is_resized(shop: Shop, kind: Kind, size: tuple[int, int]) -> None:
    shop.server.faults("picture", sized(size))
    assert made(shop.engine(kind), shop.job()).rgb.shape == (*SIZE[::-1], 3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_absurd_size_is_never_decoded(shop: Shop, kind: Kind) -> None:
    shop.server.faults("picture", *[absurd()] * 4)
    error = failure(shop.engine(kind), shop.job())
    assert error.code == "no_picture"
    assert "pixel_limit_exceeded" in error.message


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_one_colour_is_none(shop: Shop, kind: Kind) -> None:
    shop.server.faults("picture", painted((0, 0, 0)))
    error = failure(shop.engine(kind), shop.job())
    assert (error.code, error.usd, error.healthy) == ("no_picture", PRICE, True)


@pytest.mark.parametrize("fault", [truncated(), Fault(body=b"<html>no</html>"), Fault(body=b"")])
def test_a_broken_picture_in_the_answer_is_paid_and_final(shop: Shop, fault: Fault) -> None:
    job = shop.job()
    shop.server.faults("picture", fault)
    error = failure(shop.engine("openai"), job)
    assert error.usd == PRICE
    assert failure(shop.engine("openai"), job).usd == 0
    assert shop.paid == 1


def test_an_endless_picture_is_cut_off(shop: Shop) -> None:
    shop.server.faults("picture", huge(), huge(), huge(), huge())
    assert "longer than 40 MB" in failure(shop.engine("fal"), shop.job()).message


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest", "https://10.0.0.7/x.png", "file:///etc/passwd"])
def test_a_picture_is_not_looked_for_in_private_networks(shop: Shop, address: str) -> None:
    shop.server.faults("picture", redirect(address))
    error = failure(shop.engine("replicate"), shop.job())
    assert error.code == "no_picture"
    assert "169.254" not in error.message


def test_redirects_end(shop: Shop) -> None:
    job = shop.job()
    shop.server.faults("picture", *[redirect("/pictures/job-1", 307)] * 2)
    assert made(shop.engine("fal"), job).usd == PRICE
    shop.server.faults("picture", *[redirect("/pictures/job-2")] * 9)
    assert "leads on more than 3 times" in failure(shop.engine("fal"), shop.job()).message
