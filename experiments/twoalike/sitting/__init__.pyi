from ._operator import OperatorState as OperatorState
from ._part import Outcome as Outcome
from ._simulate import simulate as simulate
from ._sit import sit as sit
from ._terminal import OperatorView as OperatorView
from ._terminal import render as render
