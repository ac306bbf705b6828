"""The pod specification, shared by pods and by every pod template: defaults, checks, updates, quality of service, columns."""
