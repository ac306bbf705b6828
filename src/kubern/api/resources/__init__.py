"""The built-in resources, one file each: resources/<group>/<plural>.py exports RESOURCE."""
