"""Independent pieces of work, such as seeds, folds and simulated studies, here or on a cluster.

Each piece makes one file, so that what is done is known from the files alone.
"""

from twoalike.jobs._tasks import SlurmConfig, Task, run_tasks, slurm_settings

__all__ = ["SlurmConfig", "Task", "run_tasks", "slurm_settings"]
