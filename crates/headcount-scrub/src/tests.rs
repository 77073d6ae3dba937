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
        "Smart/home/garden Advisor",
        "Admin/Users/Roles Manager",
        "https://example.com/home/garden?page=2",
        "https://example.com/Users/list",
        "GET /api/users/list",
        "/search tool for smart/home/garden",
        "100% Home Office",
        "50%/50% planner",
        "max_tokens: 4096",
        "first pass: check",
        "compass: north",
        "--verbose --pass-through 3",
        "rooted/tree",
        "/rooted/tree",
        "a ~ b",
    ] {
        let scrubber = Scrubber::new();
        let scrubbed = scrubber.scrub(text, 256);
        assert_eq!(scrubbed.text, text);
        assert!(matches!(scrubbed.text, Cow::Borrowed(_)));
        assert!(scrubbed.found.is_empty());
    }
}

/// Planted texts, and their replacements.
const PLANTED: &[(&str, &str)] = &[
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
    ("postgres://anna:hunt@er2@db/crew", "://[secret]@"),
    ("mysql://anna@corp.example:tu@lips9@db/crew", "://[secret]@"),
    ("redis://:hun[ter]2@cache:6379", "://[secret]@"),
    ("amqp://anna:hun/ter2@queue", "://[secret]@"),
    (r#"{"password": "tulips in spring"}"#, "[secret]"),
    (r#"{\"api_key\": \"tulips in spring\"}"#, "[secret]"),
    ("password='tulips in spring'", "[secret]"),
    ("'secret' => 'tulips in spring'", "[secret]"),
    ("--password tulips", "[secret]"),
    ("--db-password 'tulips in spring'", "[secret]"),
    ("--token=tulips", "[secret]"),
    ("DB_PASSWORD=tulips", "[secret]"),
    ("PGPASSWORD=tulips", "[secret]"),
    ("dbPassword: tulips", "[secret]"),
    ("MYSQL_PASS=tulips", "[secret]"),
    ("AWS_SECRET_ACCESS_KEY=tulips", "[secret]"),
    ("accessToken = tulips", "[secret]"),
    (r"'secret': 'tul\'ips x'", "[secret]"),
    (r#""password":"tul\"ips x""#, "[secret]"),
    ("password=“tulips in spring”", "[secret]"),
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
    for &(planted, marker) in PLANTED {
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

/// A quote behind the path ends it, whatever the names are.
#[test]
fn a_quoted_path_ends_with_its_quote() {
    for (text, expected) in [
        ("open '/Users/jane roe' now", "open '[path]' now"),
        ("open '/Users/o'hara x/y z' and go", "open '[path]' and go"),
        (
            r#"{"file": "C:\Users\jane roe\a b", "tool": "x/y"}"#,
            r#"{"file": "[path]", "tool": "x/y"}"#,
        ),
        ("run `/nethome/jane/x y` twice", "run `[path]` twice"),
    ] {
        assert_eq!(scrub(text), expected);
    }
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

/// What stands before a person's name in the path of a home folder, and how its separators are written.
const HOMES: &[(&str, &str)] = &[
    ("/home/", "/"),
    ("/Users/", "/"),
    ("/home2/", "/"),
    ("file:///home/", "/"),
    ("sftp://host/home/", "/"),
    ("host:/home/", "/"),
    ("HOME=/home/", "/"),
    (r"C:\Users\", r"\"),
    (r"c:\\users\\", r"\\"),
    ("C:/Users/", "/"),
    (r"C:\Documents and Settings\", r"\"),
    ("/mnt/c/Users/", "/"),
    ("/mnt/c/users/", "/"),
    ("/c/Users/", "/"),
    ("/cygdrive/c/Users/", "/"),
    ("/host_mnt/c/Users/", "/"),
    (r"\\wsl$\Ubuntu\home\", r"\"),
    (r"\\wsl.localhost\Ubuntu-24.04\home\", r"\"),
    (r"\\server\profiles\Users\", r"\"),
    ("/System/Volumes/Data/Users/", "/"),
    ("/Volumes/Macintosh HD/Users/", "/"),
    (r"D:\My Backup\Users\", r"\"),
    ("/gpfs/fs1/home/", "/"),
    ("/nethome/", "/"),
    ("/data1/home/", "/"),
    ("/mnt/nfs/home/", "/"),
    ("/export/home/", "/"),
    ("/var/services/homes/", "/"),
    ("/run/media/", "/"),
    ("/media/", "/"),
    ("openai//mnt/c/Users/", "/"),
    ("%2Fhome%2F", "%2F"),
    ("file:///home%2f", "%2f"),
    ("%252Fhome%252F", "%252F"),
    ("C%3A%5CUsers%5C", "%5C"),
    (r"\/home\/", r"\/"),
];

/// Names of people and of folders, none of which is a part of an ordinary text below.
fn personal() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,3}jane[a-z]{0,3}",
        "[A-Z]janeq[a-z]{1,4} [A-Z]roe[a-z]{1,3}",
        Just("o'harajane".to_owned()),
        Just("Jane-Röeq".to_owned()),
        Just("王小明jane".to_owned()),
        Just("Иван Петровjane".to_owned()),
        Just("jane.roe+q".to_owned()),
        Just("d' Arcjane le Roeq".to_owned()),
    ]
}

proptest! {
    #[test]
    fn no_name_and_no_folder_of_a_home_remains(
        before in "(reads |\\(|\"|')?",
        home in prop::sample::select(HOMES),
        name in personal(),
        folders in prop::collection::vec("[A-Z]ontosoq [a-z]ergerq|projectq", 0..3),
        file in "(x|Annualq report)q\\.(md|gguf|py)",
        after in "( now|, now| and more|\\)|\"|)",
    ) {
        let (prefix, separator) = home;
        let path = [vec![name.clone()], folders, vec![file.clone()]].concat().join(separator);
        let text = format!("{before}{prefix}{path}{after}");
        let scrubbed = scrub(&text);
        prop_assert!(scrubbed.contains("[path]"), "{} became {}", text, scrubbed);
        for word in ["jane", "janeq", "Roeq", "roe", "ontosoq", "ergerq", "projectq", "Annualq", "reportq", &name, &file] {
            prop_assert!(!scrubbed.contains(word), "{}: {} became {}", word, text, scrubbed);
        }
        prop_assert_eq!(&scrub(&scrubbed), &scrubbed);
    }

    #[test]
    fn a_name_at_the_end_of_a_path_is_removed(home in prop::sample::select(HOMES), name in "[a-z]{1,7}q|[A-Z][a-z]{1,7}q [A-Z][a-z]{1,7}q") {
        let scrubbed = scrub(&format!("in {}{name}", home.0));
        prop_assert!(!scrubbed.contains(&name) && scrubbed.ends_with("[path]"), "{}", scrubbed);
    }

    #[test]
    fn no_part_of_a_quoted_secret_remains(
        name in "(DB_|db|my-|)(password|PASSWORD|Password)|api_key|client-secret|\\-\\-token",
        quote in prop::sample::select(&["\"", "'", "`", "\\\""][..]),
        assigns in prop::sample::select(&["=", ": ", " = ", " => ", ":"][..]),
        secret in "tulips( [a-z,;.@]{1,9}){0,4}",
    ) {
        let text = format!("uses {name}{assigns}{quote}{secret}{quote} now");
        let scrubbed = scrub(&text);
        prop_assert!(!scrubbed.contains("tulips") && !scrubbed.contains(&secret), "{} became {}", text, scrubbed);
        prop_assert_eq!(&scrub(&scrubbed), &scrubbed);
    }

    #[test]
    fn no_part_of_a_password_in_an_address_remains(password in "[a-z@:!$&*]{0,6}tulips[a-z@:!$&*]{0,6}", path in "(/[a-z@]{0,8})?") {
        let scrubbed = scrub(&format!("postgres://anna:{password}@db.example{path}"));
        prop_assert!(!scrubbed.contains("tulips") && !scrubbed.contains("anna"), "{}", scrubbed);
    }
}

/// Texts that make a detector look far back or ahead from many places.
#[test]
fn the_time_is_bounded() {
    let scrubber = Scrubber::new();
    for unit in [
        "/home",
        "/home/",
        "/home/ ",
        "a/Users/",
        "~/",
        "password=",
        "--password ",
        "://a:",
        "%2Fhome",
        "\\users",
        "\"password\": \"",
    ] {
        let text = unit.repeat(65_536 / unit.len());
        let begun = std::time::Instant::now();
        let _scrubbed = scrubber.scrub(&text, text.len());
        // Milliseconds; a quadratic detector takes minutes.
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(20),
            "{unit}"
        );
    }
}
