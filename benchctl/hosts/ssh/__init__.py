"""Reaching a host over SSH: the way there, the keys of both sides, and noticing that the link is gone."""
