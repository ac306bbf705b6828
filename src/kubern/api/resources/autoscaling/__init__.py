"""The resources of the group autoscaling."""
