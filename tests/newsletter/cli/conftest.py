"""The `newsletter` command, run in this process as the console script runs it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from newsletter import cli


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Newsletter = Callable[..., Finished]


@pytest.fixture
def newsletter(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Newsletter:
    """Run `newsletter` with these arguments, in the current folder."""

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["newsletter", *map(str, arguments)])
        capsys.readouterr()
        code: object = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        out, err = capsys.readouterr()
        return Finished(code if isinstance(code, int) else 0 if code is None else 1, out, err)

    return run
