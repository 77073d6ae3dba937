//! Every event once, with every field.

use headcount::{
    Agent, Content, Crew, DeploymentFailure, DeploymentSource, DeploymentStep, FlowOrigin, Llm,
    Process, ProjectKind, Task, Telemetry, Tool,
};

/// Records every event that there is. `secret` marks what must never leave unless the crew shares.
pub(crate) fn record(telemetry: &Telemetry, share: bool) {
    let secret = |name: &str| format!("CANARY-{name}");
    let llm = Llm::new("gpt-4o-mini")
        .name("my model")
        .model_name("gpt-4o")
        .top_k(0.0)
        .temperature(0.7)
        .class_name("ChatOpenAI");
    let researcher = Agent::new("Researcher")
        .verbose(false)
        .delegation(true)
        .code_execution(false)
        .max_iterations(25)
        .max_rpm(0)
        .max_retry_limit(2)
        .llm(llm)
        .function_calling_llm("gpt-4o-mini")
        .tools(["search", "read_file"])
        .goal(secret("goal"))
        .backstory(secret("backstory"))
        .i18n_prompt_file(secret("prompts"));
    let first = Task::new(secret("description"))
        .expected_output(secret("expected"))
        .agent(&researcher)
        .async_execution(false)
        .human_input(true)
        .tools(["search"]);
    let second = Task::new(secret("second"))
        .agent(&researcher)
        .context([&first]);
    let crew = Crew::new()
        .name(secret("name"))
        .project(secret("project"))
        .process(Process::Hierarchical)
        .memory(false)
        .inputs(secret("inputs"))
        .agent(researcher)
        .task(first.clone())
        .task(second.clone())
        .share_crew(share);
    let run = telemetry.crew_started(&crew);
    run.share_formatted(
        &first,
        Some(&secret("formatted").into()),
        Some(&secret("formatted-expected").into()),
    );
    let task_run = run.task_started(&first);
    task_run.share_input(secret("task-input"));
    let search = Tool::new("search");
    telemetry.tool_used(&search, 1, Some("gpt-4o-mini"));
    telemetry.tool_repeated(&search, 2, Some("gpt-4o-mini"));
    telemetry.tool_failed(&Tool::new("read_file"), 1, None);
    task_run.complete_with(secret("task-output"));
    run.task_started(&second).fail("ValidationError");
    run.test_started(
        3,
        "gpt-4o-mini",
        Some(&Content::from(secret("test-inputs"))),
    );
    run.test_scored(8.5, 0.0, "gpt-4o-mini");
    run.share_execution(
        Some(&Content::from(secret("tasks-output"))),
        Some(&Content::from(secret("log"))),
    );
    run.complete_with(secret("output"));

    telemetry.flow_created("ResearchFlow", FlowOrigin::User);
    telemetry.flow_plotted("ResearchFlow", FlowOrigin::User);
    let flow = telemetry.flow_started("ResearchFlow", FlowOrigin::User);
    flow.method_failed("TimeoutError");
    flow.pause();
    telemetry
        .flow_resumed("ResearchFlow", FlowOrigin::Internal, true)
        .complete();
    telemetry.feature_used("memory:save");
    telemetry.evaluation_used("evaluation:run", false, &["gpt-4o", "gpt-4o-mini"]);
    telemetry.feedback_requested(true, 2);
    telemetry.feedback_received(false, Some("approved"));
    telemetry.project_created(ProjectKind::Flow, Some(&secret("project")));
    telemetry.template_installed("deep-research");
    let deployment = telemetry.deployment(DeploymentSource::Cli);
    deployment.step(DeploymentStep::Create);
    deployment.failed(DeploymentFailure::Api4xx, Some(422));
    deployment.logs_pulled("deployment");
}
