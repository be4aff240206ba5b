"""The mailboxes that returned mail is collected from: a Maildir, and an account at a server, by IMAP or POP3."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.delivery import tls_mismatch
from newsletter.engine import returned_mail
from newsletter.engine.held_up import Mailboxes
from newsletter.setting_tables import Mailbox
from newsletter.settings import Settings
from subscribers.links import Links
from webhooks.account import Account, MailboxError
from webhooks.imap import Imap
from webhooks.mailbox import Maildir, maildir
from webhooks.pop3 import Pop3

_PATIENCE = 60.0
"""Seconds to wait for a server's answer."""

_PORTS = {("imap", "implicit"): 993, ("pop3", "implicit"): 995, ("imap", ""): 143, ("pop3", ""): 110}


def account(settings: Mailbox) -> Account:
    """The account of the settings."""
    usual = _PORTS[settings.protocol or "imap", "implicit" if settings.tls == "implicit" else ""]
    port = settings.port or usual
    is_in_vain = port in tls_mismatch.TLS_PORTS and settings.tls != "implicit"
    return Account(
        host=settings.host,
        port=port,
        timeout=tls_mismatch.PATIENCE if is_in_vain else _PATIENCE,
        username=settings.username,
        password=settings.password.get_secret_value(),
        token_file=settings.token_file,
        tls=settings.tls,
        ca_file=settings.ca_file,
        folder=settings.folder,
    )


async def connect(settings: Mailbox) -> Imap | Pop3:
    """Log in to the mailbox of the settings. Raises MailboxError, which names the setting where its TLS is wrong."""
    there = account(settings)
    opened: type[Imap] | type[Pop3] = Imap if settings.protocol == "imap" else Pop3
    try:
        return await asyncio.to_thread(opened.open, there)
    except MailboxError as error:
        if wrong := await _wrong_tls(settings, there, error):
            raise there.failed(MailboxError(wrong)) from error
        raise


async def _wrong_tls(settings: Mailbox, there: Account, error: MailboxError) -> str:
    verb = "STARTTLS" if settings.protocol == "imap" else "STLS"
    tls_port = _PORTS[settings.protocol or "imap", "implicit"]
    setup = tls_mismatch.Setup(there.host, there.port, there.tls, "mailbox.tls", verb, tls_port)
    # The libraries' own words, of both kinds.
    lacks_tls, is_silent = "TLS not supported by server" in str(error), "EOF" in str(error)
    is_silent |= any(isinstance(one, TimeoutError | ConnectionError) for one in tls_mismatch.causes(error))
    return await tls_mismatch.advice(setup, error, lacks_tls=lacks_tls, is_silent=is_silent)


async def collect(database: Database, links: Links, settings: Settings, now: datetime) -> int:
    """Take everything that waits anywhere now; answer how many mails. Raises MailboxError."""
    folder = settings.bounces.maildir
    count = 0 if folder is None else await returned_mail.collect(database, links, maildir(folder), now)
    if not settings.mailbox.protocol:
        return count
    session = await connect(settings.mailbox)
    try:
        return count + await returned_mail.collect(database, links, session, now)
    finally:
        await asyncio.to_thread(session.close)


async def watch_maildir(database: Database, links: Links, box: Maildir, clock: Clock, troubles: Mailboxes) -> None:
    """Take what waits in the Maildir; that it cannot be read is said once."""
    name = str(box.path)
    try:
        await returned_mail.collect(database, links, box, clock())
    except MailboxError as error:
        troubles.note(name, str(error), clock(), timedelta(0))
    else:
        troubles.end(name, clock())


async def follow(
    database: Database,
    links: Links,
    settings: Mailbox,
    clock: Clock,
    stop: asyncio.Event,
    troubles: Mailboxes,
) -> None:
    """Take mail out of the mailbox as it comes, until `stop` is set; a server that is away is asked again later."""
    name = f"{settings.protocol}://{settings.host}"

    async def collect(session: Imap | Pop3) -> None:
        await returned_mail.collect(database, links, session, clock())
        troubles.end(name, clock())

    while not stop.is_set():
        try:
            await _session(settings, stop, collect)
        except MailboxError as error:
            troubles.note(name, str(error), clock(), settings.every)
        try:
            await asyncio.wait_for(stop.wait(), settings.every.total_seconds())
        except TimeoutError:
            continue


async def _session(settings: Mailbox, stop: asyncio.Event, collect: Callable[[Imap | Pop3], Awaitable[None]]) -> None:
    """One connection: by POP3 for what is there, by IMAP for as long as it holds."""
    session = await connect(settings)
    try:
        await collect(session)
        while isinstance(session, Imap) and not stop.is_set():
            await asyncio.to_thread(session.wait, settings.every.total_seconds(), stop.is_set)
            await collect(session)
    finally:
        await asyncio.to_thread(session.close)
