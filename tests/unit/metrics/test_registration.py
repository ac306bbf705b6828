"""The APIServices of metrics: of one shape, made once, and never put back."""

from __future__ import annotations

import pytest

from kubern.base.errors import AlreadyExists, Forbidden
from kubern.client.client import ApiClient
from kubern.metrics import custom, external, server
from kubern.metrics.registration import register
from tests.unit.client.scripted import Scripted


@pytest.mark.parametrize(
    ("made", "name", "priority", "service"),
    [
        (server.APISERVICE, "v1beta1.metrics.k8s.io", 100, "kubern-metrics"),
        (custom.APISERVICE, "v1beta2.custom.metrics.k8s.io", 200, "kubern-custom-metrics"),
        (external.APISERVICE, "v1beta1.external.metrics.k8s.io", 200, "kubern-external-metrics"),
    ],
)
def test_they_have_one_shape(made, name, priority, service):
    version, _, group = name.partition(".")
    assert made["metadata"] == {"name": name}
    assert made["spec"] == {
        "group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": priority,
        "insecureSkipTLSVerify": True, "service": {"namespace": "kube-system", "name": service, "port": 443},
    }  # fmt: skip


async def test_one_that_is_there_is_left_as_it_is():
    transport = Scripted()
    transport.answers = [{}, AlreadyExists("it is"), Forbidden("no")]
    for _ in range(2):
        await register(ApiClient(transport), server.APISERVICE)
    with pytest.raises(Forbidden):
        await register(ApiClient(transport), server.READER, server.CLUSTER_ROLES)
    assert [(asked.method, asked.path) for asked in transport.asked] == [
        *[("POST", "/apis/apiregistration.k8s.io/v1/apiservices")] * 2,
        ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
    ]
