"""What SpamAssassin makes of a mail, where it is installed: by its rules alone, asking nobody."""

import asyncio
import re
import shutil

from newsletter.campaigns.preflight.findings import Finding, Rule, error, note, warning

_PATIENCE = 60.0
_WORTH_A_LOOK = 2.0
_STATUS = re.compile(
    r"^X-Spam-Status: \w+, score=(-?[\d.]+) required=([\d.]+) tests=([\w,\s]*?)(?: autolearn|\n\S|$)", re.MULTILINE
)
_OF_NO_ACCOUNT = frozenset({"NO_RECEIVED", "NO_RELAYS", "MISSING_MID", "UNPARSEABLE_RELAY", "none"})
"""What it says of every mail that has not travelled yet."""


async def check(raw: bytes) -> list[Finding]:
    """The score, and the rules that made it."""
    command = shutil.which("spamassassin")
    if command is None:
        return [note(Rule.SPAM_SCORE, "SpamAssassin is not installed, so it was not asked")]
    process = await asyncio.create_subprocess_exec(
        command,
        "--local",
        "--prefspath=/dev/null",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            said, _ = await process.communicate(raw.replace(b"\r\n", b"\n"))
    except TimeoutError:
        return [warning(Rule.SPAM_SCORE, f"SpamAssassin did not answer within {_PATIENCE:.0f} seconds")]
    finally:
        if process.returncode is None:  # also where somebody else has no more time
            process.kill()
            await process.wait()
    return [_judged(said.decode(errors="replace"))]


def _judged(said: str) -> Finding:
    found = _STATUS.search(re.sub(r"\n[ \t]+", " ", said))
    if found is None:
        return warning(Rule.SPAM_SCORE, "SpamAssassin gave no score")
    score, required = float(found[1]), float(found[2])
    rules = [rule for rule in re.split(r"[,\s]+", found[3]) if rule and rule not in _OF_NO_ACCOUNT]
    told = f"SpamAssassin gives {score:g} of {required:g}" + (f": {', '.join(rules)}" if rules else "")
    if score >= required:
        return error(Rule.SPAM_SCORE, told)
    return (warning if score >= _WORTH_A_LOOK else note)(Rule.SPAM_SCORE, told)
