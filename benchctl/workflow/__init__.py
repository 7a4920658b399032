"""Runs a plan: trials, stages, health checks, outputs; every event journalled as it happens.

run.py        the numbered steps of a run, and its metadata
trial.py      one pass through the stages, and what is done at its end whatever happened
stage.py      one stage on all its hosts, prepared and started at the same moment
on_host.py    one stage on one host, until nothing of it is left
side_by_side.py  the same work for several hosts at once
launching.py  getting a stage ready to start: names filled in, logs opened, its script sent
outputs.py    bringing files home; oddities.py  what is odd about them
daemons.py    what stages left behind in sessions of their own
surroundings.py  what all stages of a trial share
announcer.py  events to the journal and to whoever watches
failures.py   what went wrong, in words, with a hint where one can be given
stopping.py   Ctrl-C and its like
reserve.py    a piece of disk for the last words
"""
