"""Addresses of virtual nodes and their pods: each its own, out of its node's range."""

import ipaddress

from kubern.simulation.places import PodAddresses, place


def test_every_node_has_an_address_and_a_range_of_its_own():
    places = [place(number) for number in range(5000)]
    assert len({each.address for each in places}) == 5000
    assert len({each.pod_cidr for each in places}) == 5000
    assert (places[0].address, places[0].pod_cidr) == ("10.64.0.1", "10.128.0.0/24")
    assert place(16384).pod_cidr == ""


def test_pods_have_addresses_of_their_nodes_range():
    addresses, cidr = PodAddresses(), "10.128.7.0/24"
    given = [addresses.of(f"pod-{number}", cidr) for number in range(254)]
    assert len(set(given)) == 254
    assert all(ipaddress.ip_address(each) in ipaddress.ip_network(cidr) for each in given)
    assert {"10.128.7.0", "10.128.7.255"}.isdisjoint(given)
    assert addresses.of("pod-3", cidr) == given[3]


def test_an_address_is_given_again_once_it_is_free_and_others_are_used_when_none_is():
    addresses, cidr = PodAddresses(), "10.128.7.0/29"
    given = [addresses.of(f"pod-{number}", cidr) for number in range(6)]
    more = addresses.of("one-more", cidr)
    assert more not in given
    addresses.free("pod-2")
    assert addresses.of("late", cidr) == given[2]


def test_an_address_that_a_pod_has_already_is_not_given():
    addresses = PodAddresses()
    addresses.note("old", "10.128.7.1")
    assert addresses.of("new", "10.128.7.0/24") == "10.128.7.2"
    assert addresses.of("old", "10.128.7.0/24") == "10.128.7.1"
