//! Vocabulary: roles, tools, models, features.

/// Roles of agents, the common ones first, as the library has interpolated them.
pub(crate) const ROLES: &[&str] = &[
    "Senior Researcher",
    "Report Writer",
    "Data Analyst",
    "Content Writer",
    "Editor",
    "Research Analyst",
    "Software Engineer",
    "Quality Assurance Engineer",
    "Project Manager",
    "Market Analyst",
    "SEO Specialist",
    "Social Media Manager",
    "Financial Analyst",
    "Fact Checker",
    "Customer Support Agent",
    "Lead Scorer",
    "Copywriter",
    "Travel Planner",
    "Recruiter",
    "Resume Reviewer",
    "Legal Assistant",
    "Data Engineer",
    "SQL Expert",
    "Code Reviewer",
    "Technical Writer",
    "Translator",
    "Summarizer",
    "Web Scraper",
    "Email Assistant",
    "Meeting Scribe",
    "Product Manager",
    "Security Auditor",
    "DevOps Engineer",
    "Investment Advisor",
    "News Curator",
    "Trend Watcher",
    "Prompt Engineer",
    "Knowledge Base Keeper",
    "Compliance Officer",
    "Sales Strategist",
    "Chief Storyteller",
    "Crew Manager",
    "R\u{e9}dacteur en chef",
    "\u{5e02}\u{5834}\u{8abf}\u{67fb}\u{54e1}",
];

/// Roles that carry by accident what nobody should collect; the collector's scrubber has to meet some.
pub(crate) const CARELESS_ROLES: &[&str] = &[
    "Assistant of maria.lopez@example.com",
    "Caller for +49 151 23456789",
    "Reader of /home/tobias/contracts",
    "Client with key sk-proj-4f9Qm2LxT8vB1nWc7RzK0yHd",
];

/// Tools as their authors spell them, the common ones first. Later releases send them in snake case.
pub(crate) const TOOLS: &[&str] = &[
    "Search the internet",
    "Read website content",
    "Read a file's content",
    "File Writer Tool",
    "Search in a specific website",
    "Code Interpreter",
    "Delegate work to coworker",
    "Ask question to coworker",
    "Word Counter",
    "List files in directory",
    "Search a PDF's content",
    "Search a CSV's content",
    "Knowledge base",
    "NL2SQLTool",
    "Github Search",
    "Wikipedia",
    "Calculator",
    "Browserbase web load tool",
    "Firecrawl web scrape tool",
    "Search a DOCX's content",
    "Search a JSON's content",
    "Search a txt's content",
    "Youtube Video Search",
    "Dall-E Tool",
    "Vision Tool",
    "Qdrant Vector Search",
    "Weaviate Vector Search",
    "Exa search",
    "Tavily Search",
    "Arxiv Paper Fetcher",
    "Send Email",
    "Slack Message",
    "Google Calendar",
    "Notion Page",
    "Jira Ticket",
    "Weather",
    "Stock Price",
    "S3 Reader Tool",
    "Snowflake Search",
    "Composio Tool",
];

/// Halves of home-made tools' names: the long tail that few crews share.
pub(crate) const TOOL_VERBS: &[&str] = &[
    "Fetch",
    "Update",
    "Rank",
    "Validate",
    "Export",
    "Summarize",
    "Tag",
    "Merge",
    "Compare",
    "Archive",
];

/// The other halves.
pub(crate) const TOOL_NOUNS: &[&str] = &[
    "Invoice",
    "Lead",
    "Contract",
    "Ticket",
    "Recipe",
    "Patient Note",
    "Playlist",
    "Shipment",
    "Survey",
    "Lesson",
    "Listing",
    "Permit",
];

/// Models with their share among crews, as `llm` names them.
pub(crate) const MODELS: &[(&str, u32)] = &[
    ("gpt-4o-mini", 26),
    ("gpt-4o", 18),
    ("gpt-4.1", 6),
    ("gpt-4.1-mini", 7),
    ("gpt-5", 5),
    ("gpt-5-mini", 6),
    ("anthropic/claude-3-5-sonnet-20241022", 5),
    ("anthropic/claude-sonnet-4-5", 8),
    ("anthropic/claude-haiku-4-5", 4),
    ("gemini/gemini-1.5-pro", 2),
    ("gemini/gemini-2.5-flash", 7),
    ("gemini/gemini-2.5-pro", 4),
    ("ollama/llama3.1", 5),
    ("ollama/qwen2.5:14b", 3),
    ("groq/llama-3.3-70b-versatile", 3),
    ("azure/gpt-4o", 4),
    ("bedrock/anthropic.claude-3-haiku-20240307-v1:0", 2),
    ("mistral/mistral-large-latest", 2),
    ("deepseek/deepseek-chat", 3),
    ("openrouter/qwen/qwen3-235b", 1),
    ("watsonx/ibm/granite-3-8b", 1),
];

