"""Resource metrics: CPU and memory of nodes and pods, served as metrics.k8s.io/v1beta1."""
