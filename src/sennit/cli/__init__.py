"""The commands: ``sennit serve``, and the plugin for ``twist sennit``."""
