"""Features, with the names that CrewAI's own client uses from 1.13 on (https://docs.crewai.com/en/telemetry).

The words marked with a star are ours, in the same spelling: CrewAI tells of these on its bus and counts them nowhere.
"""

from __future__ import annotations

# The feature that an event of each type stands for.
FEATURES = {
    "agent_reasoning_completed": "planning:creation",
    "plan_replan_triggered": "planning:replan",
    "goal_achieved_early": "planning:goal_achieved_early",
    "llm_guardrail_completed": "guardrail:execution",
    "skill_discovery_completed": "skill:discovery",
    "skill_loaded": "skill:loaded",
    "skill_load_failed": "skill:load_failed",
    "skill_activated": "skill:activated",
    "a2a_delegation_completed": "a2a:delegation",
    "a2a_conversation_completed": "a2a:conversation",
    "mcp_connection_completed": "mcp:connection",
    "mcp_connection_failed": "mcp:connection_failed",
    "mcp_config_fetch_failed": "mcp:config_fetch_failed",
    "mcp_tool_execution_completed": "mcp:tool_execution",
    "mcp_tool_execution_failed": "mcp:tool_execution_failed",
    "memory_save_completed": "memory:save",
    "memory_query_completed": "memory:query",
    "memory_retrieval_completed": "memory:retrieval",
    "memory_save_failed": "memory:save_failed",  # *
    "memory_query_failed": "memory:query_failed",  # *
    "memory_retrieval_failed": "memory:retrieval_failed",  # *
    "conversation_turn_completed": "flow:conversation_turn",
    "conversation_turn_failed": "flow:conversation_turn_failed",
    "flow_input_requested": "flow:input_requested",
    "flow_input_received": "flow:input_received",
    "method_execution_paused": "flow:hitl_paused",
    "checkpoint_completed": "checkpoint:save",
    "checkpoint_failed": "checkpoint:save_failed",
    "checkpoint_restore_completed": "checkpoint:restore",
    "checkpoint_restore_failed": "checkpoint:restore_failed",
    "checkpoint_fork_completed": "checkpoint:fork",
    "checkpoint_pruned": "checkpoint:prune",
    "knowledge_query_completed": "knowledge:query",  # *
    "knowledge_query_failed": "knowledge:query_failed",  # *
    "knowledge_search_query_completed": "knowledge:retrieval",  # *
    "knowledge_search_query_failed": "knowledge:retrieval_failed",  # *
    "agent_reasoning_failed": "planning:creation_failed",  # *
    "llm_guardrail_failed": "guardrail:execution_failed",  # *
    "crew_train_started": "crew:train",  # *
    "crew_train_failed": "crew:train_failed",  # *
    "crew_test_failed": "crew:test_failed",  # *
    "lite_agent_execution_started": "agent:kickoff",  # *
    "lite_agent_execution_error": "agent:kickoff_failed",  # *
    "agent_execution_error": "agent:execution_failed",  # *
}

# Features without an event: read from the calls of CrewAI's own client.
OWN_CLIENT_ONLY = ("tracing:", "hooks:registered")

PLANNING = "planning:crew"  # *
TASK_ALONE = "task:alone"  # *


def hook_features(point: object, outcome: object) -> list[str]:
    """The features that a hook at `point` counts as."""
    features = [f"hooks:{point}"] if isinstance(point, str) else []
    if outcome == "aborted":
        features.append("hooks:aborted")
    return features
