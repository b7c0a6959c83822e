"""A study's report: one HTML file that opens anywhere, with the summary first.

The parts of a page (sections of pictures, galleries and tables) serve other pages as well.
"""

from twoalike.report._beside import OF_PEOPLE as OF_PEOPLE
from twoalike.report._beside import standardised as standardised
from twoalike.report._blocks import Caution as Caution
from twoalike.report._blocks import Fact as Fact
from twoalike.report._blocks import Gallery as Gallery
from twoalike.report._blocks import Grid as Grid
from twoalike.report._blocks import Page as Page
from twoalike.report._blocks import Picture as Picture
from twoalike.report._blocks import Row as Row
from twoalike.report._blocks import Section as Section
from twoalike.report._blocks import Text as Text
from twoalike.report._blocks import Tile as Tile
from twoalike.report._blocks import Verbatim as Verbatim
from twoalike.report._blocks import image_uri as image_uri
from twoalike.report._blocks import percent as percent
from twoalike.report._blocks import picture as picture
from twoalike.report._blocks import render as render
from twoalike.report._blocks import say as say
from twoalike.report._blocks import section as section
from twoalike.report._blocks import thumbnails as thumbnails
from twoalike.report._embedding import category_labels as category_labels
from twoalike.report._embedding import category_levels as category_levels
from twoalike.report._embedding import describe_dimensions as describe_dimensions
from twoalike.report._embedding import dimension_weights as dimension_weights
from twoalike.report._embedding import few_categories as few_categories
from twoalike.report._embedding import shown_dimensions as shown_dimensions
from twoalike.report._embedding import top_images as top_images
from twoalike.report._fit import times_of as times_of
from twoalike.report._inputs import Inputs as Inputs
from twoalike.report._observed import compare_observed as compare_observed
from twoalike.report._observed import leaf_order as leaf_order
from twoalike.report._observed import reliability_panels as reliability_panels
from twoalike.report._plan import WrittenPlan as WrittenPlan
from twoalike.report._plan import write_plan as write_plan
from twoalike.report._report import Report as Report
from twoalike.report._report import write_report as write_report
from twoalike.report._sessions import session_section as session_section
from twoalike.report._watch import watched as watched
from twoalike.report._watch import write_progress as write_progress
