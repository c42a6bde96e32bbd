"""Links that were exported for nginx, followed in Debian's nginx."""

import http.client
import os
import re
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from cli.exports import WRITERS
from squrl.forwarding import forward
from squrl.web.response import location
from tests.support.ports import free_port, wait_for_port

LINK = {
    "original_url": "https://example.com/",
    "redirect_type": "301",
    "forward_query": False,
    "status": "active",
    "expires_at": None,
    "max_clicks": None,
}
PLAIN = "https://example.com/a?b=1#c"
HOSTILE = (
    'https://example.com/"; } return 200 x; #',
    "https://example.com/a\\",
    "https://example.com/${host}$1?$args\\",
    "https://example.com/a\nreturn 200;\r\t{}",
    "https://example.com/ü's?q=ü's`{}^#ü's`{}^#$x",
)
FORWARDING = (
    "https://example.com/a",
    "https://example.com/?",
    "https://example.com/?b=$1&b#c",
    "https://example.com/#c",
)


class Nginx:
    """A server on a port of its own, with the links that are in its file of links.

    Attributes
    ----------
    server : http.client.HTTPConnection
        A connection that stays open.
    """

    def __init__(self, port):
        self.server = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def follow(self, target):
        """Return the status and the location that a request is answered with."""
        self.server.request("GET", target)
        answer = self.server.getresponse()
        answer.read()
        return answer.status, answer.headers["Location"]


@contextmanager
def nginx(folder, links):
    """Have nginx serve links as the file's own comment says, and end it."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "There is no nginx: make test-web installs Debian's, or says how"
    exported, port, log = folder / "squrl.conf", free_port(), folder / "log"
    with exported.open("w", encoding="utf-8") as out:
        WRITERS["nginx"]((LINK | link for link in links), out)
    advice = "\n".join(re.findall("^#  (.*)", exported.read_text(encoding="utf-8"), re.MULTILINE))
    advice = advice.replace("/etc/nginx/squrl.conf", str(exported)).replace(
        "server {", f"server {{ listen 127.0.0.1:{port};"
    )
    temporary = "\n".join(
        f"{each}_temp_path {folder};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{\n{temporary}\naccess_log off;\n{advice}\n}}\n"
    )
    with log.open("w") as output:
        process = subprocess.Popen(
            [program, "-p", folder, "-e", "stderr", "-c", configuration], stdout=output, stderr=output, text=True
        )
    try:
        wait_for_port(port, process, log)
        served = Nginx(port)
        yield served
        served.server.close()
    finally:
        process.terminate()
        process.wait(10)
    assert not log.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    links = [
        {"short_code": "permanent", "original_url": PLAIN},
        {"short_code": "temporary", "original_url": PLAIN, "redirect_type": "302"},
        *(
            {"short_code": code, "original_url": f"https://example.com/{code}"}
            for code in ("abc", "ABC", "aBc", "-_-", "x" * 64)
        ),
        *({"short_code": f"hostile-{n}", "original_url": url} for n, url in enumerate(HOSTILE)),
        *({"short_code": f"to-{n}", "original_url": url, "forward_query": True} for n, url in enumerate(FORWARDING)),
        {"short_code": "longest", "original_url": "https://example.com/".ljust(4079, "a")},  # as long as nginx can read
    ]
    with nginx(tmp_path_factory.mktemp("nginx"), links) as server:
        yield server


@pytest.mark.parametrize(("code", "status"), [("permanent", 301), ("temporary", 302)])
def test_given_an_exported_link_when_followed_then_nginx_redirects_as_squrl(server, code, status):
    assert server.follow(f"/{code}") == (status, PLAIN)
    assert server.follow(f"/{code}?b=2") == (status, PLAIN)


@pytest.mark.parametrize("code", ["abc", "ABC", "aBc", "-_-", "x" * 64])
def test_given_codes_that_differ_by_case_when_followed_then_each_is_its_own(server, code):
    assert server.follow(f"/{code}") == (301, f"https://example.com/{code}")


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/unknown",
        "/AbC",  # three others are there
        "/Permanent",
        "/permanent/a",
        "/a%20301%20https://evil.example/%20/a",  # what a value looks like
        "/a%20/a%20301%20https://evil.example/",
        "/permanent%20301%20https://evil.example/%20/permanent",
        "/permanent%0A",
    ],
)
def test_given_no_such_code_when_followed_then_it_is_not_found(server, target):
    assert server.follow(target) == (404, None)


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_given_a_hostile_destination_when_followed_then_it_is_squrls_location(server, number):
    assert server.follow(f"/hostile-{number}") == (301, location(HOSTILE[number]))


@pytest.mark.parametrize("number", range(len(FORWARDING)))
@pytest.mark.parametrize("query", ["", "x=1", "x=1&y=%20$2", "x=/a 301"])
def test_given_forwarding_when_followed_then_the_query_is_where_squrl_has_it(server, number, query):
    query = query.replace(" ", "%20")

    assert server.follow(f"/to-{number}?{query}") == (301, location(forward(FORWARDING[number], query)))


def test_given_a_name_in_both_queries_when_followed_then_the_visitors_comes_last(server):
    assert server.follow("/to-2?b=2") == (301, "https://example.com/?b=$1&b&b=2#c")


def test_given_the_longest_destination_when_followed_then_nginx_read_all_of_it(server):
    assert server.follow("/longest") == (301, "https://example.com/".ljust(4079, "a"))


def test_given_ten_thousand_links_when_followed_then_each_leads_to_its_own(tmp_path):
    codes = [f"{number:04d}{case}" for number in range(5000) for case in ("Code", "Link")]
    links = ({"short_code": code, "original_url": f"https://example.com/{code}".ljust(200, "a")} for code in codes)

    with nginx(tmp_path, links) as server:
        for code in codes:
            assert server.follow(f"/{code}") == (301, f"https://example.com/{code}".ljust(200, "a"))
        assert server.follow(f"/{codes[0].upper()}") == (404, None)
