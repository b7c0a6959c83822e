"""The report put together: sections in order, then the summary that stands above them."""

from importlib.metadata import version

from twoalike.report._agreement import alignment_section, predictions_section
from twoalike.report._blocks import Page
from twoalike.report._embedding import dimensions_section, map_section, similarity_section
from twoalike.report._fit import check_dimensions, check_fit
from twoalike.report._load import Inputs
from twoalike.report._measures import measured_sections
from twoalike.report._methods import methods_section
from twoalike.report._people import observers_section, sessions_section, times_section
from twoalike.report._summary import cautions, facts, findings
from twoalike.study import counted


def _subtitle(inputs: Inputs) -> str:
    parts = ["Odd-one-out study"]
    if inputs.sessions:
        parts.append(counted(len(inputs.sessions), "session"))
    return " · ".join([*parts, f"twoalike {version('twoalike')}"])


def build_page(inputs: Inputs, seed: int) -> Page:
    """Make every section; what an input is missing for says so in its place."""
    fit = check_fit(inputs, seed)
    sections = [
        sessions_section(inputs),
        times_section(inputs),
        map_section(inputs),
        dimensions_section(inputs, check_dimensions(inputs, fit, seed)),
        similarity_section(inputs),
        predictions_section(inputs, fit),
        observers_section(inputs),
        alignment_section(inputs),
        *measured_sections(inputs),
        methods_section(inputs),
    ]
    return Page(
        title=inputs.study.config.title,
        subtitle=_subtitle(inputs),
        facts=facts(inputs, fit),
        findings=findings(inputs, fit),
        cautions=cautions(inputs, fit),
        sections=sections,
    )
