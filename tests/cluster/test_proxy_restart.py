"""A service proxy that starts anew takes over what the former one left in the kernel, without a gap."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kubern.proxy.backends.nftables import TABLE, ruleset
from kubern.proxy.loader import NftLoader
from kubern.proxy.model import Backend, Port

LOADS = 60
POD_CIDR = "10.244.0.0/16"


@pytest.mark.parametrize("work", ["asked_all_the_while", "same_as_made_anew"])
def test_taking_over(work: str) -> None:
    """The work runs in a network namespace of its own, made by `unshare`."""
    command = ["unshare", "--net", sys.executable, "-m", "tests.cluster.test_proxy_restart", work]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr


def _port(number: int, *ips: str, affinity: int = 60) -> Port:
    ends = tuple(Backend(ip, 8080, local=True) for ip in ips)
    address = f"10.96.0.{number}"
    return Port(
        f"d/s{number}:", "tcp", address, 80, 30000 + number, (), affinity, False, False, (), cluster=ends, local=ends
    )


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True)


async def asked_all_the_while() -> None:
    """Ask a Service without pause while one proxy after the other loads its rules."""
    _run("ip link set lo up")
    _run("ip address add 10.244.0.1/32 dev lo")
    _run("ip route add 10.96.0.0/16 dev lo src 10.244.0.1")
    server = socket.create_server(("10.244.0.1", 8080), backlog=1000)
    rules = ruleset([_port(10, "10.244.0.1")], POD_CIDR)
    await NftLoader().load(rules)
    asked, missed = 0, []
    enough = threading.Event()

    def ask() -> None:
        nonlocal asked
        # reset and paced: on a slow machine the connections that linger would use up the ports
        while not enough.wait(0.001):
            asked += 1
            try:
                with socket.create_connection(("10.96.0.10", 80), 2) as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    with server.accept()[0]:
                        client.close()
            except OSError as error:
                missed.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(LOADS):
            await NftLoader().load(rules)
    finally:
        enough.set()
        thread.join()
    server.close()
    assert asked > 100
    assert not missed, missed[:3]


async def same_as_made_anew() -> None:
    """Whatever was there, what is there afterwards is what a table made anew holds."""
    before = [_port(1, "10.244.0.1"), _port(2, "10.244.0.2", affinity=30), _port(3), _port(4, "10.244.0.4", affinity=0)]
    after = [_port(1, "10.244.0.1", "10.244.0.9"), _port(2, "10.244.0.2", affinity=90), _port(3, "10.244.0.3")]
    for wanted in (after, [], before):
        rules = ruleset(wanted, POD_CIDR)
        await NftLoader().load(rules)
        taken_over = _table()
        _run(f"nft delete table {TABLE}")
        await NftLoader().load(rules)
        assert taken_over == _table()
        await NftLoader().load(ruleset(before, POD_CIDR))


def _table() -> list[str]:
    """Return the table's lines in an order that does not tell when each was made."""
    text = subprocess.run(["nft", "list", "table", *TABLE.split()], capture_output=True, text=True, check=True).stdout
    blocks = re.split(r"\n\t(?=\w+ \S+ \{)", text)
    return sorted(line for block in blocks for line in (block.split("{")[0], *sorted(re.split(r"[\n,]", block))))


if __name__ == "__main__":
    asyncio.run(globals()[sys.argv[1]]())
