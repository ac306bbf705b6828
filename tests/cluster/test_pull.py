"""Images are pulled from a registry: a small one that the test serves on a node's own loopback."""

import hashlib
import json
import platform
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kubern.cluster.images.archive import ARCHITECTURES, Entry, layer
from kubern.cluster.namespaces import NetworkNamespace
from tests.cluster.conftest import eventually

PORT = 5000
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def image():
    """Return an image that prints where it came from, as {path: (media type, content)} of the registry's API."""
    files = {"bin": Entry(), "bin/busybox": Entry(Path("/bin/busybox").read_bytes())}
    only = layer(files)
    command = ["/bin/busybox", "echo", "pulled from a registry"]
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {"Cmd": command},
        "rootfs": {"type": "layers", "diff_ids": [only.diff_id]},
    }
    blob = json.dumps(config).encode()
    described = [
        {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(blob), "size": len(blob)},
        {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": only.digest, "size": len(only.blob)},
    ]
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
    ).encode()
    base = "/v2/pulled"
    return {
        "/v2/": ("application/json", b"{}"),
        f"{base}/manifests/1": (MANIFEST, manifest),
        f"{base}/manifests/{digest(manifest)}": (MANIFEST, manifest),
        f"{base}/blobs/{digest(blob)}": ("application/octet-stream", blob),
        f"{base}/blobs/{only.digest}": ("application/octet-stream", only.blob),
    }


@pytest.fixture(scope="module")
def registry(cluster):
    """Serve the image on 127.0.0.1 inside the first node; yields the paths that were asked for."""
    held, asked = image(), []

    class Registry(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append(self.path)
            kind, content = held.get(self.path, ("application/json", b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'))
            self.send_response(200 if self.path in held else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Docker-Content-Digest", digest(content))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    namespace = NetworkNamespace(Path(f"/run/netns/kubern.{cluster.name}.{cluster.name}-1"))
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Registry, bind_and_activate=False)
    server.socket.close()
    server.socket = namespace.listen("127.0.0.1", PORT)
    server.socket.setblocking(True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()
    namespace.close()


def pod(cluster, namespace, name, tag):
    container = {"name": "c", "image": f"localhost:{PORT}/pulled:{tag}", "imagePullPolicy": "Always"}
    meta = {"name": name, "namespace": namespace}
    spec = {"nodeName": f"{cluster.name}-1", "restartPolicy": "Never", "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def test_an_image_is_pulled_and_run(cluster, registry, namespace):
    cluster.apply(pod(cluster, namespace, "puller", 1))
    eventually(lambda: cluster.get("pod", "puller", "-n", namespace)["status"]["phase"] == "Succeeded", 40)
    assert cluster.kubectl("logs", "-n", namespace, "puller") == "pulled from a registry\n"
    assert any("/manifests/1" in path for path in registry)

    def reasons():
        return {e["reason"] for e in cluster.get("events", "-n", namespace)["items"]}

    eventually(lambda: {"Pulling", "Pulled", "Created", "Started"} <= reasons(), 10)


def test_an_image_that_is_not_there_is_tried_again_later(cluster, registry, namespace):
    cluster.apply(pod(cluster, namespace, "waiting", "none"))

    def waits():
        statuses = cluster.get("pod", "waiting", "-n", namespace)["status"].get("containerStatuses") or [{}]
        return statuses[0].get("state", {}).get("waiting", {}).get("reason")

    eventually(lambda: waits() == "ImagePullBackOff", 30)
    assert cluster.get("pod", "waiting", "-n", namespace)["status"]["phase"] == "Pending"
