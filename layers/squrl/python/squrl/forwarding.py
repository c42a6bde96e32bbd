"""Forwarding: a visitor's query parameters are added to the destination's."""

from urllib.parse import unquote_plus

MAX_BYTES = 2048  # of the result, as of a destination


def forward(destination: str, query: str) -> str:
    """Return a destination with a visitor's query parameters; without them if the whole would be too long.

    Where a name is in both, the visitor's parameters of that name take the place of the destination's first one, and
    its others go. The rest of the visitor's come last. All of them keep their order and their encoding; names are
    compared decoded, as forms encode them (https://url.spec.whatwg.org/#urlencoded-parsing).

    Parameters
    ----------
    destination : str
        A URL.
    query : str
        The visitor's, as it was sent, without the question mark.
    """
    sent: dict[str, list[str]] = {}
    for parameter in filter(None, query.split("&")):
        sent.setdefault(_name(parameter), []).append(parameter)
    if not sent:
        return destination
    before_fragment, hash_, fragment = destination.partition("#")
    path, _, own = before_fragment.partition("?")
    names = set(sent)
    parameters: list[str] = []
    for parameter in own.split("&") if own else ():
        name = _name(parameter)
        if name in names and parameter:
            parameters += sent.pop(name, ())
        else:
            parameters.append(parameter)
    parameters += [parameter for rest in sent.values() for parameter in rest]
    forwarded = f"{path}?{'&'.join(parameters)}{hash_}{fragment}"
    return forwarded if len(forwarded.encode()) <= MAX_BYTES else destination


def _name(parameter: str) -> str:
    return unquote_plus(parameter.partition("=")[0])
