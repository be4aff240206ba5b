"""The keys that sign links, where they stand in the settings file: one more in front, or an old one taken out.

The file keeps its comments, its order and its mode, and is replaced in one step: whoever reads it meanwhile reads the
old one or the new one.
"""

import hashlib
import re
import secrets
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsletter import tomlfile
from newsletter.errors import NewsletterError

_NAME = ("secrets", "signing_keys")
_ARRAY = re.compile(r"""signing_keys["']?[ \t]*=[ \t]*\[""")


class KeysError(NewsletterError):
    """The keys cannot be changed as asked; the file is as it was."""


@dataclass(frozen=True, slots=True)
class KeyInFile:
    """A key without the key: its fingerprint, its place from the newest (1), and whether it signs new links."""

    fingerprint: str
    place: int
    signs: bool


def fresh() -> str:
    """A new secret: 64 characters of 384 random bits."""
    return secrets.token_urlsafe(48)


def fingerprint(key: str) -> str:
    """What names a key in public: 8 hex digits, from which nobody gets to the key."""
    return hashlib.blake2b(key.encode(), digest_size=4, person=b"fingerprint").hexdigest()


def listed(path: Path) -> list[KeyInFile]:
    """The keys of a settings file, newest first. Raises KeysError or tomlfile.UnreadableFile."""
    return _described(_keys(tomlfile.read(path)))


def rotate(path: Path) -> list[KeyInFile]:
    """Put a fresh key in front; the keys then. Raises KeysError, and then nothing has changed."""
    file = tomlfile.read(path)
    keys = _keys(file)
    source = _source(path)
    start = _array(file, source)
    gap = re.match(r"\s*", source[start:])
    between = gap[0] if gap and "\n" in gap[0] else " "
    leading = between if "\n" in between else ""
    key = fresh()
    changed = f'{source[:start]}{leading}"{key}",{between}{source[start:].lstrip()}'
    return _write(path, file, changed, [key, *keys])


def retire(path: Path, which: str) -> list[KeyInFile]:
    """Take out the key of that fingerprint, whose links then are dead; the keys then. Raises KeysError."""
    file = tomlfile.read(path)
    keys = _keys(file)
    found = [key for key in keys if fingerprint(key) == which]
    if not found:
        raise KeysError(f"{file.where(*_NAME)}: no key has the fingerprint {which}; `newsletter keys list` shows them")
    if found[0] == keys[0]:
        raise KeysError(f"{file.where(*_NAME)}: {which} signs the links of today; `newsletter keys rotate` first")
    source = _source(path)
    start = _array(file, source)
    taken = re.compile(rf"""\s*["']{re.escape(found[0])}["'][ \t]*,?""")
    changed = source[:start] + taken.sub("", source[start:], count=1)
    return _write(path, file, changed, [key for key in keys if key != found[0]])


def _keys(file: tomlfile.TomlFile) -> list[str]:
    table = file.data.get("secrets")
    keys = table.get("signing_keys") if isinstance(table, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise KeysError(f'{file.where(*_NAME)}: there are no keys here; they are written signing_keys = ["…"]')
    return keys


def _described(keys: Sequence[str]) -> list[KeyInFile]:
    return [KeyInFile(fingerprint(key), place, place == 1) for place, key in enumerate(keys, start=1)]


def _source(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _array(file: tomlfile.TomlFile, source: str) -> int:
    """Where the array of keys begins, after its bracket."""
    line_start = sum(len(line) + 1 for line in source.split("\n")[: file.line(*_NAME) - 1])
    found = _ARRAY.search(source, line_start)
    if found is None:
        raise _unclear(file)
    return found.end()


def _write(path: Path, file: tomlfile.TomlFile, changed: str, keys: list[str]) -> list[KeyInFile]:
    """Replace the file, if nothing in it but the keys has changed."""
    wanted = {**file.data, "secrets": {**file.data["secrets"], "signing_keys": keys}}
    if _parsed(changed) != wanted:
        raise _unclear(file)
    try:
        tomlfile.replace(path.resolve(), changed)
    except OSError as error:
        raise KeysError(f"{path}: {error.strerror or error}; the keys are as they were") from error
    return _described(keys)


def _parsed(source: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(source.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return None


def _unclear(file: tomlfile.TomlFile) -> KeysError:
    return KeysError(
        f"{file.where(*_NAME)}: the keys are written in a way this command does not change; "
        'write them as signing_keys = ["newest", "older"], or edit the file by hand'
    )
