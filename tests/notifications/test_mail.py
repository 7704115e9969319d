"""E-mail against a real SMTP server: encrypted, with a login, and what is made of every refusal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from lakeloop.config.notify import Channel
from lakeloop.notifications import Patience
from tests.notifications.sending import channel, message, send
from tests.notifications.smtp_server import mail_server, write_certificate

PASSWORD = "pass word-of-the-mailbox"


def mail_channel(port: int, **changes: Any) -> Channel:
    declared = {"host": "127.0.0.1", "port": port, "security": "none", "from": "lake@x.org", "to": ["ada@x.org"]}
    return channel(email=declared | changes)


def test_a_mail_has_text_and_html(tmp_path: Path) -> None:
    sent = message(lines=("Why: psi 0.3 < 1.", ".", "größe"))
    with mail_server() as server:
        delivery = send(tmp_path, mail_channel(server.port, to=["ada@x.org", "bob@x.org"]), sent)
    assert (delivery.is_sent, delivery.error) == (True, "")
    (mail,) = server.mails
    assert server.recipients == ["ada@x.org", "bob@x.org"]
    assert {name: mail[name] for name in ("Subject", "From", "To", "Date", "Auto-Submitted")} == {
        "Subject": "[shops] late version 3: contract drift of items",
        "From": "lake@x.org",
        "To": "ada@x.org, bob@x.org",
        "Date": "Sun, 04 Feb 2024 12:00:00 +0000",
        "Auto-Submitted": "auto-generated",
    }
    assert mail["Message-ID"].endswith("@lakeloop>")
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == [
        "late version 3: contract drift of items", "", "Why: psi 0.3 < 1.", ".", "größe", "",
        "lakeloop, project shops, as of 2024-02-04T00:00:00Z", "Look at /ws/report.html",
    ]  # fmt: skip
    assert "<p>Why: psi 0.3 &lt; 1.</p>" in html.get_content()


def test_a_title_makes_no_header_of_its_own(tmp_path: Path) -> None:
    with mail_server() as server:
        assert send(tmp_path, mail_channel(server.port), message(title="late\r\nBcc: eve@x.org")).is_sent
    assert server.mails[0]["Subject"] == "[shops] late Bcc: eve@x.org"
    assert server.mails[0]["Bcc"] is None


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_connection_is_encrypted_before_the_password_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    certificate, context = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(login=("ada", PASSWORD), tls=context, from_the_start=security == "tls") as server:
        delivery = send(tmp_path, mail_channel(server.port, security=security, user="ada", password=PASSWORD))
    assert (delivery.is_sent, delivery.error) == (True, "")
    assert server.logins == [("ada", PASSWORD)]
    assert server.was_encrypted == [True]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path, security: str) -> None:
    _, context = write_certificate(tmp_path)
    with mail_server(login=("ada", PASSWORD), tls=context, from_the_start=security == "tls") as server:
        delivery = send(tmp_path, mail_channel(server.port, security=security, user="ada", password=PASSWORD))
    assert not delivery.is_sent
    assert "CERTIFICATE_VERIFY_FAILED" in delivery.error
    assert (server.logins, server.mails) == ([], [])


def test_a_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    with mail_server(login=("ada", PASSWORD)) as server:
        delivery = send(tmp_path, mail_channel(server.port, security="starttls", user="ada", password=PASSWORD))
    assert (delivery.is_sent, "STARTTLS" in delivery.error) == (False, True)
    assert (server.logins, server.mails) == ([], [])


def test_a_wrong_password_is_not_tried_again_and_not_shown(tmp_path: Path) -> None:
    with mail_server(login=("ada", PASSWORD)) as server:
        delivery = send(tmp_path, mail_channel(server.port, user="ada", password="another-of-the-mailbox"))
    assert not delivery.is_sent
    assert delivery.error == "535 5.7.8 no such user: (hidden) (hidden)"
    assert server.logins == [("ada", "another-of-the-mailbox")]


@pytest.mark.parametrize(
    ("refuses", "error", "asked"),
    [
        ({"MAIL": "451 4.3.0 later"}, "451 4.3.0 later", 3),
        ({"MAIL": "550 5.7.1 may not"}, "550 5.7.1 may not", 1),
        ({"RCPT": "450 4.2.1 mailbox of ada@x.org busy"}, "no recipient was taken: 450", 3),
        ({"RCPT": "550 5.1.1 no ada@x.org here"}, "no recipient was taken: 550", 1),
        ({"DATA": "554 5.6.0 no"}, "554 5.6.0 no", 1),
    ],
)
def test_what_is_temporary_is_tried_again_and_what_is_refused_is_not(
    tmp_path: Path, refuses: dict[str, str], error: str, asked: int
) -> None:
    with mail_server(refuses=refuses) as server:
        delivery = send(tmp_path, mail_channel(server.port))
    assert (delivery.is_sent, delivery.error) == (False, error)
    assert server.commands.count("MAIL") == asked


def test_one_recipient_that_is_refused_keeps_the_mail_from_nobody(tmp_path: Path) -> None:
    with mail_server(refuses={"RCPT TO:<BOB": "550 no"}) as server:
        delivery = send(tmp_path, mail_channel(server.port, to=["ada@x.org", "bob@x.org"]))
    assert (delivery.is_sent, delivery.error) == (True, "1 of 2 recipients were refused")
    assert len(server.mails) == 1


def test_a_server_that_says_nothing_is_waited_for_a_bounded_time(tmp_path: Path) -> None:
    with mail_server(hangs=True) as server:
        began = time.monotonic()
        delivery = send(tmp_path, mail_channel(server.port), patience=Patience(total=1.5, each=0.7, waits=(0.1, 0.1)))
        assert time.monotonic() - began < 10  # the server would keep it for 30 seconds
    assert not delivery.is_sent


def test_a_mail_that_is_sent_again_is_the_same_mail(tmp_path: Path) -> None:
    with mail_server() as server:
        for folder in ("a", "b"):  # another machine, without the journal
            assert send(tmp_path / folder, mail_channel(server.port)).is_sent
    assert len({mail["Message-ID"] for mail in server.mails}) == 1
    assert len(server.mails) == 2
