from ._config import SlurmConfig as SlurmConfig
from ._config import slurm_settings as slurm_settings
from ._tasks import Task as Task
from ._tasks import run_tasks as run_tasks
