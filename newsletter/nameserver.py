"""Whom we ask of the DNS: the name server of the settings, or this machine's."""

import dns.asyncresolver


def resolver(server: str = "") -> dns.asyncresolver.Resolver:
    """Asks `server`, as in 127.0.0.1:53, or those of this machine. Raises dns.exception.DNSException if it has none."""
    if not server:
        return dns.asyncresolver.Resolver()
    asked = dns.asyncresolver.Resolver(configure=False)
    host, _, port = server.rpartition(":")
    asked.nameservers, asked.port = [host], int(port)
    return asked
