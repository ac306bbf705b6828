"""The subresources, one file each: `SUBRESOURCE`."""
