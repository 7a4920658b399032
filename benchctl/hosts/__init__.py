"""Everything that touches a machine: connections, supervised commands, transfers, health checks.

The only package that imports fabric, invoke's runners and paramiko.
"""

import logging

# Without a handler Python prints paramiko's errors on the screen; what matters of them is in our own messages.
logging.getLogger("benchctl.paramiko").addHandler(logging.NullHandler())
