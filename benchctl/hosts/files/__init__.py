"""Files from host to host: listed, read, written and put in place whole."""
