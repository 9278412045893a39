"""Why a run failed, in one sentence that a student understands."""

import errno

from training.ml.digits import BadDigits
from training.ml.initial import IncompatibleWeights
from training.services.datasets import DatasetUnreadable


def sentence_for(error: BaseException) -> str:
    """What happened and what to do next. The traceback is for admins and goes elsewhere."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Free some space, then resume the run."
    if isinstance(error, ConnectionError):
        return "The file storage did not answer for too long. Resume the run when it is back."
    # TensorFlow's error for memory, told by its name so as not to load TensorFlow here.
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return (
            "Training needed more memory than this machine has. "
            "Try a smaller batch size, fewer filters or fewer networks."
        )
    if type(error).__name__ == "IncompatibleCheckpoint":
        return f"The last checkpoint cannot be used: {error} Launch the run anew."
    if isinstance(error, IncompatibleWeights):
        return (
            f"The weights to start from cannot be used: {error}. "
            "Start from another model or from scratch."
        )
    if isinstance(error, BadDigits | DatasetUnreadable):
        return f"The dataset cannot be read: {error}."
    return (
        f"Training stopped with an error ({type(error).__name__}). "
        "An admin can read the details on this page."
    )


OUT_OF_MEMORY = (
    "The operating system ended the training process, because the machine had no memory left."
)
DEADLINE = "The run did not finish before its deadline. Resume it to go on from its last epoch."


def died(attempts: int, *, out_of_memory: bool = False) -> str:
    """The sentence for a run whose workers keep dying."""
    times = "once" if attempts == 1 else f"{attempts} times"
    if out_of_memory:
        return (
            f"The machine ran out of memory {times} during this run, so it was given up. "
            "Try a smaller batch size, fewer filters or fewer networks."
        )
    return f"The training worker died {times} during this run, so it was given up."
