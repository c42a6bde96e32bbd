"""What `squrl export` writes: every link for another squrl or a program, or the live ones for a server without squrl.

nginx, Netlify and S3 hold links that a visitor can follow now. What such a server can't do is told in the `Summary`.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TextIO
from urllib.parse import quote

from . import rows

Link = dict[str, Any]

# What the URL Standard doesn't percent-encode in each part of a URL of http or https, besides letters and digits.
_SAFE_IN_PATH = "!$%&'()*+,-./:;=@[\\]_|~"
_SAFE_IN_QUERY = "!$%&()*+,-./:;=?@[\\]^_`{|}~"
_SAFE_IN_FRAGMENT = "!#$%&'()*+,-./:;=?@[\\]^_{|}~"

_NGINX_LONGEST = 4094  # bytes of a parameter with its quotes: "too long parameter" in src/core/ngx_conf_file.c
_S3_LONGEST = 2048  # bytes: "limited to 2 KB", https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html

_NGINX_HEAD = r"""# Links of squrl, for nginx 1.11 or newer. The http block includes this file before any other map:
#
#     include /etc/nginx/squrl.conf;
#     server {
#         server_name go.example.com;
#         location / {
#             if ($squrl_301) { return 301 $squrl_301; }
#             if ($squrl_302) { return 302 $squrl_302; }
#             return 404;
#         }
#     }
#
# A query that a link forwards is put behind the destination's own; a name that is in both is sent twice.

map_hash_max_size 65536;
map_hash_bucket_size 4096;

geo $squrl_dollar { default "$"; } # a value can't have one otherwise
map $args $squrl_and_args { "" ""; default "&$args"; }

# nginx takes "/abc" and "/ABC" for the same in a map, so each value repeats its path, which is compared below.
map $uri $squrl_in_any_case {
"""
_NGINX_TWINS = """}

# Paths that differ from one above by their case alone.
map $uri $squrl_link {
    default $squrl_in_any_case;
"""
# The visitor's path comes last: at the front, it could be made up to look like a link.
_NGINX_TAIL = r"""}

map "$squrl_link $uri" $squrl_301 { "~^(/[\w-]+) 301 (\S+) \1$" $2; }
map "$squrl_link $uri" $squrl_302 { "~^(/[\w-]+) 302 (\S+) \1$" $2; }
"""

_NETLIFY_HEAD = """\
# Links of squrl, for Netlify: publish this file as _redirects. From 10 000 lines on Netlify may refuse to deploy it.
# Netlify adds a visitor's query to every destination without a query of its own, and to no other.
"""


class Note(NamedTuple):
    """What people should know of a link.

    Attributes
    ----------
    short_code : str
        The link's code.
    reason : str
        Why it was left out, or what is different where it was written.
    """

    short_code: str
    reason: str


@dataclass
class Summary:
    """What became of the links.

    Attributes
    ----------
    written : int
        How many were written.
    left_out : list of Note
        Those that were not.
    different : list of Note
        Those that were written, and don't do there what they do here.
    """

    written: int = 0
    left_out: list[Note] = field(default_factory=list)
    different: list[Note] = field(default_factory=list)

    def leave_out(self, link: Link, reason: str) -> None:
        """Note that a link wasn't written."""
        self.left_out.append(Note(link["short_code"], reason))

    def count(self, link: Link, *differences: str) -> None:
        """Count a link that was written for a server without squrl, which ends none."""
        self.written += 1
        ends = ["it doesn't end there"] if link["expires_at"] else []
        self.different += [Note(link["short_code"], difference) for difference in (*ends, *differences)]

    def told(self) -> list[str]:
        """Return it as sentences for people, each with up to three codes for example."""
        sentences = [f"{self.written} written"]
        for what, notes in (("left out", self.left_out), ("not the same there", self.different)):
            for reason, number in Counter(note.reason for note in notes).items():
                codes = [note.short_code for note in notes if note.reason == reason][:3]
                sentences.append(f"{number} {what}: {reason} ({', '.join(codes)}{', ...' if number > 3 else ''})")  # noqa: PLR2004
        return sentences


def write_csv(links: Iterable[Link], out: TextIO) -> Summary:
    """Write each link as a line that ``squrl import --from csv`` reads, under a line of `rows.COLUMNS`."""
    summary = Summary()
    writer = csv.DictWriter(out, rows.COLUMNS)
    writer.writeheader()
    for link in _counted(links, summary):
        writer.writerow(rows.fields(link))
    return summary


def write_json(links: Iterable[Link], out: TextIO) -> Summary:
    """Write one array of the links as the API answers them, each as it comes."""
    summary = Summary()
    out.write("[")
    out.writelines(
        f"{',' if summary.written > 1 else ''}\n{json.dumps(link, ensure_ascii=False)}"
        for link in _counted(links, summary)
    )
    out.write("\n]\n")
    return summary


def write_jsonl(links: Iterable[Link], out: TextIO) -> Summary:
    """Write each link as the API answers it, as a line of JSON."""
    summary = Summary()
    out.writelines(f"{json.dumps(link, ensure_ascii=False)}\n" for link in _counted(links, summary))
    return summary


