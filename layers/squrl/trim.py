"""Takes out of a built layer what no function uses, since every cold start carries it: ``python trim.py FOLDER``."""

import gzip
import json
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

# botocore describes 400 services, boto3 ten as resources; the functions call these.
SERVICES = ("dynamodb", "events", "kms", "sqs")

# What is for compilers, type checkers, browsers and pip, and what can't be reached without what is taken out below.
UNUSED = (
    "bin",
    "docs",
    "share",
    "pycparser*",
    "cffi",
    "cffi-*",
    "ada_url/ada*.cpp",
    "ada_url/ada*.h",
    "aws_lambda_powertools/event_handler/openapi/swagger_ui",
    "boto3/ec2",
    "boto3/examples",
    "boto3/s3",
    "dateutil/zoneinfo/*.tar.gz",
    "pydantic/mypy.py",
    "pydantic/v1",
    "s3transfer/crt.py",
    "s3transfer/processpool.py",
    "wrapt-stubs",
    "*.dist-info/RECORD",
    "**/*.c",
    "**/*.pyi",
    "**/__pycache__",
)

# What does nothing without something that the layer doesn't have, and loads a lot. HTTP/2 would need `h2`.
EMPTIED = ("urllib3/http2/__init__.py",)


def trim(layer: Path) -> None:
    """Remove what no function uses."""
    for pattern in UNUSED:
        for path in list(layer.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    for name in EMPTIED:
        (layer / name).write_text("")
    data = layer / "botocore" / "data"
    for service in [*data.iterdir(), *(layer / "boto3" / "data").iterdir()]:
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)
    for model in data.glob("*/*/service-2.json.gz"):
        described = json.loads(gzip.decompress(model.read_bytes()))
        model.write_bytes(gzip.compress(_compact(_without_documentation(described)), mtime=0))
    endpoints = json.loads((data / "endpoints.json").read_bytes())
    for partition in endpoints["partitions"]:
        partition["services"] = {name: service for name, service in partition["services"].items() if name in SERVICES}
    (data / "endpoints.json").write_bytes(_compact(endpoints))
    for library in layer.glob("**/*.so"):
        library.write_bytes(_without_debug_information(library.read_bytes()))


def _without_documentation(node: Any) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(node, dict):
        return {
            name: _without_documentation(value)
            for name, value in node.items()
            if not (name == "documentation" and isinstance(value, str))
        }
    return [_without_documentation(value) for value in node] if isinstance(node, list) else node


def _without_debug_information(library: bytes) -> bytes:
    """Cut a library off behind the last byte that is loaded: that is where debug information and symbols are.

    `strip` does the same, but for its own machine's processor only. Offsets are those of ELF's 64-bit headers:
    https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
    """
    (segments,) = struct.unpack_from("<Q", library, 0x20)
    size, count = struct.unpack_from("<HH", library, 0x36)
    ends = []
    for header in range(segments, segments + size * count, size):
        offset, in_file = struct.unpack_from("<Q", library, header + 8) + struct.unpack_from("<Q", library, header + 32)
        ends.append(offset + in_file)
    cut = bytearray(library[: max(ends)])
    struct.pack_into("<Q", cut, 0x28, 0)  # there is no table of sections any more ...
    struct.pack_into("<HH", cut, 0x3C, 0, 0)  # ... with no entries
    return bytes(cut)


def _compact(node: Any) -> bytes:  # noqa: ANN401
    return json.dumps(node, separators=(",", ":")).encode()


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
