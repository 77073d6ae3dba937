//! The model behind the agents: an endpoint that speaks OpenAI's chat completions, or a script.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

pub(crate) enum Model {
    Remote {
        address: String,
        key: Option<String>,
        name: String,
    },
    Script(RefCell<VecDeque<Reply>>),
}

#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer(String),
    ToolCall {
        id: String,
        name: String,
        argument: String,
    },
}

/// The conversation so far, and the tools that may be called.
pub(crate) struct Conversation {
    messages: Vec<Value>,
    tools: Vec<Value>,
}

#[derive(Debug)]
pub(crate) enum ModelError {
    /// The endpoint cannot be reached, or says no.
    Endpoint(String),
    /// Its answer is not one.
    Answer(&'static str),
    TooManyRounds,
}

impl ModelError {
    /// The error's class: what telemetry may know.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            ModelError::Endpoint(_) => "EndpointError",
            ModelError::Answer(_) => "AnswerError",
            ModelError::TooManyRounds => "TooManyRounds",
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelError::Endpoint(error) => write!(formatter, "the model cannot be asked: {error}"),
            ModelError::Answer(what) => write!(formatter, "the model's answer has no {what}"),
            ModelError::TooManyRounds => formatter.write_str("the model only called tools"),
        }
    }
}

impl Model {
    pub(crate) fn from_environment() -> Result<Self, String> {
        let base = std::env::var("OPENAI_BASE_URL").map_err(|_| {
            "set OPENAI_BASE_URL (and OPENAI_API_KEY, OPENAI_MODEL), or play a script with --scripted"
        })?;
        Ok(Model::Remote {
            address: format!("{}/chat/completions", base.trim_end_matches('/')),
            key: std::env::var("OPENAI_API_KEY").ok(),
            name: std::env::var("OPENAI_MODEL").unwrap_or_else(|_| "gpt-4o-mini".to_owned()),
        })
    }

    /// Three agents' work, with a tool that is used, one that fails and one that is asked twice.
    pub(crate) fn script() -> Self {
        let call = |name: &str, argument: &str| Reply::ToolCall {
            id: "scripted".to_owned(),
            name: name.to_owned(),
            argument: argument.to_owned(),
        };
        let answer = |text: &str| Reply::Answer(text.to_owned());
        Model::Script(RefCell::new(VecDeque::from([
            call("search_notes", ""),
            call("search_notes", "typewriter"),
            call("search_notes", "typewriter"),
            answer(
                "1714: a patent\n1808: a machine for a blind friend\n1868: QWERTY\n1874: on sale\n1961: a ball of type",
            ),
            call("count_words", "The typewriter was patented in 1714."),
            answer(
                "The typewriter was patented in 1714.\nIt was sold from 1874 on.\nIts keyboard outlived it.",
            ),
            answer("Say who held the patent."),
        ])))
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Model::Remote { name, .. } => name,
            Model::Script(_) => "scripted",
        }
    }

    pub(crate) fn begin(&self, system: &str, task: &str, tools: &[&str]) -> Conversation {
        let tool = |name: &&str| {
            json!({"type": "function", "function": {"name": name, "parameters": {
                "type": "object",
                "properties": {"text": {"type": "string"}},
                "required": ["text"],
            }}})
        };
        Conversation {
            messages: vec![
                json!({"role": "system", "content": system}),
                json!({"role": "user", "content": task}),
            ],
            tools: tools.iter().map(tool).collect(),
        }
    }

    /// Asks for the next thing to do.
    pub(crate) fn ask(&self, conversation: &mut Conversation) -> Result<Reply, ModelError> {
        match self {
            Model::Script(script) => {
                // Models take their time.
                sleep(Duration::from_millis(40));
                let next = script.borrow_mut().pop_front();
                next.ok_or(ModelError::Answer("next line"))
            }
            Model::Remote { address, key, name } => {
                ask(address, key.as_deref(), name, conversation)
            }
        }
    }

    /// Gives the model a tool's result.
    pub(crate) fn tell(&self, conversation: &mut Conversation, id: &str, result: &str) {
        conversation
            .messages
            .push(json!({"role": "tool", "tool_call_id": id, "content": result}));
    }
}

fn ask(
    address: &str,
    key: Option<&str>,
    name: &str,
    conversation: &mut Conversation,
) -> Result<Reply, ModelError> {
    let mut body = json!({"model": name, "messages": conversation.messages, "temperature": 0.0});
    if !conversation.tools.is_empty() {
        body["tools"] = Value::Array(conversation.tools.clone());
    }
    let mut request = ureq::post(address).header("Content-Type", "application/json");
    if let Some(key) = key {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    let endpoint = |error: ureq::Error| ModelError::Endpoint(error.to_string());
    let mut response = request.send(body.to_string()).map_err(endpoint)?;
    let text = response.body_mut().read_to_string().map_err(endpoint)?;
    let answer: Value = serde_json::from_str(&text).map_err(|_| ModelError::Answer("JSON"))?;
    let message = &answer["choices"][0]["message"];
    let call = &message["tool_calls"][0];
    if let Some(name) = call["function"]["name"].as_str() {
        let reply = Reply::ToolCall {
            id: call["id"].as_str().unwrap_or_default().to_owned(),
            name: name.to_owned(),
            argument: argument(call["function"]["arguments"].as_str().unwrap_or_default()),
        };
        // One call at a time: what else the model asked for, it asks for again.
        conversation.messages.push(json!({
            "role": "assistant", "content": message["content"], "tool_calls": [call],
        }));
        return Ok(reply);
    }
    let content = message["content"].as_str();
    let content = content.ok_or(ModelError::Answer("content"))?;
    Ok(Reply::Answer(content.to_owned()))
}

/// A tool's one argument, out of the JSON that the model wrote; the text as it is where that is none.
fn argument(arguments: &str) -> String {
    let read: Result<Value, _> = serde_json::from_str(arguments);
    match read {
        Ok(value) => value["text"].as_str().unwrap_or_default().to_owned(),
        Err(_) => arguments.to_owned(),
    }
}
