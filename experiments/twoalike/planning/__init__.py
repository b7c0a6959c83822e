"""Planning a study: its folder, its trial lists, how long its sessions take, and how they adapt.

What ``twoalike init`` and ``twoalike design`` do, as functions.
"""

from twoalike.planning._adaptive import AdaptiveDesign as AdaptiveDesign
from twoalike.planning._adaptive import adaptive_designs as adaptive_designs
from twoalike.planning._adaptive import answer_draws as answer_draws
from twoalike.planning._adaptive import scale_points as scale_points
from twoalike.planning._adaptive import typical_answers as typical_answers
from twoalike.planning._describe import DescriptionPage as DescriptionPage
from twoalike.planning._describe import describe_study as describe_study
from twoalike.planning._describe import used_tasks as used_tasks
from twoalike.planning._lists import write_lists as write_lists
from twoalike.planning._refit import prepare_trials as prepare_trials
from twoalike.planning._refit import refit as refit
from twoalike.planning._study import CreatedStudy as CreatedStudy
from twoalike.planning._study import StudyTemplate as StudyTemplate
from twoalike.planning._study import create_study as create_study
from twoalike.planning._study import study_template as study_template
from twoalike.planning._study import study_templates as study_templates
from twoalike.planning._summary import ListSummary as ListSummary
from twoalike.planning._summary import TrialList as TrialList
from twoalike.planning._summary import TrialLists as TrialLists
from twoalike.planning._summary import first_session_duration as first_session_duration
from twoalike.planning._summary import summarize_design as summarize_design
