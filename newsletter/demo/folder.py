"""The demo's own folder, made anew for each run, and the settings in it."""

import os
import re
import secrets
import shutil
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from newsletter import assets
from newsletter import settings as reading
from newsletter.demo.errors import DemoError
from newsletter.settings import PREFIX, Settings

_NOT_ASKING = re.compile(r"^capacity = \d+\n#rsvp = true", re.MULTILINE)
_MARK = ".newsletter-demo"
_MARK_TEXT = "Made by `newsletter demo`, which empties this folder at each run. Keep nothing of your own here.\n"


@dataclass(frozen=True, slots=True)
class Folder:
    """Where everything of a run lies."""

    path: Path

    @property
    def settings(self) -> Path:
        """The settings, so that every other command can look at the run: `newsletter --settings FILE …`."""
        return self.path / "newsletter.toml"

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.path / "newsletter.sqlite3"

    @property
    def constellation(self) -> Path:
        """The series of events that is played."""
        return self.path / "constellation.toml"

    @property
    def people(self) -> Path:
        """The spreadsheet that is imported."""
        return self.path / "people.csv"

    @property
    def rejects(self) -> Path:
        """The rows of it that were refused, and why."""
        return self.path / "refused.csv"

    @property
    def outbox(self) -> Path:
        """Every mail that arrived."""
        return self.path / "outbox"

    @property
    def bounces(self) -> Path:
        """The Maildir that mail comes back to."""
        return self.path / "bounces"

    @property
    def diary(self) -> Path:
        """What people did."""
        return self.path / "diary.csv"

    @property
    def log(self) -> Path:
        """What the service had to say of itself."""
        return self.path / "service.log"

    @property
    def report(self) -> Path:
        """The season in pictures."""
        return self.path / "report.html"


def prepare(path: Path, *, people: int = 2000) -> Folder:
    """An empty folder with the constellation in it. Raises DemoError for one that holds anything of somebody's own.

    One of its events asks who comes, and has fewer places than so many `people` will want.
    """
    try:
        if path.exists() or path.is_symlink():
            _refuse_another(path)
            shutil.rmtree(path)
        path.mkdir(parents=True)
        (path / _MARK).write_text(_MARK_TEXT)
        sample = (assets.TEMPLATES / "init" / "constellation.toml").read_text("utf-8")
        asking = _NOT_ASKING.sub(f"capacity = {max(2, people // 50)}\nrsvp = true ", sample)
        (path / "constellation.toml").write_text(asking, encoding="utf-8")
        for name in ("tmp", "new", "cur"):
            (path / "bounces" / name).mkdir(parents=True)
    except OSError as error:
        raise DemoError(f"{error.filename or path}: {error.strerror}; name another folder with --folder") from error
    return Folder(path)


def _refuse_another(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        raise DemoError(f"{path} is no folder; name another one with --folder")
    if any(path.iterdir()) and not (path / _MARK).is_file():
        raise DemoError(f"{path} was not made by the demo, and is left as it is; name another folder with --folder")


def settle(folder: Folder, *, smtp_port: int, web_port: int) -> Settings:
    """Write the settings of this run, with fresh secrets, and read them."""
    key, hash_key, password = (secrets.token_urlsafe(32) for _ in range(3))
    text = f"""\
# The settings of the demo. While it is kept, look around in it: `newsletter --settings {folder.settings} …`.
database = "sqlite:///{folder.database.name}"
public_url = "http://127.0.0.1:{web_port}"

[secrets]
signing_keys = ["{key}"]
hash_key = "{hash_key}"

[smtp]
host = "127.0.0.1"
port = {smtp_port}
provider = "postmark"
tls = "none"
connections = 2

[bounces]
address = "bounce@bounces.afl.example.org"
maildir = "{folder.bounces.name}"

[webhooks]
postmark_username = "postmark"
postmark_password = "{password}"

[web]
port = {web_port}

[preflight]
# Each mail is checked before it starts. Its season is made up: the pages it links to are nowhere.
network = false
spamassassin = false

[joining]
# Visitors solve a challenge each, as browsers do; a smaller one, since one machine solves for all. And the clock
# of the season stands still while they write.
proof_iterations = 50
shortest_fill = "00:00:00"
"""
    descriptor = os.open(folder.settings, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return reading.read(folder.settings)


def forget_variables(environment: MutableMapping[str, str]) -> None:
    """Drop NEWSLETTER_* variables: they win over any file, and could name a real database or a real relay."""
    for name in [name for name in environment if name.startswith(PREFIX)]:
        del environment[name]
