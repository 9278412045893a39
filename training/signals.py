"""What other apps may listen to."""

from django.dispatch import Signal

# Sent with `run` inside the transaction that marks it as succeeded; a receiver that raises undoes
# the success.
run_succeeded = Signal()
