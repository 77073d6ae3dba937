//! The fields that a client may record, one module a category of `catalog/crew.yaml`.
//!
//! Generated; `tests/it/fields.rs` writes it and fails when it and the catalog differ.

/// Marks a span whose crew shares its content (see `catalog/dialects/headcount.yaml`).
pub(crate) const SHARING_MARK: &str = "consent.share_crew";

/// Framework and runtime versions.
pub(crate) mod versions {
    use crate::field::*;

    pub(crate) const FRAMEWORK: Identifier = Identifier { key: "versions.framework", max_length: 32 };

    pub(crate) const FRAMEWORK_VERSION: Identifier = Identifier { key: "versions.framework_version", max_length: 32 };

    pub(crate) const RUNTIME: Enum = Enum { key: "versions.runtime", values: &["python", "rust", "nodejs", "dotnet", "java", "go", "other"] };

    pub(crate) const RUNTIME_VERSION: Identifier = Identifier { key: "versions.runtime_version", max_length: 32 };
}

/// Crew metadata.
pub(crate) mod crew {
    use crate::field::*;

    pub(crate) const ID: RandomId = RandomId { key: "crew.id" };

    pub(crate) const KEY: KeyedHash = KeyedHash { key: "crew.key" };

    pub(crate) const PROCESS: Enum = Enum { key: "crew.process", values: &["sequential", "hierarchical", "parallel", "consensual"] };

    pub(crate) const MEMORY: Boolean = Boolean { key: "crew.memory" };

    pub(crate) const INPUTS_PRESENT: Boolean = Boolean { key: "crew.inputs_present" };

    pub(crate) const TASK_COUNT: Integer = Integer { key: "crew.task_count", min: 0, max: 100000 };

    pub(crate) const AGENT_COUNT: Integer = Integer { key: "crew.agent_count", min: 0, max: 100000 };

    pub(crate) const PROJECT_ID: KeyedHash = KeyedHash { key: "crew.project_id" };
}

/// Agent data.
pub(crate) mod agent {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "agent.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "agent.crew_key" };

    pub(crate) const ID: RandomId = RandomId { key: "agent.id" };

    pub(crate) const KEY: KeyedHash = KeyedHash { key: "agent.key" };

    pub(crate) const ROLE: FreeText = FreeText { key: "agent.role", max_length: 256 };

    pub(crate) const VERBOSE: Boolean = Boolean { key: "agent.verbose" };

    pub(crate) const DELEGATION_ENABLED: Boolean = Boolean { key: "agent.delegation_enabled" };

    pub(crate) const CODE_EXECUTION_ALLOWED: Boolean = Boolean { key: "agent.code_execution_allowed" };

    pub(crate) const MAX_ITERATIONS: Integer = Integer { key: "agent.max_iterations", min: 0, max: 1000000000 };

    pub(crate) const MAX_RPM: Integer = Integer { key: "agent.max_rpm", min: 0, max: 1000000000 };

    pub(crate) const MAX_RETRY_LIMIT: Integer = Integer { key: "agent.max_retry_limit", min: 0, max: 1000000000 };

    pub(crate) const FUNCTION_CALLING_LLM: FreeText = FreeText { key: "agent.function_calling_llm", max_length: 128 };

    pub(crate) const TOOL_NAMES: FreeTexts = FreeTexts { key: "agent.tool_names", max_length: 128, max_items: 64 };
}

/// Task metadata.
pub(crate) mod task {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "task.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "task.crew_key" };

    pub(crate) const ID: RandomId = RandomId { key: "task.id" };

    pub(crate) const KEY: KeyedHash = KeyedHash { key: "task.key" };

    pub(crate) const ASYNC_EXECUTION: Boolean = Boolean { key: "task.async_execution" };

    pub(crate) const HUMAN_INPUT: Boolean = Boolean { key: "task.human_input" };

    pub(crate) const AGENT_ROLE: FreeText = FreeText { key: "task.agent_role", max_length: 256 };

    pub(crate) const AGENT_KEY: KeyedHash = KeyedHash { key: "task.agent_key" };

    pub(crate) const TOOL_NAMES: FreeTexts = FreeTexts { key: "task.tool_names", max_length: 128, max_items: 64 };
}

/// Task lifecycle.
pub(crate) mod task_lifecycle {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "task_lifecycle.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "task_lifecycle.crew_key" };

    pub(crate) const TASK_ID: RandomId = RandomId { key: "task_lifecycle.task_id" };

    pub(crate) const TASK_KEY: KeyedHash = KeyedHash { key: "task_lifecycle.task_key" };

