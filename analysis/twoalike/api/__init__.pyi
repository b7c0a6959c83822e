from twoalike import online as online
from twoalike.api import plot as plot
from twoalike.backbones import extract_features
from twoalike.display import measure_screen
from twoalike.distill import Student
from twoalike.distill import distill as distill
from twoalike.distill import export_onnx as export_onnx
from twoalike.distill import import_alignet as import_alignet
from twoalike.distill import label_images as label_images
from twoalike.embedding import Gaussian as Gaussian
from twoalike.embedding import Observers as Observers
from twoalike.embedding import PooledObservers as PooledObservers
from twoalike.embedding import Posterior as Posterior
from twoalike.embedding import Prior as Prior
from twoalike.embedding import Softplus as Softplus
from twoalike.embedding import SpikeAndSlab as SpikeAndSlab
from twoalike.embedding import build_model as build_model
from twoalike.embedding import careless_table as careless_table
from twoalike.embedding import check as check
from twoalike.embedding import choice_intervals as choice_intervals
from twoalike.embedding import compare as compare
from twoalike.embedding import compare_groups as compare_groups
from twoalike.embedding import covariate_table as covariate_table
from twoalike.embedding import dimension_curve as dimension_curve
from twoalike.embedding import dimension_table as dimension_table
from twoalike.embedding import embedding_table as embedding_table
from twoalike.embedding import enough as enough
from twoalike.embedding import fit as fit
from twoalike.embedding import inference_data as inference_data
from twoalike.embedding import participants_table as participants_table
from twoalike.embedding import save_embedding as save_embedding
from twoalike.embedding import save_similarity as save_similarity
from twoalike.embedding import similarity_table as similarity_table
from twoalike.exchange import export_dissimilarities as export_dissimilarities
from twoalike.exchange import export_psychds as export_psychds
from twoalike.exchange import merge_studies
from twoalike.exchange import share as share
from twoalike.features import FeatureTable as FeatureTable
from twoalike.features import read_features as read_features
from twoalike.judgments import guess_mapping as guess_mapping
from twoalike.judgments import import_choices as import_choices
from twoalike.judgments import import_dissimilarities as import_dissimilarities
from twoalike.judgments import import_meadows as import_meadows
from twoalike.judgments import import_ratings as import_ratings
from twoalike.judgments import import_sessions as import_sessions
from twoalike.judgments import import_sortings as import_sortings
from twoalike.judgments import read_judgments as read_judgments
from twoalike.observers import SimulatedObserver as SimulatedObserver
from twoalike.observers import simulate_choices as simulate_choices
from twoalike.observers import simulated_people as simulated_people
from twoalike.online import erase as erase
from twoalike.planning import create_study as create_study
from twoalike.planning import describe_study, write_lists
from twoalike.recovery import group_power as group_power
from twoalike.recovery import power as power
from twoalike.report import write_plan, write_progress, write_report
from twoalike.results import Results
from twoalike.results import evaluate as evaluate
from twoalike.results import leaderboard as leaderboard
from twoalike.results import replay as replay
from twoalike.results import score as score
from twoalike.results import transfer as transfer
from twoalike.sitting import simulate as simulate
from twoalike.sitting import sit
from twoalike.stimuli import StimulusSet as StimulusSet
from twoalike.study import Study as Study
from twoalike.study import TwoalikeError as TwoalikeError
from twoalike.tasks import validate_study
from twoalike.teacher import load_teacher as load_teacher
from twoalike.teacher import predict as predict
from twoalike.teacher import teach as teach

describe = describe_study
design = write_lists
features = extract_features
load_posterior = Posterior.load
load_student = Student.load
load_results = Results.load
merge = merge_studies
report = write_report
plan = write_plan
run = sit
screen = measure_screen
validate = validate_study
watch = write_progress

__version__: str
