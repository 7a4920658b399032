"""A config file as frozen dataclasses: `loader.load` reads it, `model` says what comes out."""