    pub(crate) const ERROR_TYPE: Identifier = Identifier { key: "task_lifecycle.error_type", max_length: 128 };
}

/// Tool usage statistics.
pub(crate) mod tool_usage {
    use crate::field::*;

    pub(crate) const TOOL_NAME: FreeText = FreeText { key: "tool_usage.tool_name", max_length: 128 };

    pub(crate) const ATTEMPTS: Integer = Integer { key: "tool_usage.attempts", min: 0, max: 1000000000 };

    pub(crate) const OUTCOME: Enum = Enum { key: "tool_usage.outcome", values: &["used", "repeated", "error"] };
}

/// Test execution data.
pub(crate) mod test {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "test.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "test.crew_key" };

    pub(crate) const STEP: Enum = Enum { key: "test.step", values: &["execution", "result"] };

    pub(crate) const ITERATIONS: Integer = Integer { key: "test.iterations", min: 0, max: 1000000 };

    pub(crate) const MODEL_NAME: FreeText = FreeText { key: "test.model_name", max_length: 128 };

    pub(crate) const QUALITY: Double = Double { key: "test.quality", min: 0.0, max: 100.0 };

    pub(crate) const EXECUTION_TIME: Double = Double { key: "test.execution_time", min: 0.0, max: 31536000.0 };
}

/// LLM attributes.
pub(crate) mod llm {
    use crate::field::*;

    pub(crate) const LLM_NAME: FreeText = FreeText { key: "llm.llm_name", max_length: 128 };

    pub(crate) const LLM_MODEL_NAME: FreeText = FreeText { key: "llm.llm_model_name", max_length: 128 };

    pub(crate) const LLM_MODEL: FreeText = FreeText { key: "llm.llm_model", max_length: 128 };

    pub(crate) const LLM_TOP_K: Double = Double { key: "llm.llm_top_k", min: 0.0, max: 1000000.0 };

    pub(crate) const LLM_TEMPERATURE: Double = Double { key: "llm.llm_temperature", min: 0.0, max: 100.0 };

    pub(crate) const LLM_CLASS_NAME: Identifier = Identifier { key: "llm.llm_class_name", max_length: 128 };
}

/// Deployment attempts.
pub(crate) mod deployment {
    use crate::field::*;

    pub(crate) const STEP: Enum = Enum { key: "deployment.step", values: &["signup_error", "start", "create", "created", "failed", "logs", "remove"] };

    pub(crate) const CREW_ID: RandomId = RandomId { key: "deployment.crew_id" };

    pub(crate) const LOG_TYPE: Identifier = Identifier { key: "deployment.log_type", max_length: 64 };

    pub(crate) const SOURCE: Enum = Enum { key: "deployment.source", values: &["cli", "tui"] };

    pub(crate) const REASON: Enum = Enum { key: "deployment.reason", values: &["api_4xx", "api_5xx", "invalid_json", "invalid_creation_response", "network_error", "zip_error", "user_declined", "unexpected"] };

    pub(crate) const STATUS_CODE: Integer = Integer { key: "deployment.status_code", min: 100, max: 599 };
}

/// Execution environment.
pub(crate) mod execution_environment {
    use crate::field::*;

    pub(crate) const CODING_AGENT: Enum = Enum { key: "execution_environment.coding_agent", values: &["claude_code", "codex", "cline", "gemini_cli", "augment", "opencode", "antigravity", "junie", "cursor", "other", "unknown", "vscode_terminal", "jetbrains_terminal", "non_interactive"] };

    pub(crate) const RUNTIME_CONTEXT: Enum = Enum { key: "execution_environment.runtime_context", values: &["ci", "serverless", "paas", "hosted_ide", "notebook", "container", "vscode_terminal", "jetbrains_terminal", "interactive", "non_interactive", "unknown"] };

    pub(crate) const CPU_BAND: Enum = Enum { key: "execution_environment.cpu_band", values: &["1-2", "3-4", "5-8", "9-16", "17-32", "33+", "unknown"] };
}

/// Crew completion.
pub(crate) mod crew_completion {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "crew_completion.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "crew_completion.crew_key" };
}

/// Flow lifecycle.
pub(crate) mod flow_lifecycle {
    use crate::field::*;

    pub(crate) const EVENT: Enum = Enum { key: "flow_lifecycle.event", values: &["created", "plotted", "started", "completed", "paused", "method_failed"] };

    pub(crate) const FLOW_NAME: FreeText = FreeText { key: "flow_lifecycle.flow_name", max_length: 128 };

