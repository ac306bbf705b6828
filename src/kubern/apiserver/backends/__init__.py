"""What answers for the apiserver behind it: kubelets (log, exec, attach, port-forward) and pods, services and nodes (proxy).

The files in `subresources/` are thin: they call the functions here with a `Backends`, which knows how to find objects and how to
connect to nodes and pods.
"""
