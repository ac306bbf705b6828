"""Devices that drivers on the node prepare for ResourceClaims: `drivers` finds the drivers, `claims` has them prepare and release."""