    pub(crate) const ORIGIN: Enum = Enum { key: "flow_lifecycle.origin", values: &["user", "internal"] };

    pub(crate) const RESUMED: Boolean = Boolean { key: "flow_lifecycle.resumed" };

    pub(crate) const CONVERSATIONAL: Boolean = Boolean { key: "flow_lifecycle.conversational" };

    pub(crate) const DURATION: Double = Double { key: "flow_lifecycle.duration", min: 0.0, max: 31536000.0 };

    pub(crate) const OUTCOME: Enum = Enum { key: "flow_lifecycle.outcome", values: &["completed", "failed"] };

    pub(crate) const ERROR_TYPE: Identifier = Identifier { key: "flow_lifecycle.error_type", max_length: 128 };
}

/// Feature usage.
pub(crate) mod feature_usage {
    use crate::field::*;

    pub(crate) const FEATURE: Identifier = Identifier { key: "feature_usage.feature", max_length: 128 };

    pub(crate) const AUTHENTICATED: Boolean = Boolean { key: "feature_usage.authenticated" };

    pub(crate) const MODELS: FreeText = FreeText { key: "feature_usage.models", max_length: 512 };

    pub(crate) const MODELS_COUNT: Integer = Integer { key: "feature_usage.models_count", min: 0, max: 1000 };
}

/// Human feedback.
pub(crate) mod human_feedback {
    use crate::field::*;

    pub(crate) const EVENT_TYPE: Enum = Enum { key: "human_feedback.event_type", values: &["requested", "received"] };

    pub(crate) const HAS_ROUTING: Boolean = Boolean { key: "human_feedback.has_routing" };

    pub(crate) const NUM_OUTCOMES: Integer = Integer { key: "human_feedback.num_outcomes", min: 0, max: 100000 };

    pub(crate) const FEEDBACK_PROVIDED: Boolean = Boolean { key: "human_feedback.feedback_provided" };

    pub(crate) const OUTCOME: FreeText = FreeText { key: "human_feedback.outcome", max_length: 128 };
}

/// Project creation.
pub(crate) mod project {
    use crate::field::*;

    pub(crate) const EVENT: Enum = Enum { key: "project.event", values: &["created", "template_installed"] };

    pub(crate) const KIND: Enum = Enum { key: "project.kind", values: &["crew", "json_crew", "flow", "agent"] };

    pub(crate) const PROJECT_ID: KeyedHash = KeyedHash { key: "project.project_id" };
}

/// Template installation.
pub(crate) mod template {
    use crate::field::*;

    pub(crate) const TEMPLATE_NAME: FreeText = FreeText { key: "template.template_name", max_length: 128 };
}

/// Weekly activity.
pub(crate) mod activity {
    use crate::field::*;

    pub(crate) const AGE_WEEKS: Enum = Enum { key: "activity.age_weeks", values: &["1", "2-4", "5-24", "25+"] };

    pub(crate) const ACTIVE_DAYS: Enum = Enum { key: "activity.active_days", values: &["1", "2-3", "4-5", "6-7"] };

    pub(crate) const IDLE_WEEKS: Enum = Enum { key: "activity.idle_weeks", values: &["0", "1", "2-4", "5+"] };

    pub(crate) const NEWER_RELEASES: Enum = Enum { key: "activity.newer_releases", values: &["0", "1", "2-5", "6+"] };
}

/// Losses.
pub(crate) mod losses {
    use crate::field::*;

    pub(crate) const REASON: Enum = Enum { key: "losses.reason", values: &["queue_full", "spool_full", "too_old", "too_large", "unreadable", "turned_off", "refused"] };

    pub(crate) const COUNT: Integer = Integer { key: "losses.count", min: 1, max: 9223372036854775807 };
}

/// Agent's expanded data.
pub(crate) mod agent_expanded {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "agent_expanded.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "agent_expanded.crew_key" };

    pub(crate) const ID: RandomId = RandomId { key: "agent_expanded.id" };

    pub(crate) const KEY: KeyedHash = KeyedHash { key: "agent_expanded.key" };

    pub(crate) const ROLE: SharedText = SharedText { key: "agent_expanded.role", max_length: 65536 };

    pub(crate) const GOAL: SharedText = SharedText { key: "agent_expanded.goal", max_length: 65536 };

    pub(crate) const BACKSTORY: SharedText = SharedText { key: "agent_expanded.backstory", max_length: 65536 };

