"""Any input at all: the promises of tests/support/invariants.py, for events, destinations and codes of hypothesis."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from squrl import codes
from squrl.links import Kind
from tests.support import events
from tests.support.invariants import CODE, CheckedFunctions, check_destination, is_public

FUNCTIONS = ("create_url", "redirect", "manage_links", "pages")
SAMPLES = [(name.partition("/")[0], events.load(name)) for name in events.ANSWERS]
CREATE, REDIRECT = events.load("create_url/http.json"), events.load("redirect/http.json")

texts = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates too, as json.loads yields them
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(scalars, lambda each: st.lists(each, max_size=4) | st.dictionaries(texts, each, max_size=4))
fields = st.fixed_dictionaries(
    {},
    optional={
        "original_url": values | texts.map("https://example.com/".__add__),
        "custom_code": values | st.from_regex(r"[A-Za-z0-9_-]{2,21}", fullmatch=True),
        "ttl_hours": values | st.integers(0, 87_601),
        "redirect_type": values | st.sampled_from(["301", "302"]),
        "forward_query": values | st.booleans(),
        "max_clicks": values | st.integers(0, 10**9 + 1),
        "ttl": values,
    },
)
schemes = st.sampled_from(["http://", "https://", "HTTP://", "http:", "//", ""])
numbers = st.integers(0, 2**33).map(str) | st.integers(0, 2**33).map(hex) | st.integers(0, 2**33).map("0{:o}".format)
octets = st.integers(0, 300).map(str) | st.integers(0, 300).map(hex) | st.integers(0, 300).map("0{:o}".format)
hosts = (
    numbers
    | st.lists(octets, min_size=2, max_size=4).map(".".join)
    | st.ip_addresses(v=4).map(str)
    | st.ip_addresses(v=6).map("[{}]".format)
    | st.ip_addresses(v=4).map("[::ffff:{}]".format)
    | st.lists(st.sampled_from(["localhost", "local", "internal", "xn--a", "ü", "a", "com", ""])).map(".".join)
    | texts
)
urls = st.tuples(schemes, hosts, st.sampled_from(["", ".", ":80", ":8080", "@a.com", "。"]), st.just("/") | texts).map(
    "".join
)


@pytest.fixture(scope="module")
def functions():
    return CheckedFunctions()


@st.composite
def changed_samples(draw):
    """Draw a function and a sample event for it in which one value, at any depth, is another one."""
    function, event = draw(st.sampled_from(SAMPLES))

    def change(value):
        if isinstance(value, dict) and value and draw(st.integers(0, 3)):
            key = draw(st.sampled_from(sorted(value)))
            return value | {key: change(value[key])}
        return draw(values)

    return function, change(event)


@given(st.sampled_from(FUNCTIONS), values)
def test_given_any_json_as_event_when_invoked_then_it_is_refused(functions, function, event):
    status, _ = functions.invoke(function, event)

    assert status in ({400, 404} if function in {"manage_links", "pages"} else {400})


@settings(max_examples=1000)
@given(changed_samples())
def test_given_a_sample_event_when_anything_in_it_changes_then_nothing_is_a_defect(functions, sample):
    status, _ = functions.invoke(*sample)  # looks at the answer

    assert status < 500


@settings(max_examples=300)
@given(values | fields, st.booleans())
def test_given_any_json_as_body_when_posted_then_there_is_a_code_or_an_error(functions, body, is_binary):
    text = json.dumps(body)
    text = base64.b64encode(text.encode()).decode() if is_binary else text

    status, result = functions.invoke("create_url", CREATE | {"body": text, "isBase64Encoded": is_binary})

    assert CODE.fullmatch(result["short_code"]) if status in (200, 201) else "error" in result


@settings(max_examples=1000)
@given(urls)
def test_given_any_url_when_accepted_then_python_agrees_that_it_is_public(url):
    stored = check_destination(url)

    assert stored is None or stored.startswith(("http://", "https://"))


@given(texts | st.from_regex(r"[A-Za-z0-9_-]{3,20}", fullmatch=True))
def test_given_any_text_as_code_when_claimed_and_followed_then_both_agree(functions, text):
    can_be = bool(CODE.fullmatch(text)) and text.lower() not in codes.RESERVED

    claimed, _ = functions.invoke(
        "create_url", CREATE | {"body": json.dumps({"original_url": "https://a.com", "custom_code": text})}
    )
    followed = {
        functions.invoke("redirect", event)[0]
        for event in (REDIRECT | {"pathParameters": {"short_code": text}}, {"short_code": text})
    }

    assert claimed == (201 if can_be else 400)
    assert followed == {404}
    kind = Kind(f"https://a.com/{text.encode(errors='replace').decode()}", "301", None)
    assert all(CODE.fullmatch(code) for code in codes.candidates(kind, b"secret"))


@pytest.mark.parametrize(
    ("host", "public"),
    [
        *((host, True) for host in ("8.8.8.8", "example.com.", "[2606:4700::1]", "[::ffff:8.8.8.8]", "0x8.8.8.8")),
        *((host, False) for host in ("127.1", "0x7f.1", "2130706433", "[::1]", "[::ffff:10.0.0.1]", "[2002:a00:1::]")),
        *((host, False) for host in ("[64:ff9b::a00:1]", "[ff02::1]", "a.local.", "com", "169.254.1.1")),
    ],
)
def test_given_a_host_when_judged_by_python_then_its_spelling_makes_no_difference(host, public):
    verdict = is_public(host)

    assert verdict is public
