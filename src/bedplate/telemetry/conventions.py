"""Every name of spans' attributes.

Those that begin with `gen_ai` are of the OpenTelemetry semantic conventions for generative AI, as
of 2026, spelt out here because their package marks them all as moved; `http`, `url`, `server` and
`error` are of the general ones. What they have no name for begins with `bedplate`.
"""

# Requests
METHOD = "http.request.method"
PATH = "url.path"
ROUTE = "http.route"
STATUS = "http.response.status_code"
ERROR = "error.type"
TENANT = "bedplate.tenant"
KEY = "bedplate.key"
ANONYMOUS = "bedplate.anonymous"

# Calls of models
OPERATION = "gen_ai.operation.name"
TOOL_NAME = "gen_ai.tool.name"
TOOL_FAILED = "bedplate.tool.failed"
PROVIDER = "gen_ai.provider.name"
AGENT = "gen_ai.agent.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
ESTIMATED = "bedplate.usage.estimated"
ESTIMATED_INPUT_TOKENS = "bedplate.usage.estimated_input_tokens"
COST = "bedplate.cost.usd"
TOKENS_PER_SECOND = "bedplate.output_tokens_per_second"
NOTES = "bedplate.notes"

# Retrieval
COLLECTION = "gen_ai.data_source.id"
MODE = "bedplate.retrieval.mode"
RECALL = "bedplate.retrieval.recall"
HITS = "bedplate.retrieval.hits"
READ_BY = "bedplate.retrieval.read_by"

# Guards and checks
GUARD = "bedplate.guard.name"
VERDICT = "bedplate.guard.verdict"
REASON = "bedplate.guard.reason"
EVALUATION = "gen_ai.evaluation.name"
EVALUATION_SCORE = "gen_ai.evaluation.score.value"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"

# Answers
REFUSED = "bedplate.answer.refused"
CITATIONS = "bedplate.answer.citations"
CITED_CLAIMS = "bedplate.answer.cited_claims"
VALID_CITATIONS = "bedplate.answer.valid_citations"
CHECKED = "bedplate.answer.checked"
FAILED_RULES = "bedplate.answer.failed_rules"

# Assistants
AGENT_VERSION = "gen_ai.agent.version"
CLEANED = "bedplate.clean.removed"
TOOLS_OFFERED = "bedplate.tools.offered"
TOOL_NAME = "gen_ai.tool.name"
TOOL_FAILED = "bedplate.tool.failed"
DROPPED_MESSAGES = "bedplate.memory.dropped_messages"
TOKENS_BEFORE = "bedplate.memory.tokens_before"
TOKENS_AFTER = "bedplate.memory.tokens_after"

# Ingest and jobs
ADDED = "bedplate.ingest.added"
UPDATED = "bedplate.ingest.updated"
UNCHANGED = "bedplate.ingest.unchanged"
DELETED = "bedplate.ingest.deleted"
FAILED = "bedplate.ingest.failed"
CHUNKS = "bedplate.ingest.chunks"
WORK = "bedplate.job.work"
JOB = "bedplate.job.id"
DROPPED_SPANS = "bedplate.dropped_spans"

# Content: what people, documents and models said. Kept as tracing.content has it.
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
QUERY = "gen_ai.retrieval.query.text"
DOCUMENTS = "gen_ai.retrieval.documents"
FILTER = "bedplate.retrieval.filter"
QUESTION = "bedplate.question"
ANSWER = "bedplate.answer"
CLAIMS = "bedplate.claims"

CONTENT = frozenset(
    {
        INPUT_MESSAGES,
        OUTPUT_MESSAGES,
        QUERY,
        DOCUMENTS,
        FILTER,
        QUESTION,
        ANSWER,
        CLAIMS,
    }
)
