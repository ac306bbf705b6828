"""The kubelet's HTTPS API: logs, exec, attach, port-forward and what the node reports of itself.

`contract.Node` is what it asks of the kubelet; `api.KubeletApi` is the handler to give to `kubern.http.server.serve`.
"""
