"""Judgments as tidy tables: their columns, their files, where they come from, how to split them.

Choices have one row a judgment, arrangements one row an item placed, dissimilarities one row a
pair.
"""

from twoalike.judgments._collect import collect_judgments as collect_judgments
from twoalike.judgments._import_choices import import_choices as import_choices
from twoalike.judgments._import_choices import read_sets as read_sets
from twoalike.judgments._import_meadows import import_meadows as import_meadows
from twoalike.judgments._import_rated import import_ratings as import_ratings
from twoalike.judgments._import_rated import import_sortings as import_sortings
from twoalike.judgments._import_rdm import RdmTable as RdmTable
from twoalike.judgments._import_rdm import import_dissimilarities as import_dissimilarities
from twoalike.judgments._import_rdm import read_rdms as read_rdms
from twoalike.judgments._import_sessions import SessionMapping as SessionMapping
from twoalike.judgments._import_sessions import guess_mapping as guess_mapping
from twoalike.judgments._import_sessions import import_sessions as import_sessions
from twoalike.judgments._raw import read_raw as read_raw
from twoalike.judgments._sheet import ImportNote as ImportNote
from twoalike.judgments._tables import ARRANGEMENTS as ARRANGEMENTS
from twoalike.judgments._tables import CHOICES as CHOICES
from twoalike.judgments._tables import DISSIMILARITIES as DISSIMILARITIES
from twoalike.judgments._tables import ITEMS as ITEMS
from twoalike.judgments._tables import MORE_ITEMS as MORE_ITEMS
from twoalike.judgments._tables import RATINGS as RATINGS
from twoalike.judgments._tables import SORTINGS as SORTINGS
from twoalike.judgments._tables import JudgmentKind as JudgmentKind
from twoalike.judgments._tables import JudgmentTable as JudgmentTable
from twoalike.judgments._tables import arrangements_table as arrangements_table
from twoalike.judgments._tables import choices_table as choices_table
from twoalike.judgments._tables import chosen_at_random as chosen_at_random
from twoalike.judgments._tables import dissimilarities_table as dissimilarities_table
from twoalike.judgments._tables import given_tables as given_tables
from twoalike.judgments._tables import is_scored as is_scored
from twoalike.judgments._tables import item_counts as item_counts
from twoalike.judgments._tables import list_sources as list_sources
from twoalike.judgments._tables import ratings_table as ratings_table
from twoalike.judgments._tables import read_judgments as read_judgments
from twoalike.judgments._tables import read_sources as read_sources
from twoalike.judgments._tables import sortings_table as sortings_table
from twoalike.judgments._tables import trial_numbers as trial_numbers
from twoalike.judgments._tables import write_judgments as write_judgments
from twoalike.judgments._views import JudgedTrial as JudgedTrial
from twoalike.judgments._views import PairSource as PairSource
from twoalike.judgments._views import judged_rows as judged_rows
from twoalike.judgments._views import judged_trials as judged_trials
from twoalike.judgments._views import judgment_codes as judgment_codes
from twoalike.judgments._views import object_index as object_index
from twoalike.judgments._views import packed_codes as packed_codes
from twoalike.judgments._views import pair_sources as pair_sources
from twoalike.judgments._views import participant_index as participant_index
from twoalike.judgments._views import person_of as person_of
from twoalike.judgments._views import rating_sources as rating_sources
from twoalike.judgments._views import set_choices as set_choices
from twoalike.judgments._views import split_sets as split_sets
from twoalike.judgments._views import trials_of as trials_of
from twoalike.judgments._views import unpacked_codes as unpacked_codes
