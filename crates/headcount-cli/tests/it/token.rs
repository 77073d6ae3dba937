//! The access token: made at the first start, found by commands on the same machine, and needed by everybody else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::{Server, headcount, path, run, stderr, stdout};

fn token_in(file: &Path) -> String {
    fs::read_to_string(file).unwrap().trim().to_owned()
}

fn mode_of(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// The status and a header of the response to a GET that follows no redirect.
fn get(url: &str, header: &str) -> (u16, Option<String>) {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let response = agent.get(url).call().expect("a response");
    let value = response.headers().get(header);
    let value = value.map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), value)
}

#[test]
fn the_first_start_makes_a_token_and_shows_it_once_with_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let token = token_in(&server.token_file);
    assert!(token.len() >= 32, "{token}");
    assert_eq!(mode_of(&server.token_file), 0o600);
    let link = format!("{}/login?token={token}", server.url);
    assert!(server.banner.contains(&link), "{}", server.banner);
    let (status, cookie) = get(&link, "set-cookie");
    assert_eq!(status, 303);
    assert!(cookie.is_some_and(|cookie| !cookie.contains(&token)));
    assert_eq!(get(&format!("{}/api/v1/tables", server.url), "x").0, 401);
    assert_eq!(
        get(&server.url, "www-authenticate"),
        (401, Some("Bearer".to_owned()))
    );
    assert_eq!(server.stop(), Some(0));

    let again = Server::start(&data);
    assert_eq!(token_in(&again.token_file), token);
    assert!(!again.banner.contains(&token), "{}", again.banner);
    assert!(
        again.banner.contains("headcount open --data"),
        "{}",
        again.banner
    );
    assert_eq!(again.stop(), Some(0));

    // Deleting the file replaces the token.
    fs::remove_file(data.join("token")).unwrap();
    let replaced = Server::start(&data);
    let other = token_in(&replaced.token_file);
    assert_ne!(other, token);
    assert!(replaced.banner.contains(&other), "{}", replaced.banner);
}

#[test]
fn a_command_finds_the_token_of_the_server_beside_it_and_gives_it_to_no_other() {
    let place = tempfile::tempdir().unwrap();
    let server = Server::start(&place.path().join("headcount-data"));
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Server::start(elsewhere.path());
    let tables = |folder: &Path, url: &str| {
        let mut command = headcount();
        command.current_dir(folder).args(["tables", "--url", url]);
        command.output().expect("it starts")
    };
    let found = tables(place.path(), &server.url);
    assert_eq!(found.status.code(), Some(0), "{}", stderr(&found));
    let by_name = server.url.replace("127.0.0.1", "localhost");
    assert_eq!(tables(place.path(), &by_name).status.code(), Some(0));
    for (folder, url) in [
        (place.path(), other.url.as_str()),
        (elsewhere.path(), &server.url),
    ] {
        let refused = tables(folder, url);
        assert_eq!(refused.status.code(), Some(1));
        let message = stderr(&refused);
        assert!(
            message.contains("--token-file or HEADCOUNT_TOKEN_FILE"),
            "{message}"
        );
    }
    // A server that has ended is not looked for.
    let url = server.url.clone();
    assert_eq!(server.stop(), Some(0));
    assert!(!place.path().join("headcount-data/listening").exists());
    assert_eq!(tables(place.path(), &url).status.code(), Some(1));
}

#[test]
fn a_given_token_comes_before_the_one_that_is_found() {
    let place = tempfile::tempdir().unwrap();
    let chosen = place.path().join("chosen");
    fs::write(&chosen, "0123456789abcdef0123456789abcdef\n").unwrap();
    let data = place.path().join("headcount-data");
    let server = Server::start_with(&data, &["--token-file", path(&chosen)]);
    assert!(!server.token_file.exists(), "no second token is made");
    let tables = |token_file: Option<&Path>, is_option: bool| {
        let mut command = headcount();
        command.current_dir(place.path());
        command.args(["tables", "--url", &server.url]);
        match token_file {
            Some(file) if is_option => command.args(["--token-file", path(file)]),
            Some(file) => command.env("HEADCOUNT_TOKEN_FILE", file),
            None => &mut command,
        };
        command.output().expect("it starts")
    };
    let other = place.path().join("other");
    fs::write(&other, "ffffffffffffffffffffffffffffffff\n").unwrap();
    assert_eq!(tables(None, true).status.code(), Some(0));
    for is_option in [true, false] {
        let right = tables(Some(&chosen), is_option);
        assert_eq!(right.status.code(), Some(0), "{}", stderr(&right));
        let wrong = tables(Some(&other), is_option);
        assert_eq!(wrong.status.code(), Some(1));
        let message = stderr(&wrong);
        assert!(message.contains("does not know the token"), "{message}");
    }
    // The variable is for servers: a data folder needs no token.
    let mut folder = headcount();
    folder.env("HEADCOUNT_TOKEN_FILE", &other);
    let folder = folder.args(["tables", "--data", path(&data)]).output();
    assert_eq!(folder.unwrap().status.code(), Some(0));
}

#[test]
fn open_prints_the_link_where_there_is_no_browser() {
    let folder = tempfile::tempdir().unwrap();
    let data = path(folder.path());
    let server = Server::start(folder.path());
    let link = format!(
        "{}/login?token={}\n",
        server.url,
        token_in(&server.token_file)
    );
    for arguments in [
        &["open", "--data", data][..],
        &["open", "--data", data, "--print"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stdout(&output), link);
    }
    assert!(!folder.path().join("open.html").exists());
    assert_eq!(server.stop(), Some(0));
    let output = run(&["open", "--data", data]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("headcount serve"),
        "{}",
        stderr(&output)
    );
    let missing = run(&["open", "--data", "/nonexistent/folder"]);
    assert_eq!(missing.status.code(), Some(3));
}

#[test]
fn open_hands_a_browser_a_private_page_and_never_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let (browser, seen) = (folder.path().join("browser"), folder.path().join("seen"));
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >{}\n", path(&seen));
    fs::write(&browser, script).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = headcount();
    command.env("BROWSER", &browser).current_dir(folder.path());
    let output = command.args(["open", "--data", "data"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let token = token_in(&server.token_file);
    assert!(!stdout(&output).contains(&token) && !stderr(&output).contains(&token));
    let arguments = fs::read_to_string(&seen).unwrap();
    assert!(!arguments.contains(&token), "{arguments}");
    let page = PathBuf::from(arguments.trim());
    assert!(page.is_absolute(), "{arguments}");
    assert_eq!(mode_of(&page), 0o600);
    let text = fs::read_to_string(&page).unwrap();
    assert!(
        text.contains(&format!("url={}/login?token={token}", server.url)),
        "{text}"
    );
    // A browser that fails: the link is printed after all.
    fs::write(&browser, "#!/bin/sh\nexit 3\n").unwrap();
    let mut command = headcount();
    command.env("BROWSER", &browser).current_dir(folder.path());
    let output = command.args(["open", "--data", "data"]).output().unwrap();
    assert!(stdout(&output).contains(&token), "{}", stderr(&output));
    assert_eq!(server.stop(), Some(0));
    assert!(!page.exists(), "it ends with the server");
}

#[test]
fn without_a_token_is_only_for_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &["--no-token"]);
    assert!(!server.token_file.exists());
    assert_eq!(get(&format!("{}/api/v1/tables", server.url), "x").0, 200);
    let output = run(&["tables", "--url", &server.url]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let link = run(&["open", "--data", path(folder.path()), "--print"]);
    assert_eq!(stdout(&link), format!("{}/\n", server.url));
}
