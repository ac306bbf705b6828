"""The scheduling plug-ins, one file each, exporting PLUGIN."""
