"""The trust store, read back by a real keytool where there is one."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

from lakeloop.java import find_java
from lakeloop.java.trust import machine_certificates, read_certificates, runtime_certificates, trust_store
from tests.outside import skip_without

PEM = ssl.DER_cert_to_PEM_cert(b"no real certificate")


def test_certificates_are_read_once_each_from_texts_with_anything_between() -> None:
    other = ssl.DER_cert_to_PEM_cert(b"another")
    cut_off = PEM[:40]
    assert read_certificates([f"Alias: x\n{PEM}\nnoise\n{other}{PEM}", cut_off]) == (b"no real certificate", b"another")
    assert read_certificates([]) == ()


def test_the_store_has_the_format_s_layout() -> None:
    entry = "000000020002633000000000000000000005582e35303900000003616263"
    assert trust_store([b"abc"]).hex()[:-40] == f"feedfeed0000000200000001{entry}"


def test_a_runtime_without_keytool_brings_no_certificates(tmp_path: Path) -> None:
    assert runtime_certificates(tmp_path) == ()


def test_java_reads_the_machine_s_certificates_back(tmp_path: Path) -> None:
    certificates = machine_certificates()
    keytool = shutil.which("keytool") or str(find_java().home / "bin" / "keytool")
    if not certificates or not Path(keytool).exists():
        skip_without("keytool, or certificates in files", "install a JDK and ca-certificates")
    store = tmp_path / "trusted.jks"
    store.write_bytes(trust_store(certificates))
    command = [keytool, "-list", "-rfc", "-keystore", str(store), "-storepass", "changeit"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert set(read_certificates([said])) == set(certificates)
