"""The Centrifuge client protocol: its words, its codecs, and the driver of one connection."""
