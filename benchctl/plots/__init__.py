"""Frames as pictures. This package alone imports seaborn and matplotlib, and never pyplot; see docs/plots.md."""
