"""Bots: whether a click was a program's, by what it says of itself. What it says is looked at, and forgotten."""

import re

# A browser's name begins like one of these, whatever the browser is. Programs that take such a name say somewhere what
# they are, or where to read about them. Messengers aren't named: their previews are found without, and people follow
# links in them. Words are looked for one by one: one expression of them all would take most of a load to compile.
_BROWSERS = (
    *("mozilla", "opera", "dalvik", "nokia", "samsung", "blackberry", "ucweb", "lg", "sonyericsson", "mot-", "htc"),
    *("lynx", "links", "elinks", "w3m"),
)
_WORDS = (
    *("bot", "crawl", "spider", "scrap", "fetch", "scan", "check", "monitor", "inspect", "verif", "preview", "feed"),
    *("prerender", "agent", "synthetic", "headless", "selenium", "lighthouse", "pingdom", "ptst", "google-"),
    *("http:", "https:", "www."),
)
_SITE = re.compile(r"[a-z0-9]\.(com|net|org|io)\b|compatible; *(?!msie|konqueror)[a-z]")


def is_bot(user_agent: str, *purposes: str) -> bool:
    """Tell whether a request is a bot's.

    Parameters
    ----------
    user_agent : str
        The header; who sends none doesn't say, and is taken for a person.
    *purposes : str
        The headers by which a browser says that it fetches what nobody has asked for yet: ``Sec-Purpose``
        (https://fetch.spec.whatwg.org/#sec-purpose-header), and the older ``Purpose``, ``X-Purpose`` and
        ``X-Moz``.
    """
    if any("prefetch" in purpose or "preview" in purpose for purpose in map(str.lower, purposes)):
        return True
    name = user_agent.lower().replace("cubot", "")  # who makes telephones
    is_a_browsers = name.lstrip('"').startswith(_BROWSERS) and not any(word in name for word in _WORDS)
    return name != "" and (not is_a_browsers or _SITE.search(name) is not None)
