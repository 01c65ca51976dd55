"""The web page that a browser gets: plain files, served as they are."""
