"""The pair-rating task: how alike two images are, on a Likert scale or a slider."""

from twoalike.tasks.pair_rating._protocol import PairRating as PairRating
from twoalike.tasks.pair_rating._protocol import lay_out_rating as lay_out_rating
from twoalike.tasks.pair_rating._rating import PreparedRatings as PreparedRatings
from twoalike.tasks.pair_rating._rating import RatingActivity as RatingActivity
from twoalike.tasks.pair_rating._rating import RatingResult as RatingResult
