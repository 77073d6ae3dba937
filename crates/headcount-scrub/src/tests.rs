use proptest::prelude::*;

use super::*;

fn scrub(text: &str) -> String {
    Scrubber::new().scrub(text, 256).text.into_owned()
}

#[test]
fn ordinary_names_are_left_alone() {
    for text in [
        "Senior Researcher",
        "gpt-4o-mini",
        "claude-sonnet-4-5-20250929",
        "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "meta-llama/Llama-3.1-70B-Instruct",
        "search_the_internet_with_serper",
        "GPT-4 32k Analyst 2024",
        "o1-2024-12-17",
        "accounts/fireworks/models/llama-v3p1-405b-instruct",
        "mistralai/Mixtral-8x22B-Instruct-v0.1",
        "gpt-3.5-turbo-0613",
        "vertex_ai/claude-3-5-sonnet@20240620",
        "SearchTheInternetWithSerperDevTool",
        "sk-learn-pipeline-builder",
        "Kitchen/Home/Garden Advisor",
        "Researcher für Ökonomie 研究者",
        "2019-2024 Trend Analyst",
        "gpt-4-2024-04-09",
        "",
        "Bearer of bad news",
        "std::fs",
        "gemini/gemini-2.5-pro-preview-05-06",
        "ft:gpt-4o-mini-2024-07-18:acme:router:9abcDEfg",
    ] {
        let scrubber = Scrubber::new();
        let scrubbed = scrubber.scrub(text, 256);
        assert_eq!(scrubbed.text, text);
        assert!(matches!(scrubbed.text, Cow::Borrowed(_)));
        assert!(scrubbed.found.is_empty());
    }
}

/// Planted texts, and their replacements.
const PLANTED: [(&str, &str); 41] = [
    ("anna.smith+x@example.co.uk", "[email]"),
    ("jürgen@müller.de", "[email]"),
    ("+49 30 1234567", "[phone]"),
    ("(555) 123-4567", "[phone]"),
    ("555-123-4567", "[phone]"),
    ("1-800-555-1234", "[phone]"),
    ("5551234567", "[phone]"),
    ("555-1234", "[phone]"),
    ("4111 1111 1111 1111", "[number]"),
    ("4111111111111111", "[number]"),
    (
        concat!("sk-", "ant-", "api03-Ab1Cd2Ef3Gh4Ij5Kl6Mn7"),
        "[secret]",
    ),
    (concat!("sk-", "proj-", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7"), "[secret]"),
    ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[secret]"),
    (
        "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
        "[secret]",
    ),
    ("AKIAIOSFODNN7EXAMPLE", "[secret]"),
    ("AIzaSyA1bcDefGhiJklMnoPqrStuVwxYz012345", "[secret]"),
    ("xoxb-123456789012-abcdefABCDEF", "[secret]"),
    ("hf_abcdefghijKLMNOPQRSTuvwxyz01234567", "[secret]"),
    ("glpat-abcdefghij1234567890", "[secret]"),
    (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmN",
        "[secret]",
    ),
    ("Bearer abcDEF123456ghiJKL7890", "[secret]"),
    ("password=hunter2", "[secret]"),
    ("api_key: tiger", "[secret]"),
    (
        "-----BEGIN RSA PRIVATE KEY----- MIIEow -----END RSA PRIVATE KEY-----",
        "[secret]",
    ),
    ("5d41402abc4b2a76b9719d911017c592", "[secret]"),
    ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "[secret]"),
    ("123e4567-e89b-12d3-a456-426614174000", "[secret]"),
    ("postgres://anna:hunter2@db/crew", "://[secret]@"),
    ("/home/anna/crew/tool.py", "[path]"),
    ("/Users/anna/crew", "[path]"),
    ("file:///home/anna", "[path]"),
    ("/var/home/anna", "[path]"),
    (r"C:\Users\Anna Smith\crew", "[path]"),
    (r"c:\\Users\\anna\\crew", "[path]"),
    ("~/crew/tool.py", "[path]"),
    ("/root/.ssh/id_rsa", "[path]"),
    ("192.168.1.17", "[address]"),
    ("192.168.1.17:8080", "[address]"),
    ("2001:db8::8a2e:370:7334", "[address]"),
    ("fe80::1ff:fe23:4567:890a", "[address]"),
    ("1.2.3.4", "[address]"),
];

#[test]
fn planted_texts_are_replaced_by_markers() {
    for (planted, marker) in PLANTED {
        for text in [
            planted.to_owned(),
            format!("the {planted} agent"),
            format!("({planted})"),
        ] {
            let scrubbed = scrub(&text);
            assert!(scrubbed.contains(marker), "{text} became {scrubbed}");
            assert!(!scrubbed.contains(planted), "{text} became {scrubbed}");
        }
    }
    assert_eq!(
        scrub(r"read C:\Users\Anna Smith\crew now"),
        "read [path] now"
    );
    assert_eq!(
        scrub("mail anna@example.com, please"),
        "mail [email], please"
    );
}

#[test]
fn control_characters_become_spaces() {
    assert_eq!(scrub("a\nb\u{1b}[31m\u{85}c\0"), "a b [31m c ");
}

#[test]
fn a_text_is_cut_between_characters() {
    let scrubber = Scrubber::new();
    assert_eq!(scrubber.scrub("äöü", 2).text, "äö");
    assert_eq!(scrubber.scrub("abc", 0).text, "");
}

proptest! {
    #[test]
    fn scrubbing_twice_changes_nothing(text in "\\PC{0,80}|[ -~]{0,120}|[0-9+(). /-]{0,40}|[a-zA-Z0-9@:/.~_-]{0,90}", limit in 0_usize..100) {
        let scrubber = Scrubber::new();
        let once = scrubber.scrub(&text, limit).text.into_owned();
        prop_assert!(once.chars().count() <= limit);
        let twice = scrubber.scrub(&once, limit);
        prop_assert_eq!(&twice.text, &once);
    }

    #[test]
    fn the_fast_path_agrees_with_the_detectors(text in "[a-zA-Z0-9 ._+()-]{0,60}") {
        if cannot_match(text.as_bytes()) {
            let mut found = Found::default();
            prop_assert_eq!(Scrubber::new().detect(&text, &mut found), text);
        }
    }

    #[test]
    fn planted_texts_never_survive(before in "[ -~]{0,20}", index in 0_usize..PLANTED.len(), after in "[ -~]{0,20}") {
        let (planted, _) = PLANTED[index];
        let scrubbed = scrub(&format!("{before} {planted} {after}"));
        prop_assert!(!scrubbed.contains(planted), "{}", scrubbed);
    }
}
