"""Virtual nodes: the kubelet's runtime contract without containers."""
