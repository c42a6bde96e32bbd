"""The functions' settings: read from the environment once, checked before the first request, typed."""

import re
from collections.abc import Mapping
from typing import Any, get_type_hints

_TABLE_NAME = r"[A-Za-z0-9_.-]{3,255}"  # DynamoDB's naming rules
_QUEUE_URL = r"(https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[A-Za-z0-9_/.-]+)?"
_BUS_NAME = r"[A-Za-z0-9._-]{1,256}"
_KEY_ID = r"[A-Za-z0-9-]*"
_DOMAIN_NAME = r"[a-z0-9.-]*"
MAX_AGE = 86_400  # seconds: what a browser keeps longer than a day, nobody can take back
ACCESS = ("key", "anyone")  # who may create
_BASE_URL = r"(https?://[a-z0-9.-]+(:[0-9]{1,5})?)?"
_PAGE_URL = r"(https?://[!-~]+)?"
_CONTACT = r"((mailto:|https://)[!-~]+)?"
_COLOR = r"#[0-9A-Fa-f]{6}"


class SettingsError(ValueError):
    """A variable is missing or has a value that can't be used. It names the variable."""


class Settings:
    """What a function needs. Each field is the environment variable of the same name in upper case.

    They are no dataclasses: to make fifteen takes a fifteenth of a start.

    Parameters
    ----------
    environment : mapping of str to str
        Where the variables are read from.

    Raises
    ------
    SettingsError
        If a variable is missing or its value can't be used.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        for name, kind in get_type_hints(type(self)).items():
            setattr(self, name, _value(environment, name.upper(), kind))
        self._check()

    def _check(self) -> None:
        for name, value in vars(self).items():
            if name.endswith("table_name") and not re.fullmatch(_TABLE_NAME, value):
                raise SettingsError(f"{name.upper()} must be a DynamoDB table's name")


class TableSettings(Settings):
    """What every function needs that asks the table.

    Attributes
    ----------
    table_name : str
        The table that holds the links.
    """

    table_name: str


class DomainSettings(Settings):
    """What the functions need that know the stack's own domain.

    Attributes
    ----------
    domain_name : str
        The domain; empty if there is none.
    """

    domain_name: str

    def _check(self) -> None:
        super()._check()
        if not re.fullmatch(_DOMAIN_NAME, self.domain_name):
            raise SettingsError("DOMAIN_NAME must be empty, or a host")


class AddressSettings(DomainSettings):
    """What the functions need besides that tell short URLs.

    Attributes
    ----------
    base_url : str
        What every short URL starts with, without a slash at the end; empty for the domain, or where there is none for
        the host that the caller used.
    """

    base_url: str

    def _check(self) -> None:
        super()._check()
        if not re.fullmatch(_BASE_URL, self.base_url):
            raise SettingsError("BASE_URL must be empty, or http:// or https:// and a host")

    @property
    def origins(self) -> tuple[str, ...]:
        """Where the stack is known to answer; short URLs start with the first of them."""
        domain = f"https://{self.domain_name}" if self.domain_name else ""
        return tuple(origin for origin in (self.base_url, domain) if origin)


class CountClicksSettings(TableSettings):
    """What the function that counts late clicks needs besides.

    Attributes
    ----------
    ephemeral_table_name : str
        The table of what is remembered for a while.
    durable_table_name : str
        The table that takes the days that leave their rows.
    """

    ephemeral_table_name: str
    durable_table_name: str


class ApiSettings(TableSettings, DomainSettings):
    """What the functions behind the API need besides.

    Attributes
    ----------
    durable_table_name : str
        The table that has the domain lists.
    origin_secret : str
        What a CDN before the API sends as ``X-Origin-Secret``; empty where there is none, and clients come directly.
    """

    durable_table_name: str
    origin_secret: str


class LinkSettings(ApiSettings):
    """What the functions need besides that answer what becomes of a link.

    Attributes
    ----------
    permanent_max_age : int
        Seconds for which a browser may follow a 301 without asking again, `MAX_AGE` at most.
    """

    permanent_max_age: int

    def _check(self) -> None:
        super()._check()
        if self.permanent_max_age > MAX_AGE:
            raise SettingsError(f"PERMANENT_MAX_AGE must be at most {MAX_AGE}")


class PageSettings(ApiSettings):
    """What the functions need besides that show pages.

    Attributes
    ----------
    service_name : str
        What the pages call the service.
    service_color : str
        The pages' colour, such as ``#1f6f54``.
    not_found_url : str
        Where browsers are sent that ask for a link that isn't there; empty for the page that says so.
    """

    service_name: str
    service_color: str
    not_found_url: str

    def _check(self) -> None:
        super()._check()
        if not re.fullmatch(_COLOR, self.service_color):
            raise SettingsError("SERVICE_COLOR must be a # and six hexadecimal digits")
        if not re.fullmatch(_PAGE_URL, self.not_found_url):
            raise SettingsError("NOT_FOUND_URL must be empty, or a URL of http or https")


class RedirectSettings(LinkSettings, PageSettings):
    """What the redirect function needs besides.

    Attributes
    ----------
    click_queue_url : str
        The SQS queue for clicks that the table can't take at once; empty where there is none.
    """

    click_queue_url: str

    def _check(self) -> None:
        super()._check()
        if not re.fullmatch(_QUEUE_URL, self.click_queue_url):
            raise SettingsError("CLICK_QUEUE_URL must be empty, or a queue's URL")


class ShortUrlSettings(ApiSettings, AddressSettings):
    """What the functions need that answer short URLs."""

    def _check(self) -> None:
        super()._check()
        if self.origin_secret and not self.origins:
            raise SettingsError("BASE_URL must be set where ORIGIN_SECRET is: a CDN has a host of its own")


class PagesSettings(ShortUrlSettings, PageSettings):
    """What the function of pages needs besides.

    Attributes
    ----------
    create_access : str
        Who may create: ``key``, or ``anyone``.
    home_url : str
        Where visitors of ``/`` are sent; empty for the web page.
    security_contact : str
        Whom to tell of a weakness: a ``mailto:`` or ``https:`` URL; empty where nobody is named.
    """

    create_access: str
    home_url: str
    security_contact: str

    def _check(self) -> None:
        super()._check()
        if self.create_access not in ACCESS:
            raise SettingsError("CREATE_ACCESS must be key or anyone")
        if not re.fullmatch(_PAGE_URL, self.home_url):
            raise SettingsError("HOME_URL must be empty, or a URL of http or https")
        if not re.fullmatch(_CONTACT, self.security_contact):
            raise SettingsError("SECURITY_CONTACT must be empty, or start with mailto: or https://")


class MakerSettings(ShortUrlSettings):
    """What the functions need besides that make links.

    Attributes
    ----------
    allow_private_destinations : bool
        Whether links may lead to private addresses and names.
    store_creator_ip : bool
        Whether a link keeps the address of its creator.
    cors_origin : str
        Whose web pages may call the API; ``*`` for all, empty for none.
    """

    allow_private_destinations: bool
    store_creator_ip: bool
    cors_origin: str


class ManageSettings(MakerSettings, LinkSettings):
    """What the managing function needs."""


class CreateSettings(MakerSettings):
    """What the create function needs besides.

    Attributes
    ----------
    ephemeral_table_name : str
        The table that has how often clients asked.
    create_access : str
        Who may create: ``key``, or ``anyone``.
    creates_per_minute_per_client : int
        How often a client may ask for a link; 0 for any number.
    client_key_id : str
        The HMAC key in KMS under which clients are counted; empty where none is limited.
    """

    ephemeral_table_name: str
    create_access: str
    creates_per_minute_per_client: int
    client_key_id: str

    def _check(self) -> None:
        super()._check()
        if self.create_access not in ACCESS:
            raise SettingsError("CREATE_ACCESS must be key or anyone")
        if not re.fullmatch(_KEY_ID, self.client_key_id):
            raise SettingsError("CLIENT_KEY_ID must be empty, or a KMS key's id")


class PublishChangesSettings(AddressSettings):
    """What the function needs that publishes changes.

    Attributes
    ----------
    event_bus : str
        The bus's name.
    """

    event_bus: str

    def _check(self) -> None:
        super()._check()
        if not re.fullmatch(_BUS_NAME, self.event_bus):
            raise SettingsError("EVENT_BUS must be a bus's name")


def _value(environment: Mapping[str, str], name: str, kind: Any) -> str | bool | int:  # noqa: ANN401 (a field's type)
    try:
        value = environment[name]
    except KeyError:
        raise SettingsError(f"{name} is not set") from None
    if kind is bool:
        if value not in ("true", "false"):
            raise SettingsError(f"{name} must be true or false")
        return value == "true"
    if kind is int:
        if not re.fullmatch("[0-9]{1,9}", value):
            raise SettingsError(f"{name} must be a number from 0 on")
        return int(value)
    return value
