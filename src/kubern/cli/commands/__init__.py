"""The sub-commands of kubern, one file each, exporting COMMAND."""
