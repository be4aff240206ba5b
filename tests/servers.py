"""What the servers of other makers need before they can run for a test – ports, a certificate, a name server – and a
web server for links to lead to."""

import asyncio
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def free_ports(count: int) -> list[int]:
    """Ports that are free now: these servers cannot take port 0, and tell which one they got."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def folder_for(server: str) -> Iterator[Path]:
    """A folder for a server's files, which other users of the system may enter; it goes with the server."""
    folder = Path(tempfile.mkdtemp(prefix=f"newsletter-{server}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_until_up(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Connect until it answers: it says nowhere that it is ready."""
    until = time.monotonic() + 90
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                told = log.read_text() if log.exists() else ""
                pytest.fail(f"{process.args!r} does not answer at port {port}: {told}")


def certify(folder: Path) -> None:
    """Write `server.pem`, which signs itself for localhost, and its `server.key`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@contextmanager
def dns_server(records: Mapping[str, str]) -> Iterator[int]:
    """A name server that knows these TXT records, and by `NAME TYPE` others, as they are when asked; answers its port.

    The word SERVFAIL for a record is that answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                asked, whom = listening.recvfrom(4096)
                if not asked:
                    return
                listening.sendto(_answer(asked, records), whom)

        thread = threading.Thread(target=serve)
        thread.start()
        port = int(listening.getsockname()[1])
        try:
            yield port
        finally:
            listening.sendto(b"", ("127.0.0.1", port))
            thread.join()


@asynccontextmanager
async def web_server() -> AsyncIterator[str]:
    """A web server whose paths begin with the status that they answer; `slow` says nothing, `noheads` refuses HEAD."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path, _ = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode().split(" ")
        writers.append(writer)
        name = path.strip("/").partition("/")[0]
        if name != "slow":
            status = ("405" if method == "HEAD" else "200") if name == "noheads" else name
            location = "Location: /200\r\n" if status == "302" else ""
            writer.write(f"HTTP/1.1 {status} X\r\n{location}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in writers:
            writer.close()
            await writer.wait_closed()


def _answer(asked: bytes, records: Mapping[str, str]) -> bytes:
    query = dns.message.from_wire(asked)
    answer = dns.message.make_response(query)
    name = query.question[0].name
    plain, kind = name.to_text(omit_final_dot=True), dns.rdatatype.to_text(query.question[0].rdtype)
    text = records.get(plain)
    if (record := records.get(f"{plain} {kind}")) == "SERVFAIL":
        answer.set_rcode(dns.rcode.SERVFAIL)
    elif record is not None:
        answer.answer.append(dns.rrset.from_text(name, 1, "IN", kind, record))
    elif any(known.startswith(f"{plain} ") for known in records):
        pass  # the name is there, and has no such record
    elif text is None:
        answer.set_rcode(dns.rcode.NXDOMAIN)
        if not plain.endswith("unvouched"):  # as from a name server that knows the zone (RFC 2308, section 2.1)
            soa = "a.test. b.test. 1 1 1 1 1"
            answer.authority.append(dns.rrset.from_text(name.split(1)[1], 1, "IN", "SOA", soa))
    else:
        strings = " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))
        answer.answer.append(dns.rrset.from_text(name, 1, "IN", "TXT", strings))
    return answer.to_wire()
