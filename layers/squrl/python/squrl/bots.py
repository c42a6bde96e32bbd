"""Bots: whether a click was a program's, by what it says of itself. What it says is looked at, and forgotten."""

import re

# What no browser says. A browser's name begins with Mozilla/5.0 or the like, whatever it is; programs that take such a
# name say somewhere what they are, or where to read about them. Cubot makes telephones. Messengers aren't named: their
# previews are found without, and people follow links in them.
_IS_BOT = re.compile(
    r"(?<!cu)bot|crawl|spider|slurp|scrap|fetch|scan|check|monitor|preview|prerender|feed|rss|archiv|index|search|validat"
    r"|agent|audit|capture|inspect|optimiz|survey|synthetic|verif|headless|phantom|httpclient|ptst|google-"
    r"|lighthouse|speed insights|uptime|pingdom"
    r"|https?:|www\.|@[a-z]|\.(com|net|org|io)\b|compatible; *(?!msie|konqueror)[a-z]"
    r'|^(?!"?(mozilla|opera|dalvik|nokia|samsung|blackberry|ucweb|lg|sonyericsson|mot-|htc))'
)


def is_bot(user_agent: str, *purposes: str) -> bool:
    """Tell whether a request is a bot's.

    Parameters
    ----------
    user_agent : str
        The header; who sends none doesn't say, and is taken for a person.
    *purposes : str
        The headers by which a browser says that it fetches what nobody has asked for yet: ``Sec-Purpose``
        (https://fetch.spec.whatwg.org/#sec-purpose-header), and the older ``Purpose`` and ``X-Moz``.
    """
    if any("prefetch" in purpose or "preview" in purpose for purpose in map(str.lower, purposes)):
        return True
    return user_agent != "" and _IS_BOT.search(user_agent.lower()) is not None
