"""Work in this process, in processes beside it, or spread over Dask workers; results are the same to the bit.

``workers`` opens what the parameters ask for. ``results`` keeps it busy with tasks, as many at a time as it has room
for, and gives what they return as it arrives; ``in_order`` waits for all of it.
"""

from xbarpaper.support.spreading.local import Local
from xbarpaper.support.spreading.opening import VARIABLE, opened, workers
from xbarpaper.support.spreading.tasks import InProcess, Task, Workers, in_order, results

__all__ = ["VARIABLE", "InProcess", "Local", "Task", "Workers", "in_order", "opened", "results", "workers"]
