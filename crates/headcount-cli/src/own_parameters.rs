//! The parameters that reports declare for themselves, as options of `headcount report`.

use std::collections::BTreeMap;

use clap::error::Error;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use headcount_reports::{OwnKind, OwnParameter, catalog_of_reports};

/// The options that were given, by the parameters' names. A report refuses those that it has not.
#[derive(Debug, Default)]
pub(crate) struct OwnParameters {
    pub(crate) given: BTreeMap<String, String>,
}

impl FromArgMatches for OwnParameters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let given = options().into_keys().filter_map(|name| {
            let value = matches.get_one::<String>(name)?;
            Some((name.to_owned(), value.clone()))
        });
        Ok(Self {
            given: given.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.given.extend(Self::from_arg_matches(matches)?.given);
        Ok(())
    }
}

impl Args for OwnParameters {
    fn augment_args(command: Command) -> Command {
        options().into_iter().fold(command, |command, (name, of)| {
            let option = Arg::new(name)
                .long(of[0].1.flag.as_str())
                .value_name(value_name(&of[0].1.kind))
                .help(help(&of))
                .help_heading("Parameters of single reports")
                .requires("name");
            command.arg(option)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// A report and one of its parameters.
type Declared = (&'static str, &'static OwnParameter);

/// Every parameter's name, with the reports that have one of this name, in their order.
fn options() -> BTreeMap<&'static str, Vec<Declared>> {
    let mut options: BTreeMap<&'static str, Vec<Declared>> = BTreeMap::new();
    for report in catalog_of_reports() {
        for parameter in &report.parameters {
            let of = options.entry(parameter.name.as_str()).or_default();
            of.push((report.name.as_str(), parameter));
        }
    }
    options
}

fn value_name(kind: &OwnKind) -> &'static str {
    match kind {
        OwnKind::Choice { .. } => "CHOICE",
        OwnKind::Number { .. } => "N",
        OwnKind::Days { .. } => "DAYS",
        OwnKind::Text => "TEXT",
    }
}

fn help(of: &[Declared]) -> String {
    let each = of.iter().map(|(report, parameter)| {
        let values = match &parameter.kind {
            OwnKind::Choice { choices, default } => {
                format!(" ({}) [default: {default}]", choices.join(", "))
            }
            OwnKind::Number { min, max, default } | OwnKind::Days { min, max, default } => {
                format!(" ({min} to {max}) [default: {default}]")
            }
            OwnKind::Text => String::new(),
        };
        format!("{report}: {}{values}", parameter.meaning)
    });
    each.collect::<Vec<_>>().join("; ")
}