def write_nginx(links: Iterable[Link], out: TextIO) -> Summary:
    """Write a file for nginx's http block; its first lines are comments that say how it is used.

    A path is found in a hash table, however many there are. That table ignores case
    (https://nginx.org/en/docs/http/ngx_http_map_module.html), so codes that differ by their case alone are matched by a
    regular expression each, one after the other. They come last: they are kept in memory until then, as are all codes.
    (With 10 000 links, expressions for all cost a request 2 ms, and a `location` for each takes nginx 80 MB.)
    """
    summary = Summary()
    seen: set[str] = set()
    twins: list[str] = []
    out.write(_NGINX_HEAD)
    for link, location in _followable(links, summary):
        code = link["short_code"]
        destination = _nginx_destination(location, forward_query=link["forward_query"])
        value = f'"/{code} {link["redirect_type"]} {destination}"'
        if len(value) > _NGINX_LONGEST:
            summary.leave_out(link, "its destination is longer than nginx can read")
            continue
        if code.lower() in seen:
            twins.append(f'    "~^/{code}$" {value};\n')
        else:
            seen.add(code.lower())
            out.write(f'    "/{code}" {value};\n')
        summary.count(link)
    out.write(_NGINX_TWINS)
    out.writelines(twins)
    out.write(_NGINX_TAIL)
    return summary


def write_netlify(links: Iterable[Link], out: TextIO) -> Summary:
    """Write a file ``_redirects``: https://docs.netlify.com/manage/routing/redirects/overview/.

    Parts of a line are separated by white space; a location has none. Netlify passes a visitor's query on if the
    destination has none, and drops it otherwise (https://github.com/netlify/cli/pull/2017): neither can be switched.
    """
    summary = Summary()
    out.write(_NETLIFY_HEAD)
    for link, location in _followable(links, summary):
        out.write(f"/{link['short_code']} {location} {link['redirect_type']}!\n")
        is_dropped = link["forward_query"] and "?" in location.partition("#")[0]
        summary.count(link, *[_QUERY_IS_DROPPED] if is_dropped else [])
    return summary


def write_s3(links: Iterable[Link], out: TextIO) -> Summary:
    r"""Write each link as the object that redirects in a bucket with a website, as a line of JSON for the AWS CLI.

    A bucket's website has at most 50 routing rules, and AWS's advice for more is such objects
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html). They redirect with 301, whatever the
    query, at the website's endpoint alone (https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html).
    This puts all of them into a bucket, eight at a time::

        tr '\n' '\0' <links.s3 | xargs -0 -n 1 -P 8 aws s3api put-object --bucket BUCKET --cli-input-json
    """
    summary = Summary()
    for link, location in _followable(links, summary):
        if len(location) > _S3_LONGEST:
            summary.leave_out(link, "its destination is longer than S3 can hold")
            continue
        out.write(f"{json.dumps({'Key': link['short_code'], 'WebsiteRedirectLocation': location})}\n")
        differences = ["it redirects with 301, not 302"] if link["redirect_type"] == "302" else []
        if link["forward_query"]:
            differences.append(_QUERY_IS_DROPPED)
        summary.count(link, *differences)
    return summary


WRITERS: dict[str, Callable[[Iterable[Link], TextIO], Summary]] = {
    "csv": write_csv,
    "json": write_json,
    "jsonl": write_jsonl,
    "nginx": write_nginx,
    "netlify": write_netlify,
    "s3": write_s3,
}

_QUERY_IS_DROPPED = "the visitor's query is not forwarded"


def _counted(links: Iterable[Link], summary: Summary) -> Iterator[Link]:
    for link in links:
        summary.written += 1
        yield link


def _followable(links: Iterable[Link], summary: Summary) -> Iterator[tuple[Link, str]]:
    """Yield the links that a server without squrl can hold, each with its destination as a ``Location`` header."""
    for link in links:
        if link["status"] != "active":
            summary.leave_out(link, f"it is {link['status'].replace('_', ' ')}")
        elif link["max_clicks"] is not None:
            summary.leave_out(link, "nobody would count its clicks")
        elif not re.fullmatch("[A-Za-z0-9_-]+", link["short_code"]):  # what follows relies on it
            summary.leave_out(link, "its code has other signs than letters, digits, - and _")
        else:
            yield link, _location(link["original_url"])


def _location(destination: str) -> str:
    """Return a destination as squrl redirects to it, in ASCII, without white space (see `squrl.web.response`)."""
    before_fragment, hash_, fragment = destination.partition("#")
    path, question_mark, query = before_fragment.partition("?")
    return (
        f"{quote(path, _SAFE_IN_PATH)}{question_mark}{quote(query, _SAFE_IN_QUERY)}"
        f"{hash_}{quote(fragment, _SAFE_IN_FRAGMENT)}"
    )


def _nginx_destination(location: str, *, forward_query: bool) -> str:
    """Return a location as the inside of a quoted parameter: nothing in it ends the quotes or names a variable."""
    quoted = location.replace("\\", r"\\").replace('"', r"\"").replace("$", "${squrl_dollar}")
    if not forward_query:
        return quoted
    before_fragment, hash_, fragment = quoted.partition("#")
    _, question_mark, query = before_fragment.partition("?")
    arguments = "$squrl_and_args" if query else "$args" if question_mark else "$is_args$args"
    return f"{before_fragment}{arguments}{hash_}{fragment}"
