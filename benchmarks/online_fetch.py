"""How long it takes to turn a study that ran in browsers into raw data.

One simulated person answers the trials; each session of the archive holds these answers to the
participant's own trials.

    python -P benchmarks/online_fetch.py --sessions 1000 --trials 300
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from twoalike.online import OnlineStudy, build_online, fetch
from twoalike.online._session import TrialStep
from twoalike.stimuli import StimulusSet, write_creatures
from twoalike.study import Study

DEVICE = {
    "browser": "chrome",
    "browser_version": "126.0",
    "system": "windows",
    "mobile": False,
    "window_px": [1280, 800],
    "pixel_ratio": 1.0,
    "refresh_hz": 60.0,
    "fullscreen": True,
    "touch": False,
    "px_per_cm": None,
    "distance_cm": None,
}
