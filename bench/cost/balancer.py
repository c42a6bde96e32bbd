"""What an Application Load Balancer in front of the functions would cost instead of the HTTP API.

Each visitor of a short link is somebody else, so no connection is used twice: each request is a TCP connection and a
TLS handshake of its own.
"""

from typing import NamedTuple

from bench import cost
from bench.cost import API, CREATE, GB, MILLION, MIX, MONTH, REDIRECT, Operations, Prices, Setup, Traffic

HOUR = 3600  # seconds
# What a capacity unit (LCU) has; the largest of the four is paid: https://aws.amazon.com/elasticloadbalancing/pricing/
UNIT_CONNECTIONS = 25  # new ones a second
UNIT_ACTIVE = 3000  # active ones in a minute
UNIT_BYTES = 0.4 * GB  # an hour, where functions are the targets; 1 GB for others
UNIT_RULES = 1000  # evaluations a second; the first ten rules of a request are free
FREE_RULES = 10
# The routes as listener rules: at most five values in one, and redirects are what no other rule takes.
RULES = 10
# How long a connection is kept that its client doesn't close: the idle time-out's default, in seconds.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
KEPT_SECONDS = 60
REQUEST_BYTES = 700  # an assumption: what a browser sends to follow a link
# What the server sends for a TLS handshake with two certificates, at least; ACM's chains are longer.
# https://cryptologie.net/article/410/how-big-are-tls-records-during-a-handshake/
# A load balancer's are billed as data sent: https://rohit.page/blog/posts/hidden-cost-of-aws-elb/ and
# https://gameanalytics.com/blog/reduce-costs-https-api-aws/. Nobody says whether API Gateway's are, and no other bill
# here has them.
HANDSHAKE_BYTES = 3000
ADDRESSES = 2  # one in each of two zones, the fewest that there may be; a busy load balancer has more


class Balanced(NamedTuple):
    """What a month costs behind a load balancer, in US dollars.

    Attributes
    ----------
    itself : float
        Its hours, capacity units and public addresses.
    handshakes : float
        Data sent for TLS handshakes.
    firewall : float
        AWS WAF with one web ACL and one rule, which looks at every request.
    others : float
        Functions, database and all else. There is no access log: a load balancer's has addresses and paths.
    """

    itself: float
    handshakes: float
    firewall: float
    others: float


def units(measured: Operations, traffic: Traffic) -> dict[str, float]:
    """Return the capacity units that each dimension takes."""
    requests = traffic.creates + traffic.redirects
    counts = {CREATE: traffic.creates, REDIRECT: traffic.redirects}
    octets = sum(count * (REQUEST_BYTES + measured[name].sent_bytes) for name, count in counts.items())
    return {
        "new connections": requests / UNIT_CONNECTIONS,
        "active connections": requests * KEPT_SECONDS / UNIT_ACTIVE,
        "bytes": octets * HOUR / UNIT_BYTES,
        "rules": requests * max(RULES - FREE_RULES, 0) / UNIT_RULES,
    }


def month(measured: Operations, setup: Setup, traffic: Traffic, prices: Prices) -> Balanced:
    """Return what a month of traffic costs behind a load balancer."""
    hours = MONTH / HOUR
    counts = {CREATE: traffic.creates * MONTH, REDIRECT: traffic.redirects * MONTH}
    sent = sum(count * measured[name].sent_bytes for name, count in counts.items()) / GB
    with_handshakes = sent + traffic.month * HANDSHAKE_BYTES / GB
    silent = cost.bill(measured, setup.without_access_log(), traffic, prices)
    return Balanced(
        itself=prices.total("elb.hours", hours)
        + prices.total("elb.lcu", hours * max(units(measured, traffic).values()))
        + prices.total("vpc.ipv4", hours * ADDRESSES),
        handshakes=prices.total("transfer.out", with_handshakes) - prices.total("transfer.out", sent),
        firewall=prices.total("waf.acls", 1)
        + prices.total("waf.rules", 1)
        + prices.total("waf.requests", traffic.month),
        others=cost.total(silent, MIX, without=[API]) * traffic.month / MILLION,
    )


def pays_from(prices: Prices) -> float:
    """Return the requests a month from which a load balancer without AWS WAF costs less than the API."""
    hours = MONTH / HOUR
    fixed = prices.total("elb.hours", hours) + prices.total("vpc.ipv4", hours * ADDRESSES)
    request = prices.unit("elb.lcu") / (UNIT_CONNECTIONS * HOUR) + HANDSHAKE_BYTES / GB * prices.unit("transfer.out")
    return fixed / (prices.unit("api.requests") - request)
