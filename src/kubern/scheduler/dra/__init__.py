"""Which devices a claim gets: `inventory` (what there is), `usage` (what is taken), `allocator` (what is chosen),
`result` (as it is written).

All of it is pure. Source: the Kubernetes documentation, "Dynamic Resource Allocation", and KEPs 4381 (structured parameters), 4815
(partitionable devices), 4816 (prioritized list), 5018 (admin access), 5055 (taints), 5075 (consumable capacity).
"""
