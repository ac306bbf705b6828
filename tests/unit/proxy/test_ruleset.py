"""The text of a change, applied to what is loaded, gives what is wanted."""

import re

from hypothesis import given
from hypothesis import strategies as st

from kubern.proxy.backends.nftables import ruleset
from kubern.proxy.model import Backend, Port
from kubern.proxy.ruleset import change, whole

backends = st.frozensets(
    st.builds(lambda n, local: Backend(f"10.244.0.{n}", 8080, local), st.integers(1, 6), st.booleans()), max_size=4
).map(lambda found: tuple(sorted(found)))


@st.composite
def service_ports(draw):
    found = {}
    for number in draw(st.frozensets(st.integers(1, 5), max_size=4)):
        everywhere = draw(backends)
        found[number] = Port(
            key=f"default/s{number}:",
            protocol=draw(st.sampled_from(["tcp", "udp"])),
            cluster_ip=f"10.96.0.{number}",
            port=80,
            node_port=draw(st.sampled_from([0, 30000 + number])),
            external_ips=draw(st.sampled_from([(), ("192.0.2.1",)])) if number == 1 else (),
            affinity=draw(st.sampled_from([0, 60])),
            internal_local=draw(st.booleans()),
            external_local=draw(st.booleans()),
            source_ranges=draw(st.sampled_from([(), ("198.51.100.0/24",)])),
            cluster=everywhere,
            local=tuple(b for b in everywhere if b.local),
        )
    return [found[number] for number in sorted(found)]


def state(rules):
    """Return what the kernel would hold, without the empty difference between absent and empty."""
    return (
        {name: [r for r in body if not r.startswith("type ")] for name, body in rules.chains.items()},
        {name: dict(c.elements) for name, c in rules.collections.items()},
    )


def apply(old, text):
    """Carry out the lines of a change on `old`'s state, failing where nft would refuse."""
    chains, sets = state(old)
    for line in text.splitlines():
        verb, what, _, _, rest = line.split(" ", 4)
        name, _, body = rest.partition(" ")
        if (verb, what) == ("add", "chain"):
            assert name not in chains
            chains[name] = []
        elif (verb, what) == ("flush", "chain"):
            chains[name] = []
        elif (verb, what) == ("add", "rule"):
            chains[name].append(body)
        elif (verb, what) == ("delete", "chain"):
            used = [r for c, rules in chains.items() for r in rules if name in r and c != name]
            used += [v for elements in sets.values() for v in elements.values() if name in v]
            assert chains.pop(name) == []
            assert used == []
        elif what == "element":
            for element in body.strip("{} ").split(", "):
                key, _, verdict = element.partition(" : ")
                if verb == "add":
                    sets[name][key] = f" : {verdict}" if verdict else ""
                else:
                    del sets[name][key]
        elif verb == "add":
            sets[name] = {}
        else:
            assert not any(re.search(rf"@{name}\b", r) for rules in chains.values() for r in rules)
            del sets[name]
    return chains, sets


@given(service_ports(), service_ports())
def test_a_change_leads_from_one_rule_set_to_the_other(before, after):
    old, new = ruleset(before, "10.244.0.0/16"), ruleset(after, "10.244.0.0/16")
    assert apply(old, change(old, new)) == state(new)


@given(service_ports())
def test_equal_input_gives_equal_text_and_no_change(found):
    first, second = ruleset(found, "10.244.0.0/16"), ruleset(list(found), "10.244.0.0/16")
    assert whole(first) == whole(second)
    assert change(first, second) == ""


def test_one_changed_service_names_only_itself():
    def port(number, *ips):
        found = tuple(Backend(ip, 8080, False) for ip in ips)
        return Port(f"d/s{number}:", "tcp", f"10.96.0.{number}", 80, 0, (), 0, False, False, (), found, ())

    old = ruleset([port(n, "10.1.0.1") for n in range(1, 200)], "")
    new = ruleset([port(n, "10.1.0.1", *(["10.1.0.2"] if n == 7 else [])) for n in range(1, 200)], "")
    assert len(change(old, new).splitlines()) == 5
