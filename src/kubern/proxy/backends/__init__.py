"""Rule-set back ends, one file each, exporting BACKEND."""
