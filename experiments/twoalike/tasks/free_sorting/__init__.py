"""The free-sorting task: images are sorted into piles of those that belong together."""

from twoalike.tasks.free_sorting._protocol import NAME_LINES as NAME_LINES
from twoalike.tasks.free_sorting._protocol import FreeSorting as FreeSorting
from twoalike.tasks.free_sorting._protocol import lay_out_sorting as lay_out_sorting
from twoalike.tasks.free_sorting._sorting import PreparedSortings as PreparedSortings
from twoalike.tasks.free_sorting._sorting import SortingActivity as SortingActivity
from twoalike.tasks.free_sorting._sorting import SortingResult as SortingResult
from twoalike.tasks.free_sorting._sorting import prepare_sortings as prepare_sortings
