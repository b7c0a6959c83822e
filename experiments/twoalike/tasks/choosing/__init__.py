"""Choices among shown images: odd-one-out, anchored, odd one of many, most alike pair."""

from twoalike.tasks.choosing._choosing import Answer as Answer
from twoalike.tasks.choosing._choosing import PreparedTriplets as PreparedTriplets
from twoalike.tasks.choosing._choosing import TrialResult as TrialResult
from twoalike.tasks.choosing._choosing import TripletActivity as TripletActivity
from twoalike.tasks.choosing._choosing import TripletHands as TripletHands
from twoalike.tasks.choosing._choosing import presented as presented
from twoalike.tasks.choosing._protocol import AnchoredChoice as AnchoredChoice
from twoalike.tasks.choosing._protocol import Choosing as Choosing
from twoalike.tasks.choosing._protocol import MostAlikePair as MostAlikePair
from twoalike.tasks.choosing._protocol import OddOneOfMany as OddOneOfMany
from twoalike.tasks.choosing._protocol import OddOneOut as OddOneOut
from twoalike.tasks.choosing._protocol import answer_keys as answer_keys
