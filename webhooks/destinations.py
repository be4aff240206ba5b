"""Where a message of ours may be posted: to the public internet by HTTPS, and to nobody's inner network.

Whoever may name a URL must not reach through us what only we can reach (server-side request forgery): not this
machine, not its neighbours, not a cloud's metadata service. A name is resolved first, each of its addresses is looked
at, and the connection goes to one that was looked at, so that the name cannot mean another a moment later.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import SplitResult, urlsplit

from webhooks.errors import WebhookError

_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out (RFC 4291 2.4, IANA's registry): no other address leads anywhere public."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address stands in the last 32 bits
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # RFC 9637, which Python's own table does not know yet
_CLOUDS = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("168.63.129.16"))
"""Where Oracle's and Azure's machines find what is about themselves: no table calls these addresses private."""
_PRIVATE = tuple(
    ipaddress.ip_network(one)
    for one in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1", "fc00::/7")
)
"""This machine, and networks of one's own: RFC 1918, 4193 and 6598. Link-local addresses are none: clouds tell their
machines about themselves there."""
_METADATA = tuple(ipaddress.ip_address(one) for one in ("100.100.100.200", "fd00:ec2::254", "fd20:ce::254"))
"""Where Alibaba's, Amazon's and Google's do within those."""
_ISATAP, _ISATAP_BITS = 0x5EFE, 0xFDFFFFFF  # one bit says whether the IPv4 address is unique


class NoDestination(WebhookError):
    """A message may not be posted there, or there is no such place."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A place that was looked at: what stands in the URL, and the address to connect to."""

    url: str
    host: str
    port: int
    address: str


def check(url: str, *, allow_private: bool) -> SplitResult:
    """The parts of a URL that is fit to be posted to. With `allow_private`, http will do. Raises NoDestination."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NoDestination(f"{url} is no URL: {error}") from error
    if parts.scheme == "http" and not allow_private:
        raise NoDestination(f"{url}: by HTTPS only, as in https://example.org/hook")
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise NoDestination(f"{url}: give an address as in https://example.org/hook")
    if parts.username is not None or parts.password is not None:
        raise NoDestination(f"{parts.hostname}: leave name and password out of the URL; messages are signed")
    if parts.fragment or not url.isascii() or any(sign <= " " or sign == "\x7f" for sign in url):
        raise NoDestination(f"{url}: write it in plain ASCII, without spaces and without a #part")
    return parts


async def resolve(url: str, *, allow_private: bool) -> Destination:
    """Look up where a URL leads. Raises NoDestination if there is no such host, or one of its addresses is not public.

    With `allow_private`, those of this machine and of private networks will do too, and no others.
    """
    parts = check(url, allow_private=allow_private)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoDestination(f"{host}: there is no such host") from error
    addresses = [ipaddress.ip_address(str(where[0]).partition("%")[0]) for *_, where in found]
    for address in addresses:
        if not is_public(address) and not (allow_private and is_private(address)):
            nor = ", nor in a private network" if allow_private else ""
            raise NoDestination(f"{host} leads to {address}, which is not on the public internet{nor}")
    return Destination(url, host, port, str(addresses[0]))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address, and any that is wrapped in it, is one of the public internet."""
    if isinstance(address, IPv4Address):
        inside = any(address in network for network in _CLOUDS)
        return address.is_global and not address.is_multicast and not inside
    through = _translated(address)
    if through is not None:
        return is_public(through)
    if address.sixtofour is not None:
        return False  # RFC 7526 took 6to4 out of use; Python says so since 3.13
    inner = _tunnelled(address)
    if inner is not None and not is_public(inner):
        return False
    return address in _UNICAST and address not in _DOCUMENTATION and address.is_global


def is_private(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address, and any that is wrapped in it, is this machine's or of a private network."""
    through = _translated(address) if isinstance(address, IPv6Address) else None
    if through is not None:
        return is_private(through)
    inner = _tunnelled(address) if isinstance(address, IPv6Address) else None
    if inner is not None and not is_private(inner):
        return False
    return address not in _METADATA and any(address in network for network in _PRIVATE)


def _translated(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that this one is another spelling of (RFC 4291 2.5.5.2, RFC 6052)."""
    return _last(address) if address in _NAT64 else address.ipv4_mapped


def _tunnelled(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address to which ISATAP would tunnel what is for this one (RFC 5214 6.1)."""
    return _last(address) if (int(address) >> 32) & _ISATAP_BITS == _ISATAP else None


def _last(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)
