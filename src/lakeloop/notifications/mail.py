"""Messages by e-mail: plain text, and the same as simple HTML."""

from __future__ import annotations

import hashlib
import smtplib
import socket
import ssl
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from lakeloop.config.notify import EmailChannel, EmailSecurity
from lakeloop.notifications.message import Message, one_line
from lakeloop.notifications.place import Place
from lakeloop.notifications.retrying import SENT, Attempt


def write_mail(channel: EmailChannel, message: Message, place: Place) -> EmailMessage:
    """Write a message as a mail.

    Args:
        channel: Who sends it, and who gets it.
        message: The message.
        place: Where it comes from.

    Returns:
        The mail. A message that is sent twice has one `Message-ID`, by which programs for mail show it once.

    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from lakeloop.statuses import MessageSeverity
    >>> place = Place("shops", Path("/data"), "/data/report.html", datetime(2024, 2, 4, tzinfo=UTC))
    >>> channel = EmailChannel.model_validate({"host": "mail", "from": "a@x.org", "to": ["b@x.org"]})
    >>> message = Message("f1", "flag", "bias", MessageSeverity.WARNING, "late: bias", ("why",))
    >>> mail = write_mail(channel, message, place)
    >>> mail["Subject"], mail.get_body(("plain",)).get_content().splitlines()[:2]
    ('[shops] late: bias', ['late: bias', ''])
    """
    mail = EmailMessage()
    mail["Subject"] = one_line(f"[{place.project}] {message.title}")
    mail["From"] = channel.from_
    mail["To"] = ", ".join(channel.to)
    mail["Date"] = format_datetime(place.now)
    mail["Message-ID"] = f"<{hashlib.sha256(message.id.encode()).hexdigest()[:32]}@lakeloop>"
    mail["Auto-Submitted"] = "auto-generated"  # nobody's absence is answered to it: RFC 3834
    mail.set_content(f"{message.title}\n\n{place.text_of(message)}\n")
    items = "".join(f"<p>{escape(line)}</p>" for line in message.lines)
    footer = "<br>".join(escape(line) for line in place.footer_of(message))
    mail.add_alternative(
        f"<html><body><h3>{escape(message.title)}</h3>{items}<p><small>{footer}</small></p></body></html>\n",
        subtype="html",
    )
    return mail


def send_mail(channel: EmailChannel, mail: EmailMessage, seconds: float) -> Attempt:
    """Hand a mail to its server.

    Args:
        channel: The server.
        mail: The mail.
        seconds: Longest wait for the connection, and for each answer.

    Returns:
        SENT when the server took it for at least one recipient. What the server calls temporary (4xx) and a connection
        that fails may pass; what it refuses (5xx), and a certificate that does not fit, do not.

    >>> channel = EmailChannel.model_validate({"host": "127.0.0.1", "port": 9, "from": "a@x.org", "to": ["b@x.org"]})
    >>> send_mail(channel, EmailMessage(), 1.0).is_transient
    True
    """
    try:
        with _connect(channel, seconds) as server:
            if channel.security is EmailSecurity.STARTTLS:
                server.starttls(context=ssl.create_default_context())
            if channel.user is not None and channel.password is not None:
                server.login(channel.user, channel.password.get_secret_value())
            refused = server.send_message(mail, channel.from_, list(channel.to))
    except smtplib.SMTPRecipientsRefused as failure:
        codes = [code for code, _ in failure.recipients.values()]
        said = ", ".join(dict.fromkeys(str(code) for code in codes))
        return Attempt(f"no recipient was taken: {said}", is_transient=all(400 <= code < 500 for code in codes))
    except smtplib.SMTPResponseException as failure:
        reply = failure.smtp_error
        text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
        return Attempt(f"{failure.smtp_code} {text}", is_transient=400 <= failure.smtp_code < 500)
    except smtplib.SMTPException as failure:
        return Attempt(str(failure), is_transient=isinstance(failure, smtplib.SMTPServerDisconnected))
    except OSError as failure:
        is_lasting = isinstance(failure, ssl.SSLCertVerificationError)
        return Attempt(f"{type(failure).__name__}: {failure}", is_transient=not is_lasting)
    if refused:
        return Attempt(f"{len(refused)} of {len(channel.to)} recipients were refused", is_sent=True)
    return SENT


def _connect(channel: EmailChannel, seconds: float) -> smtplib.SMTP:
    host, port, own = channel.host, channel.server_port, socket.gethostname()  # smtplib would look its own name up
    if channel.security is EmailSecurity.TLS:
        return smtplib.SMTP_SSL(host, port, own, timeout=seconds, context=ssl.create_default_context())
    return smtplib.SMTP(host, port, own, timeout=seconds)
