"""Whom we ask of the DNS: the name server of the settings, or this machine's."""

import dns.asyncresolver
import dns.exception
import dns.resolver


def resolver(server: str = "") -> dns.asyncresolver.Resolver:
    """Asks `server`, as in 127.0.0.1:53, or those of this machine. Raises dns.exception.DNSException if it has none."""
    if not server:
        return dns.asyncresolver.Resolver()
    asked = dns.asyncresolver.Resolver(configure=False)
    host, _, port = server.rpartition(":")
    asked.nameservers, asked.port = [host], int(port)
    return asked


async def mail_exchanger(domain: str, server: str = "") -> str | None:
    """The host that takes a domain's mail first (RFC 5321, section 5.1), in lower case; None where the DNS knows none.

    Raises TimeoutError.
    """
    try:
        answer = await resolver(server).resolve(f"{domain}.", "MX")
    except dns.exception.Timeout as error:
        raise TimeoutError(str(error)) from error
    except (dns.exception.DNSException, ValueError):  # there is none, or it is none that could be asked for
        return None
    first = min(answer, key=lambda record: record.preference)
    return str(first.exchange.to_text(omit_final_dot=True)).lower()
