"""The HTTP/1.1 connection layer that the apiserver and the kubelet share."""