    pub(crate) const I18N_PROMPT_FILE: SharedText = SharedText { key: "agent_expanded.i18n_prompt_file", max_length: 4096 };
}

/// Detailed task information.
pub(crate) mod task_detail {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "task_detail.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "task_detail.crew_key" };

    pub(crate) const ID: RandomId = RandomId { key: "task_detail.id" };

    pub(crate) const KEY: KeyedHash = KeyedHash { key: "task_detail.key" };

    pub(crate) const DESCRIPTION: SharedText = SharedText { key: "task_detail.description", max_length: 65536 };

    pub(crate) const EXPECTED_OUTPUT: SharedText = SharedText { key: "task_detail.expected_output", max_length: 65536 };

    pub(crate) const CONTEXT: SharedTexts = SharedTexts { key: "task_detail.context", max_length: 65536, max_items: 256 };

    pub(crate) const FORMATTED_DESCRIPTION: SharedText = SharedText { key: "task_detail.formatted_description", max_length: 65536 };

    pub(crate) const FORMATTED_EXPECTED_OUTPUT: SharedText = SharedText { key: "task_detail.formatted_expected_output", max_length: 65536 };
}

/// Environment information.
pub(crate) mod environment {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "environment.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "environment.crew_key" };

    pub(crate) const PLATFORM: SharedText = SharedText { key: "environment.platform", max_length: 512 };

    pub(crate) const RELEASE: SharedText = SharedText { key: "environment.release", max_length: 512 };

    pub(crate) const SYSTEM: SharedText = SharedText { key: "environment.system", max_length: 512 };

    pub(crate) const VERSION: SharedText = SharedText { key: "environment.version", max_length: 512 };

    pub(crate) const CPU_COUNT: Integer = Integer { key: "environment.cpu_count", min: 0, max: 1000000 };
}

/// Crew and task inputs and outputs.
pub(crate) mod crew_io {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "crew_io.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "crew_io.crew_key" };

    pub(crate) const TASK_ID: RandomId = RandomId { key: "crew_io.task_id" };

    pub(crate) const DIRECTION: Enum = Enum { key: "crew_io.direction", values: &["input", "output"] };

    pub(crate) const CONTENT: SharedText = SharedText { key: "crew_io.content", max_length: 65536 };
}

/// Comprehensive crew execution data.
pub(crate) mod crew_execution {
    use crate::field::*;

    pub(crate) const CREW_ID: RandomId = RandomId { key: "crew_execution.crew_id" };

    pub(crate) const CREW_KEY: KeyedHash = KeyedHash { key: "crew_execution.crew_key" };

    pub(crate) const OUTPUT: SharedText = SharedText { key: "crew_execution.output", max_length: 65536 };

    pub(crate) const TASKS_OUTPUT: SharedText = SharedText { key: "crew_execution.tasks_output", max_length: 65536 };

    pub(crate) const LOG: SharedText = SharedText { key: "crew_execution.log", max_length: 65536 };
}

/// Texts of the default tier that are scrubbed before they reach a disk.
pub(crate) const SCRUBBED: &[crate::field::Scrubbing] = &[
    crate::field::Scrubbing { key: "agent.role", max_length: 256 },
    crate::field::Scrubbing { key: "agent.function_calling_llm", max_length: 128 },
    crate::field::Scrubbing { key: "agent.tool_names", max_length: 128 },
    crate::field::Scrubbing { key: "task.agent_role", max_length: 256 },
    crate::field::Scrubbing { key: "task.tool_names", max_length: 128 },
    crate::field::Scrubbing { key: "tool_usage.tool_name", max_length: 128 },
    crate::field::Scrubbing { key: "test.model_name", max_length: 128 },
    crate::field::Scrubbing { key: "llm.llm_name", max_length: 128 },
    crate::field::Scrubbing { key: "llm.llm_model_name", max_length: 128 },
    crate::field::Scrubbing { key: "llm.llm_model", max_length: 128 },
    crate::field::Scrubbing { key: "flow_lifecycle.flow_name", max_length: 128 },
    crate::field::Scrubbing { key: "feature_usage.models", max_length: 512 },
    crate::field::Scrubbing { key: "human_feedback.outcome", max_length: 128 },
    crate::field::Scrubbing { key: "template.template_name", max_length: 128 },
];

/// Identifiers, which are left out where they look like personal data.
pub(crate) const IDENTIFIERS: &[&str] = &[
    "versions.framework",
    "task_lifecycle.error_type",
    "llm.llm_class_name",
    "deployment.log_type",
    "flow_lifecycle.error_type",
    "feature_usage.feature",
];
