"""HorizontalPodAutoscaler: from metrics to a number of replicas.

gathering   asks for the scale, the pods and each metric
model       what is known of a metric and of its pods
replicas    one metric → the replicas that it asks for (pure)
proposals   every metric of an autoscaler → the most that one asks for, and the status (pure)
behavior    how fast and how far that may go: limits, policies, stabilisation (pure)
decision    the whole decision: conditions, reasons, the memory that it leaves (pure)
"""
