use headcount_catalog::SwitchKind;

use super::*;

const SWITCH: [Switch; 4] = [Switch::Silent, Switch::Yes, Switch::No, Switch::Unclear];
const SETTING: [ConsentSetting; 5] = [
    ConsentSetting::Absent,
    ConsentSetting::On,
    ConsentSetting::Off,
    ConsentSetting::Unclear,
    ConsentSetting::Unreadable,
];
const NOTICE: [Notice; 4] = [
    Notice::Shown,
    Notice::ByFramework,
    Notice::JustShown,
    Notice::NotYet,
];
const FOLDER: [(bool, Option<&str>); 4] = [
    (false, None),
    (true, None),
    (false, Some("folder")),
    (true, Some("folder")),
];
const NAMES: [&str; 5] = [
    "OTEL_SDK_DISABLED",
    "HEADCOUNT_DISABLED",
    "DO_NOT_TRACK",
    "CREWAI_DISABLE_TELEMETRY",
    "CREWAI_DISABLE_TRACKING",
];

/// Every combination of every input: 4^5 switches, 5^2 files, code, folder, collector and notice.
#[test]
fn off_means_off_in_every_combination() {
    let mut combinations = 0;
    let mut seen = std::collections::HashSet::new();
    for number in 0..SWITCH.len().pow(5) {
        let switches: Vec<(&str, Switch)> = NAMES
            .iter()
            .enumerate()
            .map(|(index, name)| (*name, SWITCH[number / SWITCH.len().pow(index as u32) % 4]))
            .collect();
        for system in SETTING {
            for personal in SETTING {
                for off_in_code in [false, true] {
                    for (gone, closed_folder) in FOLDER {
                        for notice in NOTICE {
                            let inputs = Inputs {
                                switches: switches.clone(),
                                system_file: ("system", system),
                                personal_file: ("personal", personal),
                                off_in_code,
                                closed_folder,
                                gone,
                                notice,
                            };
                            let decision = resolve(&inputs);
                            check(&inputs, &decision);
                            seen.insert((decision.mode, decision.reason));
                            combinations += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(combinations, 1_024 * 25 * 32);
    assert_eq!(seen.len(), 8, "{seen:?}");
}

/// The same rule, written independently of `resolve`.
fn check(inputs: &Inputs<'_>, decision: &Decision) {
    let switch_off =
        |switch: &Switch| matches!(switch, Switch::Yes) || matches!(switch, Switch::Unclear);
    let file_off =
        |setting: ConsentSetting| !matches!(setting, ConsentSetting::Absent | ConsentSetting::On);
    let any_says_off = inputs.switches.iter().any(|(_, switch)| switch_off(switch))
        || file_off(inputs.system_file.1)
        || file_off(inputs.personal_file.1)
        || inputs.off_in_code
        || inputs.closed_folder.is_some()
        || inputs.gone;
    let agreed = inputs.personal_file.1 == ConsentSetting::On
        || matches!(inputs.notice, Notice::Shown | Notice::ByFramework);
    let expected = match (any_says_off, agreed) {
        (true, _) => Mode::Off,
        (false, true) => Mode::On,
        (false, false) => Mode::Local,
    };
    assert_eq!(decision.mode, expected, "{inputs:?}");
    // The decision names a source that says off.
    if expected == Mode::Off {
        let says_so = match decision.source.as_str() {
            "system" => file_off(inputs.system_file.1),
            "personal" => file_off(inputs.personal_file.1),
            "code" => inputs.off_in_code,
            "folder" => inputs.closed_folder.is_some(),
            "collector" => inputs.gone,
            name => inputs
                .switches
                .iter()
                .any(|(known, switch)| *known == name && switch_off(switch)),
        };
        assert!(says_so, "{decision:?} of {inputs:?}");
    }
}

#[test]
fn all_usual_spellings_are_understood_and_others_are_off() {
    let read = |text: &str| Switch::read(Some(std::ffi::OsStr::new(text)));
    for text in ["1", "true", "TRUE", "Yes", "on", " on ", "y", "T"] {
        assert_eq!(read(text), Switch::Yes, "{text:?}");
    }
    for text in ["0", "false", "No", "OFF", "n", "f"] {
        assert_eq!(read(text), Switch::No, "{text:?}");
    }
    for text in ["2", "disable", "please", "tru", "ja", "-1", "null"] {
        assert_eq!(read(text), Switch::Unclear, "{text:?}");
    }
    for text in ["", "  "] {
        assert_eq!(read(text), Switch::Silent, "{text:?}");
    }
    assert_eq!(Switch::read(None), Switch::Silent);
}

#[cfg(unix)]
#[test]
fn a_switch_that_is_not_text_is_off() {
    use std::os::unix::ffi::OsStrExt as _;
    let value = std::ffi::OsStr::from_bytes(b"\xff");
    assert_eq!(Switch::read(Some(value)), Switch::Unclear);
}

/// `catalog/crew.yaml` lists the switches for people, in the order in which [`resolve`] asks. Inputs that all say off are silenced one
/// by one, and each must be the one that the catalog lists next.
#[test]
fn the_catalog_lists_every_switch_in_the_order_in_which_it_counts() {
    let catalog = headcount_catalog::Catalog::embedded();
    let own = catalog.switches().iter().filter_map(|switch| {
        let is_own = switch.kind == SwitchKind::FrameworkVariable;
        is_own.then_some(switch.name.as_str())
    });
    let mut inputs = Inputs {
        switches: SWITCHES
            .into_iter()
            .chain(own)
            .map(|name| (name, Switch::Yes))
            .collect(),
        system_file: ("/etc/headcount/consent", ConsentSetting::Off),
        personal_file: ("/home/anna/.config/headcount/consent", ConsentSetting::Off),
        off_in_code: true,
        closed_folder: Some("/home/anna/.local/state/headcount/rig"),
        gone: true,
        notice: Notice::Shown,
    };
    let mut asked = Vec::new();
    loop {
        let decision = resolve(&inputs);
        if decision.mode != Mode::Off {
            break;
        }
        asked.push(silence(&mut inputs, &decision.source));
    }
    let listed: Vec<(String, SwitchKind)> = catalog
        .switches()
        .iter()
        .map(|switch| (variable_of(switch), switch.kind))
        .collect();
    assert_eq!(asked, listed);
}

/// The variable's name; other switches have names for people.
fn variable_of(switch: &headcount_catalog::Switch) -> String {
    match switch.kind {
        SwitchKind::Variable | SwitchKind::FrameworkVariable => switch.name.clone(),
        _ => String::new(),
    }
}

/// Silences the input that decided; returns its variable, if it is one, and its kind.
fn silence(inputs: &mut Inputs<'_>, source: &str) -> (String, SwitchKind) {
    if let Some((name, switch)) = inputs.switches.iter_mut().find(|(name, _)| *name == source) {
        *switch = Switch::Silent;
        let kind = match SWITCHES.contains(name) {
            true => SwitchKind::Variable,
            false => SwitchKind::FrameworkVariable,
        };
        return ((*name).to_owned(), kind);
    }
    let kind = if source == inputs.system_file.0 {
        inputs.system_file.1 = ConsentSetting::Absent;
        SwitchKind::AdministratorFile
    } else if source == inputs.personal_file.0 {
        inputs.personal_file.1 = ConsentSetting::Absent;
        SwitchKind::UserFile
    } else if source == "code" {
        inputs.off_in_code = false;
        SwitchKind::Code
    } else if Some(source) == inputs.closed_folder {
        inputs.closed_folder = None;
        SwitchKind::UnreadableFolder
    } else {
        assert_eq!(source, "collector");
        inputs.gone = false;
        SwitchKind::CollectorAnswer
    };
    (String::new(), kind)
}
