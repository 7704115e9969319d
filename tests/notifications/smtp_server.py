"""A real SMTP server on loopback, as small as RFC 5321 allows: EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA, QUIT."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path


@dataclass
class Taken:
    """What a server was sent."""

    port: int
    logins: list[tuple[str, str]] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    was_encrypted: list[bool] = field(default_factory=list)


@contextmanager
def mail_server(
    *,
    login: tuple[str, str] | None = None,
    refuses: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    from_the_start: bool = False,
    hangs: bool = False,
) -> Iterator[Taken]:
    """Serve meanwhile.

    Args:
        login: User and password it asks for.
        refuses: Beginning of a command -> the reply it gets in place of the usual one.
        tls: Its certificate, for STARTTLS.
        from_the_start: Whether connections begin encrypted.
        hangs: Whether it takes connections and never says a word.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    taken = Taken(listening.getsockname()[1])
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connection.settimeout(5)
            with contextlib.suppress(OSError):
                if hangs:
                    stop.wait(30)
                else:
                    begun = tls.wrap_socket(connection, server_side=True) if tls and from_the_start else connection
                    _Session(begun, taken, login, dict(refuses or {}), None if from_the_start else tls).run()
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        stop.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(5)


@dataclass
class _Session:
    connection: socket.socket
    taken: Taken
    login: tuple[str, str] | None
    refuses: dict[str, str]
    tls: ssl.SSLContext | None
    rest: bytes = b""

    def run(self) -> None:
        try:
            self._say("220 ready")
            while (line := self._line()) is not None:
                command = line.decode("ascii")
                self.taken.commands.append(command.split(" ")[0].upper())
                reply = next((text for begin, text in self.refuses.items() if command.upper().startswith(begin)), None)
                if reply is not None:
                    self._say(reply)
                elif not self._answer(command):
                    return
        finally:
            self.connection.close()

    def _answer(self, command: str) -> bool:
        verb = command.split(" ")[0].upper()
        if verb == "EHLO":
            said = ["at your service"]
            said += ["STARTTLS"] if self.tls is not None else []
            said += ["AUTH PLAIN"] if self.login is not None else []
            self._say("\r\n".join([*(f"250-{each}" for each in said[:-1]), f"250 {said[-1]}"]))
        elif verb == "STARTTLS" and self.tls is not None:
            self._say("220 go ahead")
            self.connection, self.tls = self.tls.wrap_socket(self.connection, server_side=True), None
        elif verb == "AUTH":
            _, user, password = base64.b64decode(command.split(" ")[2]).decode().split("\0")
            self.taken.logins.append((user, password))
            self._say("235 welcome" if (user, password) == self.login else f"535 5.7.8 no such user: {user} {password}")
        elif verb == "RCPT":
            self.taken.recipients.append(command.partition("<")[2].rstrip(">"))
            self._say("250 ok")
        elif verb == "DATA":
            self._say("354 go on")
            lines = []
            while (line := self._line()) not in (None, b"."):
                lines.append(line.removeprefix(b".") if line is not None else b"")
            mail = message_from_bytes(b"\r\n".join(lines), policy=default)
            assert isinstance(mail, EmailMessage)
            self.taken.mails.append(mail)
            self.taken.was_encrypted.append(isinstance(self.connection, ssl.SSLSocket))
            self._say("250 taken")
        elif verb == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 ok" if verb in ("MAIL", "RSET", "NOOP") else "502 not known")
        return True

    def _line(self) -> bytes | None:
        while b"\r\n" not in self.rest:
            more = self.connection.recv(65536)
            if not more:
                return None
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\r\n")
        return line

    def _say(self, text: str) -> None:
        self.connection.sendall(f"{text}\r\n".encode())


def write_certificate(folder: Path, host: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """Write a throw-away certificate of loopback, and give it with a server's context that has its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "throw-away")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, secret)
    return certificate, context
