"""DKIM (RFC 6376, 8301, 8463): keys of our own, what the DNS must say of them, and signatures by them.

For a service whose relay does not sign, or signs for another domain. Off until the settings name a key.
"""
