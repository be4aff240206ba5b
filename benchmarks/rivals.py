"""What others would do with the same mail, on one core as we do: Django's mail loop, and aiosmtplib with ready bytes.

python -m benchmarks.rivals django|aiosmtplib SETTINGS CAMPAIGN MESSAGES
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiosmtplib

from benchmarks import ground
from newsletter import database as databases
from newsletter import settings as settings_file
from newsletter.campaigns import lifecycle, store
from newsletter.cli import edge
from newsletter.clock import wall_clock
from newsletter.content.facts import Facts
from newsletter.delivery.composer import Mailing
from newsletter.delivery.ledger import Due
from newsletter.settings import Settings

_CONNECTIONS = 16


def people(count: int) -> Iterator[Due]:
    """Readers like those in the database."""
    for number in range(1, count + 1):
        yield ground.READER._replace(subscriber_id=number, address=f"reader{number}@example{number % 97}.net")


def by_django(settings: Settings, mailing: Mailing, count: int) -> float:
    """Seconds of EmailMultiAlternatives on one open connection, its two templates rendered for each person."""
    import django  # type: ignore[import-untyped] # Django ships no types
    from django.conf import settings as configured  # type: ignore[import-untyped] # likewise
    from django.core.mail import EmailMultiAlternatives, get_connection  # type: ignore[import-untyped] # likewise
    from django.template import Context, Template  # type: ignore[import-untyped] # likewise

    site = settings.public_url
    backend = "django.template.backends.django.DjangoTemplates"
    configured.configure(EMAIL_HOST=settings.smtp.host, EMAIL_PORT=settings.smtp.port, TEMPLATES=[{"BACKEND": backend}])
    django.setup()
    subject, text, html = _as_templates(mailing)
    text_template, html_template = Template(text), Template(html)
    begun = time.perf_counter()
    with get_connection() as connection:
        for reader in people(count):
            values = mailing.values(reader)
            context = Context(dict(values))
            message = EmailMultiAlternatives(
                subject,
                text_template.render(context),
                "news@example.org",
                [reader.address],
                connection=connection,
                headers={"List-Unsubscribe": f"<{site}/one-click/{values['unsubscribe_link']}>"},
            )
            message.attach_alternative(html_template.render(context), "text/html")
            message.send()
    return time.perf_counter() - begun


def _as_templates(mailing: Mailing) -> tuple[str, str, str]:
    """Our mail as Django's templates: each value of one reader's is the variable of its name again."""
    skeleton = mailing.skeleton(ground.READER)
    values = mailing.values(ground.READER)
    text, html = skeleton.text(values), skeleton.html(values)
    for name in sorted(values, key=lambda name: -len(values[name])):
        text, html = (part.replace(values[name], f"{{{{ {name} }}}}") for part in (text, html))
    return skeleton.subject(values), text, html


async def by_aiosmtplib(settings: Settings, mailing: Mailing, count: int) -> float:
    """Seconds of aiosmtplib.sendmail, the bytes made by us, over 16 connections."""
    readers = people(count)

    async def worker() -> None:
        host, port = settings.smtp.host, settings.smtp.port
        async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False) as client:
            for reader in readers:
                item = mailing.item(reader)
                await client.sendmail(item.mail_from.decode(), [reader.address], item.body)

    begun = time.perf_counter()
    await asyncio.gather(*[worker() for _ in range(_CONNECTIONS)])
    return time.perf_counter() - begun


async def stated(settings: Settings, slug: str) -> Facts:
    """What the campaign's mail says."""
    database = databases.connect(settings.database)
    try:
        async with database.read() as connection:
            return await lifecycle.facts(connection, settings, await store.find(connection, slug))
    finally:
        await database.close()


def main() -> None:
    """Print how many messages a second."""
    which, path, slug, count = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    settings = settings_file.read(path)
    mailing = ground.mailing(edge.run(stated(settings, slug)), settings, wall_clock())
    if which == "django":
        seconds = by_django(settings, mailing, count)
    else:
        seconds = edge.run(by_aiosmtplib(settings, mailing, count))
    print(json.dumps(count / seconds))


if __name__ == "__main__":
    main()
