from ._run import DemoConfig as DemoConfig
from ._run import run_demo as run_demo
from ._yourself import YourselfConfig as YourselfConfig
from ._yourself import run_yourself as run_yourself
