"""Slack and generic webhooks against a real HTTP server: what arrives, what is tried again, what is never shown."""

from __future__ import annotations

import json
import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

from lakeloop.config.notify import Channel
from lakeloop.notifications import Patience, join_messages
from lakeloop.notifications.signature import is_genuine
from tests.notifications.http_server import answering
from tests.notifications.sending import KEY, NOW, channel, message, send


def webhook(url: str) -> Channel:
    return channel(webhook={"url": url, "secret": KEY})


def test_slack_gets_text_and_blocks(tmp_path: Path) -> None:
    sent = message(title="late: a <b> & c", lines=("Why: psi 0.3 > 0.1.", "<!channel> `x`"))
    with answering() as server:
        assert send(tmp_path, channel(slack=server.url), sent).is_sent
        assert send(tmp_path, channel(slack=server.url), sent).is_sent  # the journal knows it
    (posted,) = server.posted
    assert posted.path == "/services/T0KEN-of-the-hook"
    assert posted.headers["Content-Type"] == "application/json; charset=utf-8"
    said = "Why: psi 0.3 &gt; 0.1.\n&lt;!channel&gt; `x`"
    footer = "lakeloop, project shops, as of 2024-02-04T00:00:00Z\nLook at /ws/report.html"
    assert posted.plain == {
        "text": f":rotating_light: late: a &lt;b&gt; &amp; c\n{said}\n{footer}",
        "blocks": [
            {"type": "header",
             "text": {"type": "plain_text", "text": ":rotating_light: late: a <b> & c", "emoji": True}},
            {"type": "section", "text": {"type": "mrkdwn", "text": said}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]},
        ],
    }  # fmt: skip


def test_slack_s_limits_are_kept(tmp_path: Path) -> None:
    many = join_messages([message(f"f{n}", title="t" * 400, lines=("l" * 2000,)) for n in range(60)], "d1")
    with answering() as server:
        assert send(tmp_path, channel(slack=server.url), many).is_sent
    header, section, _ = server.posted[0].plain["blocks"]
    assert len(header["text"]["text"]) <= 150
    assert len(section["text"]["text"]) <= 3000


def test_a_webhook_is_signed_and_names_the_message(tmp_path: Path) -> None:
    with answering(204, answer=b"") as server:
        assert send(tmp_path, webhook(server.url)).is_sent
    (posted,) = server.posted
    assert posted.plain == message().to_plain() | {"project": "shops"}
    assert posted.headers["Lakeloop-Id"] == "f1"
    timestamp, signature = posted.headers["Lakeloop-Timestamp"], posted.headers["Lakeloop-Signature"]
    assert timestamp == str(int(NOW.timestamp()))
    assert is_genuine(KEY, timestamp, posted.body, signature, NOW)
    assert not is_genuine(KEY, timestamp, posted.body + b" ", signature, NOW)  # changed on the way
    assert not is_genuine("another key of length", timestamp, posted.body, signature, NOW)
    assert not is_genuine(KEY, str(int(timestamp) + 1), posted.body, signature, NOW)
    assert not is_genuine(KEY, timestamp, posted.body, signature, NOW + timedelta(minutes=6))  # sent again by somebody
    assert not is_genuine(KEY, "soon", posted.body, signature, NOW)
    assert not is_genuine(KEY, timestamp, posted.body, "v1=é", NOW)


@pytest.mark.parametrize(
    ("codes", "is_sent", "asked"),
    [
        ((200,), True, 1),
        ((500, 503, 200), True, 3),
        ((429, 202), True, 2),
        ((500,), False, 3),
        ((400,), False, 1),
        ((401,), False, 1),
        ((404, 200), False, 1),
        ((410, 200), False, 1),
    ],
)
def test_what_may_pass_is_tried_again_and_what_is_refused_is_not(
    tmp_path: Path, codes: tuple[int, ...], is_sent: bool, asked: int
) -> None:
    with answering(*codes) as server:
        delivery = send(tmp_path, webhook(server.url))
    assert delivery.is_sent is is_sent
    assert delivery.error.startswith("" if is_sent else f"HTTP {codes[0]} ")
    assert len(server.posted) == asked
    assert len({each.headers["Lakeloop-Id"] for each in server.posted}) == 1


def test_a_server_says_when_it_wants_to_be_asked_again(tmp_path: Path) -> None:
    with answering(429, 200, headers={"Retry-After": "1"}) as server:
        began = time.monotonic()
        assert send(tmp_path, webhook(server.url)).is_sent
    assert time.monotonic() - began >= 1
    with answering(429, headers={"Retry-After": "3600"}) as server:  # nobody waits that long
        assert not send(tmp_path, webhook(server.url), message("f2")).is_sent
    assert len(server.posted) == 1


def test_no_redirect_is_followed(tmp_path: Path) -> None:
    with answering() as other, answering(302, headers={"Location": other.url}) as server:
        delivery = send(tmp_path, channel(slack=server.url))
    assert not delivery.is_sent
    assert "redirects are not followed" in delivery.error
    assert other.posted == []


@pytest.mark.parametrize("how", ["hangs", "trickles"])
def test_a_server_that_does_not_end_its_answer_is_waited_for_a_bounded_time(tmp_path: Path, how: str) -> None:
    with answering(hangs=how == "hangs", trickles=how == "trickles") as server:
        began = time.monotonic()
        delivery = send(tmp_path, channel(slack=server.url), patience=Patience(total=1.5, each=1.0, waits=(0.1, 0.1)))
        assert time.monotonic() - began < 10  # the server would keep it for 30 seconds
    assert not delivery.is_sent
    assert "timed out" in delivery.error or "no answer within" in delivery.error


def test_a_server_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    delivery = send(tmp_path, channel(slack=f"http://127.0.0.1:{port}/services/T0KEN"))
    assert (delivery.is_sent, "Connection refused" in delivery.error) == (False, True)


def test_a_server_that_breaks_off_is_told_of(tmp_path: Path) -> None:
    with answering(200, headers={"Content-Type": "x" * 70_000}) as server:  # a line no client reads
        delivery = send(tmp_path, channel(slack=server.url))
    assert not delivery.is_sent
    assert "LineTooLong" in delivery.error


@pytest.mark.parametrize("code", [404, 500])
def test_no_error_shows_address_or_key(tmp_path: Path, code: int) -> None:
    with answering(code, answer=b"no such hook: /services/T0KEN-of-the-hook, a key that nobody guesses") as server:
        errors = [send(tmp_path, each).error for each in (channel(slack=server.url), webhook(server.url))]
    for error in errors:
        assert error.startswith(f"HTTP {code} ")
        assert "T0KEN" not in error
    assert "nobody guesses" not in errors[1]
    assert "(hidden)" in errors[0]


def test_an_answer_of_html_or_bytes_is_not_shown(tmp_path: Path) -> None:
    for answer in (b"<html><body>oops</body></html>", b"\xff\xfe\x00" * 200):
        with answering(404, answer=answer) as server:
            delivery = send(tmp_path, channel(slack=server.url))
        assert len(delivery.error) <= 300
        assert "html" not in delivery.error


def test_a_message_of_any_letters_arrives(tmp_path: Path) -> None:
    with answering() as server:
        assert send(tmp_path, webhook(server.url), message(subject="größe 重さ \ud800")).is_sent
    assert json.loads(server.posted[0].body)["subject"] == "größe 重さ ?"
