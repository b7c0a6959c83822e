"""Choices among shown images: odd-one-out, anchored, odd one of many, most alike pair."""

from twoalike.tasks.odd_one_out._choosing import Answer as Answer
from twoalike.tasks.odd_one_out._choosing import TrialResult as TrialResult
from twoalike.tasks.odd_one_out._choosing import TripletActivity as TripletActivity
from twoalike.tasks.odd_one_out._protocol import AnchoredChoice as AnchoredChoice
from twoalike.tasks.odd_one_out._protocol import Choosing as Choosing
from twoalike.tasks.odd_one_out._protocol import MostAlikePair as MostAlikePair
from twoalike.tasks.odd_one_out._protocol import OddOneOfMany as OddOneOfMany
from twoalike.tasks.odd_one_out._protocol import OddOneOut as OddOneOut
from twoalike.tasks.odd_one_out._protocol import answer_keys as answer_keys
from twoalike.tasks.odd_one_out._session import PreparedTriplets as PreparedTriplets
from twoalike.tasks.odd_one_out._session import TripletHands as TripletHands
