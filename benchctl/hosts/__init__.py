"""Everything that touches a machine. The only package that imports fabric, invoke's runners and paramiko.

host.py      one machine behind few verbs; local.py and remote.py are the two kinds
facts.py     what kind of machine it is; health.py  when a stage is ready there
ssh/         the way to it, the keys of both sides, and noticing that the link is gone
commands/    commands under supervision, and the shell that answers questions
files/       files listed, read, written and put in place whole
helpers.py   patchwork's helpers for a project's tasks
"""

import logging

# Without a handler Python prints paramiko's errors on the screen; what matters of them is in our own messages.
logging.getLogger("benchctl.paramiko").addHandler(logging.NullHandler())
