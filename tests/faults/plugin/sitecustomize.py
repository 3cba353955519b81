"""Changes to the processes of the fault tests that no setting of the product could make.

`ATLAS_FAULTS_FREEZE`: crash points freeze the process instead of killing it; SIGCONT lets it go on.
`ATLAS_FAULTS_UNFENCED`: a worker without its fence, to prove that the invariants depend on it.
"""

from __future__ import annotations

import os

if "ATLAS_FAULTS_FREEZE" in os.environ:
    import signal
    from types import SimpleNamespace

    from atlas_gql.ops import crash

    crash.signal = SimpleNamespace(SIGKILL=signal.SIGSTOP)

if "ATLAS_FAULTS_UNFENCED" in os.environ:
    from sqlalchemy import bindparam

    from atlas_gql.ops import leases

    def _fence(claim_columns=leases.runs):
        """Whatever the attempt, and whatever the state."""
        # Attempts only ever grow.
        return (claim_columns.c.id == bindparam("run_id")) & (claim_columns.c.attempt >= bindparam("attempt"))

    leases.fence = _fence
    leases.Claim.holds = lambda _claim: True