/// Models of the time of the releases before 0.60.0, with the class that wrapped them.
pub(crate) const OLD_MODELS: &[((&str, &str), u32)] = &[
    (("gpt-4o-mini", "ChatOpenAI"), 4),
    (("gpt-4", "ChatOpenAI"), 5),
    (("gpt-3.5-turbo", "ChatOpenAI"), 4),
    (("gpt-4o", "AzureChatOpenAI"), 2),
    (("llama3", "Ollama"), 3),
    (("mixtral-8x7b-32768", "ChatGroq"), 2),
    (("claude-3-opus-20240229", "ChatAnthropic"), 1),
];

/// Features of newer releases that a run may count, with the first release that does.
pub(crate) const FEATURES: &[(&str, (u16, u16, u16), f64)] = &[
    ("planning:creation", (1, 13, 0), 0.10),
    ("guardrail:execution", (1, 13, 0), 0.12),
    ("mcp:connection", (1, 13, 0), 0.16),
    ("mcp:tool_execution", (1, 13, 0), 0.13),
    ("mcp:connection_failed", (1, 13, 0), 0.02),
    ("skill:loaded", (1, 13, 0), 0.05),
    ("a2a:delegation", (1, 13, 0), 0.03),
    ("hooks:registered", (1, 13, 0), 0.04),
    ("hooks:pre_model_call", (1, 15, 11), 0.04),
    ("tracing:ephemeral_sent", (1, 15, 16), 0.07),
    ("tracing:authenticated_sent", (1, 15, 16), 0.05),
    ("checkpoint:save", (1, 15, 21), 0.06),
    ("cli_usage:view_traces", (1, 15, 1), 0.03),
];

/// Classes of flows that users write.
pub(crate) const FLOWS: &[&str] = &[
    "ContentFlow",
    "LeadScoreFlow",
    "EmailAutoResponderFlow",
    "ResearchFlow",
    "BookFlow",
    "SupportTriageFlow",
    "InvoiceFlow",
    "PoemFlow",
    "TranscriptFlow",
];

/// Methods of those flows: sent by the library, refused by the catalog.
pub(crate) const FLOW_METHODS: &[&str] = &[
    "gather_inputs",
    "call_crew",
    "score_leads",
    "human_review",
    "route",
    "write_report",
    "store_result",
];

/// Templates of `crewai create`.
pub(crate) const TEMPLATES: &[&str] =
    &["lead-score", "book-writer", "email-triage", "meeting-notes"];

/// Exceptions that end a task or a flow; only the class name is sent.
pub(crate) const ERROR_TYPES: &[(&str, u32)] = &[
    ("RateLimitError", 5),
    ("ValueError", 4),
    ("TimeoutError", 3),
    ("APIConnectionError", 3),
    ("ContextWindowExceededError", 2),
    ("ValidationError", 2),
    ("KeyError", 1),
];

/// Goals of crews that share, or whose release shares for them.
pub(crate) const GOALS: &[&str] = &[
    "Find what changed in {topic} this week",
    "Write a report that a busy reader finishes",
    "Turn raw numbers about {topic} into three findings",
    "Catch every claim without a source",
    "Plan the trip within the budget",
];

/// Their backstories.
pub(crate) const BACKSTORIES: &[&str] = &[
    "You have read the trade press of {topic} for twenty years.",
    "You are known for short sentences and no adjectives.",
    "You worked at a statistics office and trust no average without its spread.",
    "You came from a newsroom where a wrong name cost a job.",
];

/// Their tasks.
pub(crate) const DESCRIPTIONS: &[&str] = &[
    "Collect the ten most relevant sources on {topic}.",
    "Count how often each source is cited.",
    "Write one page on {topic} for the board.",
    "Check each figure against its source.",
    "Translate the page and keep the names.",
];

/// Expected outputs of these tasks.
pub(crate) const EXPECTED_OUTPUTS: &[&str] = &[
    "A list of ten links with one line each",
    "A table with a row a source",
    "One page in plain words",
    "The list of figures that do not hold",
];

/// Their topics.
pub(crate) const TOPICS: &[&str] = &[
    "solid-state batteries",
    "caf\u{e9} openings",
    "tram lines",
    "open-source licences",
    "wheat prices",
];

/// A tool's name as releases from 1.9.0 spell it.
pub(crate) fn snake_case(tool: &str) -> String {
    let mut snake = String::with_capacity(tool.len());
    for character in tool.chars() {
        match character {
            'a'..='z' | '0'..='9' => snake.push(character),
            'A'..='Z' => snake.push(character.to_ascii_lowercase()),
            '\'' => {}
            _ if snake.ends_with('_') => {}
            _ => snake.push('_'),
        }
    }
    snake.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_spelled_as_new_releases_spell_it() {
        assert_eq!(snake_case("Word Counter"), "word_counter");
        assert_eq!(snake_case("Read a file's content"), "read_a_files_content");
        assert_eq!(snake_case("Dall-E Tool"), "dall_e_tool");
    }
}
