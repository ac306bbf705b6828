"""Ask an upstream API server anew: `python -m tests.api.upstream.record KUBECONFIG [TOPIC...]`.

The server is k8s.io/apiextensions-apiserver: Debian's golang-k8s-apiextensions-apiserver-dev, `go build` in its GOPATH. It runs on an
etcd, with `--kubeconfig`, `--authentication-kubeconfig` and `--authorization-kubeconfig` of a Kubern API server, which it asks about
users, namespaces and policies. The kubeconfig given here leads to it, with files for certificates.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import yaml

from tests.api.conftest import Api
from tests.api.upstream.story import told
from tests.api.upstream.topics import ANSWERS, topics


def main(kubeconfig: Path, *only: str) -> None:
    """Tell the stories of these topics, or all, to the server and write its answers down."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    files = (cluster["certificate-authority"], user["client-certificate"], user["client-key"])
    api = Api(cluster["server"], *map(Path, files), kubeconfig)
    for topic, stories in topics().items():
        if topic in only or not only:
            answers = {name: told(story, api) for name, story in stories.items()}
            text = json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=False)
            Path(ANSWERS, f"{topic}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
