"""Judges: how far an answer's sources carry what it says. One file per adapter."""

from bedplate.judges.protocol import OpenJudge
from bedplate.registry import Registry

JUDGES = Registry[OpenJudge](
    "guards.groundedness",
    {
        "evidence": "bedplate.judges.evidence:open_evidence_judge",
        "overlap": "bedplate.judges.overlap:open_overlap_judge",
        "llm": "bedplate.judges.llm:open_llm_judge",
        "nli": "bedplate.judges.nli:open_nli_judge",
    },
)
