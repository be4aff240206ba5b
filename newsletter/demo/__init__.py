"""A whole season played on one machine: a real database, a real SMTP server, the real site, and made-up people.

The people act as people do: they read the mails that arrive, follow the links in them and press buttons. What they
did stands in their own diary, what arrived lies in the outbox, and the closing checks compare the two; no table of
the service is asked.
"""
