"""What the Java of the Python index trusts: its own certificates and those of this machine.

A Java of the machine knows the certificates its keepers added, say of a company's proxy. A runtime from a package does
not, and would refuse the connections that everything else here makes.
"""

from __future__ import annotations

import hashlib
import ssl
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

_PASSWORD = "changeit"  # noqa: S105 - what every Java ships with; such a store holds nothing secret
_END = "-----END CERTIFICATE-----"
_BEGIN = "-----BEGIN CERTIFICATE-----"


def machine_certificates() -> tuple[bytes, ...]:
    r"""Read the certificates that Python trusts on this machine.

    Returns:
        Each in DER, in a fixed order; empty where they are kept elsewhere than in files.

    >>> all(each.startswith(b"\x30") for each in machine_certificates())  # a DER sequence
    True
    """
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        files = [Path(paths.cafile)]
    elif paths.capath:
        files = sorted(path for path in Path(paths.capath).iterdir() if path.suffix in {".pem", ".crt"})
    else:
        files = []
    return read_certificates(path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file())


def read_certificates(texts: Iterable[str]) -> tuple[bytes, ...]:
    r"""Read the certificates inside PEM texts.

    Args:
        texts: Texts of any length, with anything between the certificates.

    Returns:
        Each certificate once, in DER, in order.

    >>> first, second = (ssl.DER_cert_to_PEM_cert(each) for each in (b"first", b"second"))
    >>> read_certificates([f"# of the company\n{first}", f"{second}\n{first}"])
    (b'first', b'second')
    """
    found: dict[bytes, None] = {}
    for text in texts:
        for part in text.split(_BEGIN)[1:]:
            body, end, _ = part.partition(_END)
            if end:
                found[ssl.PEM_cert_to_DER_cert(f"{_BEGIN}{body}{_END}")] = None
    return tuple(found)


def runtime_certificates(runtime: Path) -> tuple[bytes, ...]:
    """Read the certificates that a Java brings.

    Args:
        runtime: Its folder.

    Returns:
        Each in DER; empty where its keytool does not say.

    >>> runtime_certificates(Path("/no/java"))
    ()
    """
    command = [str(runtime / "bin" / "keytool"), "-list", "-rfc", "-cacerts", "-storepass", _PASSWORD]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return read_certificates([said])


def trust_store(certificates: Iterable[bytes]) -> bytes:
    """Write certificates as a Java trust store (JKS, which every Java reads).

    Args:
        certificates: Each in DER.

    Returns:
        The content of the file.

    Source: the comment on the format in OpenJDK's `sun.security.provider.JavaKeyStore`.

    >>> trust_store([]).hex()[:24]
    'feedfeed0000000200000000'
    """
    entries = list(certificates)
    parts = [struct.pack(">III", 0xFEEDFEED, 2, len(entries))]
    for number, certificate in enumerate(entries):
        parts += [
            struct.pack(">I", 2),  # a certificate that is trusted
            _text(f"c{number}"),
            struct.pack(">Q", 0),  # the moment it was added
            _text("X.509"),
            struct.pack(">I", len(certificate)),
            certificate,
        ]
    content = b"".join(parts)
    seal = hashlib.sha1(_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + content)  # noqa: S324 - the format's own
    return content + seal.digest()


def _text(value: str) -> bytes:
    return struct.pack(">H", len(value)) + value.encode("ascii")
