"""`newsletter form`: the form on other sites."""

from typing import Annotated

import typer

from newsletter import catalogues, setting_values
from newsletter.cli import edge, grouping
from newsletter.constellation import store
from newsletter.errors import NewsletterError
from newsletter.settings import Settings
from newsletter.suggest import hint
from newsletter.web import embed
from newsletter.web.embed import Snippets
from newsletter.web.look import Looks
from newsletter.web.pages import Pages, stylesheets

app = grouping.group()


class UnknownLanguage(NewsletterError):
    """The form does not speak that language."""


@app.callback()
def form() -> None:
    """Print the form, to put into other sites."""


@app.command()
def snippet(
    script: Annotated[bool, typer.Option("--script", help="Only the line with the script.")] = False,
    html: Annotated[bool, typer.Option("--html", help="Only the plain HTML form.")] = False,
    lang: Annotated[str, typer.Option(help="Its language; without one, that of the series.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what to paste into a site: a line with a script, or a form in plain HTML.

    Example: newsletter form snippet --script --lang de
    """
    settings = edge.settings()
    if lang and catalogues.locale(lang) is None:
        raise UnknownLanguage(f"the form does not speak {lang}{hint(lang, catalogues.LANGUAGES)}")
    made = edge.run(_snippets(settings, lang))
    if setting_values.is_only_here(settings.public_url):
        edge.warn(f"Only this machine can open {settings.public_url}: set public_url before you paste this.")
    both = script == html
    if as_json:
        edge.emit_json(
            {name: getattr(made, name) for name, asked in (("script", script), ("html", html)) if asked or both}
        )
        return
    if both:
        edge.say("<!-- With a script: the whole form, in your site's type; without scripts, a link. -->")
    if script or both:
        edge.say(made.script)
        _tell_of_origins(settings)
    if both:
        edge.say("\n<!-- Or in plain HTML, for your own style sheet. -->")
    if html or both:
        edge.say(made.html)


async def _snippets(settings: Settings, lang: str) -> Snippets:
    async with edge.opened(settings.database) as database, database.read() as connection:
        await store.current(connection)  # says what to do where nothing is loaded
        look = await Looks(*stylesheets(settings.templates)).current(connection)
    voice = catalogues.voice(lang, look.language)
    return embed.snippets(look, settings, Pages.open(settings.templates), voice, now=edge.now())


def _tell_of_origins(settings: Settings) -> None:
    if not settings.web.form_origins:
        edge.warn(
            'The script shows the form only in sites that are named: web.form_origins = ["https://www.example.org"].'
        )
