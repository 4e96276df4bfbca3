"""Images: ganzoo data get NAME (download), check ROOT, prepare SRC DEST."""
