"""What others may listen to."""

from django.dispatch import Signal

# Sent with `run` inside the transaction that marks a run as succeeded: a receiver that raises
# undoes the success, so that there is never a succeeded run without what belongs to it.
run_succeeded = Signal()

# Sent at the end of every round of the keeper: a receiver looks after what its app waits for.
keeper_ticked = Signal()
