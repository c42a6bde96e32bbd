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
    # A number sign that was sent bare would end the query, and what follows of the destination's.
    parameters = [(_name(each), each) for each in query.replace("#", "%23").split("&") if each]
    if not parameters:
        return destination
    sent: dict[str, list[str]] = {}
    for name, parameter in parameters:
        sent.setdefault(name, []).append(parameter)
    before_fragment, hash_, fragment = destination.partition("#")
    path, _, own = before_fragment.partition("?")
    result: list[str] = []
    placed: set[str] = set()
    for parameter in own.split("&") if own else ():
        name = _name(parameter)
        if name not in sent or not parameter:
            result.append(parameter)
        elif name not in placed:
            placed.add(name)
            result += sent[name]
    result += [parameter for name, parameter in parameters if name not in placed]
    forwarded = f"{path}?{'&'.join(result)}{hash_}{fragment}"
    return forwarded if len(forwarded.encode()) <= MAX_BYTES else destination


def _name(parameter: str) -> str:
    return unquote_plus(parameter.partition("=")[0])
