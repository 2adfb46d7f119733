//! What an operator sees of the running program: metrics, health and options.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use anyhow::Result;
use protocol::{RefusalReason, Round, ServerMessage};
use serde_json::{Value, json};
use server_process::NatsServer;
use support::http::get;
use support::raw_client::{OpenRound, RawClient};
use support::server::Server;
use yaml_rust2::{Yaml, YamlLoader};

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");
const OPERATOR: &str = "only for the metrics";

fn server(arguments: &[&str]) -> Server {
    Server::start(PROGRAM.as_ref(), arguments).unwrap()
}

/// The value behind a name with its labels, as the text has them.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

fn names(samples: &BTreeMap<String, f64>) -> BTreeSet<String> {
    samples.keys().map(|name| name.split('{').next().unwrap().to_owned()).collect()
}

/// Two clients, one round; one of them first announces an update for a round that is still to come. Returns the bytes of
/// all binary frames that the server received, and sent.
async fn one_round(server: &Server) -> Result<(u64, u64)> {
    let (mut ada, welcome) = RawClient::enter(&server.origin, &server.room, None).await?;
    let (mut bob, _) = RawClient::enter(&server.origin, &server.room, None).await?;
    ada.ready(&welcome.room, 20).await?;
    bob.ready(&welcome.room, 20).await?;
    let update = ada.same_everywhere(0.5)?;
    let (for_ada, for_bob) = tokio::try_join!(ada.next_round(), bob.next_round())?;
    ada.download(for_ada.model, |_| ()).await?;
    bob.download(for_bob.model, |_| ()).await?;
    let down = ada.payload_bytes + bob.payload_bytes;
    let early = OpenRound { round: Round(2), ..for_ada };
    ada.announce(&early, 20, &update).await?;
    ada.wait(|message| matches!(message, ServerMessage::Refused { reason: RefusalReason::Future, .. }).then_some(()))
        .await?;
    ada.update(&OpenRound { round: Round(1), ..early }, 20, update.clone()).await?;
    bob.update(&for_bob, 20, update).await?;
    ada.wait(|message| matches!(message, ServerMessage::Finished { .. }).then_some(())).await?;
    Ok((ada.payload_bytes + bob.payload_bytes - down, down))
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_happened_in_a_round() -> Result<()> {
    let server = server(&["--rounds", "1", "--metrics-token", OPERATOR]);
    let (up, down) = one_round(&server).await?;
    // 45,188 parameters of four bytes down and of one byte up, in groups of 248, in one frame with a header of eight bytes.
    assert_eq!((up, down), (2 * (183 * 248 + 8), 2 * (4 * 45_188 + 8)));
    let (status, text) = get(&server, "/metrics", Some(OPERATOR));
    assert_eq!(status, 200);
    let found = samples(&text);
    let room = |name: &str| format!("chorus_{name}{{room=\"{}\"}}", server.room);
    let of_room = |name: &str, label: &str| format!("chorus_{name}{{room=\"{}\",{label}}}", server.room);
    for (name, value) in [
        ("chorus_updates_accepted_total".to_owned(), 2.0),
        ("chorus_updates_refused_total{reason=\"future\"}".to_owned(), 1.0),
        ("chorus_rounds_total{outcome=\"published\"}".to_owned(), 1.0),
        ("chorus_rounds_total{outcome=\"abandoned\"}".to_owned(), 0.0),
        ("chorus_round_duration_seconds_count".to_owned(), 1.0),
        ("chorus_aggregation_duration_seconds_count".to_owned(), 1.0),
        ("chorus_checkpoint_failures_total".to_owned(), 0.0),
        ("chorus_websocket_received_bytes_total{kind=\"binary\"}".to_owned(), up as f64),
        ("chorus_websocket_sent_bytes_total{kind=\"binary\"}".to_owned(), down as f64),
        ("chorus_rooms".to_owned(), 1.0),
        (room("room_model_version"), 1.0),
        (room("room_rounds"), 1.0),
        (of_room("room_phase", "phase=\"finished\""), 1.0),
        (of_room("room_phase", "phase=\"lobby\""), 0.0),
        (format!("chorus_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0),
    ] {
        assert_eq!(found.get(&name), Some(&value), "{name} in\n{text}");
    }
    assert!(found["chorus_checkpoint_duration_seconds_count"] >= 1.0);
    let resident = found["process_resident_memory_bytes"];
    assert!((1e6..1e9).contains(&resident), "{resident} bytes");
    Ok(())
}

#[test]
fn metrics_need_a_secret_and_theirs_opens_nothing_else() {
    let server = server(&["--metrics-token", OPERATOR]);
    assert_eq!(get(&server, "/metrics", None).0, 401);
    assert_eq!(get(&server, "/metrics", Some("a secret of nobody")).0, 401);
    assert_eq!(get(&server, "/metrics", Some(OPERATOR)).0, 200);
    assert_eq!(get(&server, "/metrics", Some(&server.host_token)).0, 200);
    assert_eq!(get(&server, "/api/host", Some(OPERATOR)).0, 401);
}

/// OpenMetrics 1.0: each family has HELP and TYPE before its samples, counters end in `_total`, and `# EOF` is the end.
#[test]
fn metrics_are_well_formed() {
    let server = server(&[]);
    let (_, text) = get(&server, "/metrics", Some(&server.host_token));
    assert!(text.ends_with("\n# EOF\n"), "{text}");
    let of = |word: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("# {word} ")));
        lines.map(|line| line.split_once(' ').unwrap()).collect::<Vec<_>>()
    };
    let (types, helps): (BTreeMap<_, _>, BTreeMap<_, _>) =
        (of("TYPE").into_iter().collect(), of("HELP").into_iter().collect());
    assert_eq!(types.len(), of("TYPE").len(), "a family comes twice");
    for name in names(&samples(&text)) {
        let (family, kind) = ["", "_total", "_info", "_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| types.get_key_value(name.strip_suffix(suffix)?))
            .unwrap_or_else(|| panic!("{name} has no type"));
        assert_eq!(*kind == "counter", name.ends_with("_total"), "{name}: {kind}");
        assert!(helps[family].ends_with('.'), "{family} is explained");
        assert!(!name.contains("__") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
    }
}

/// Names that a text has of ours.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("chorus_") || word.starts_with("process_")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_documentation_name_the_metrics_that_there_are() -> Result<()> {
    let server = server(&["--rounds", "1"]);
    one_round(&server).await?;
    // A WebSocket that the server ends.
    RawClient::open(&server.origin, None).await?.say_text("no hello".to_owned()).await?;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let (_, text) = get(&server, "/metrics", Some(&server.host_token));
    let there = names(&samples(&text));

    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string("../operation/grafana.json")?)?;
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            asked.extend(named(target["expr"].as_str().unwrap()));
        }
    }
    assert!(asked.len() > 15, "{asked:?}");
    assert_eq!(asked.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new());

    // Elsewhere on that page, streams of NATS are called alike.
    let page = std::fs::read_to_string("../docs/operation.md")?;
    let section = page.split("\n## ").find(|section| section.starts_with("Metrics\n")).unwrap();
    let mut documented = named(section);
    // `cluster.rs` asks for these, which one server alone does not have.
    for of_several in ["chorus_cluster_answer_seconds", "chorus_cluster_rooms", "chorus_cluster_servers"] {
        assert!(documented.remove(of_several), "{of_several}");
    }
    let families: BTreeSet<String> = there
        .iter()
        .filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"))
        .map(|name| name.strip_suffix("_bucket").unwrap_or(name).to_owned())
        .collect();
    assert_eq!(documented.symmetric_difference(&families).collect::<Vec<_>>(), Vec::<&String>::new());
    Ok(())
}

#[test]
fn health_is_the_process_and_readiness_the_work() {
    let state = tempfile::tempdir().unwrap();
    let server = server(&["--state", state.path().to_str().unwrap()]);
    for alive in ["/healthz", "/health"] {
        let (status, said) = get(&server, alive, None);
        assert_eq!((status, serde_json::from_str::<Value>(&said).unwrap()), (200, json!({ "status": "ok" })));
    }
    let (status, said) = get(&server, "/readyz", None);
    assert_eq!(
        (status, serde_json::from_str::<Value>(&said).unwrap()),
        (200, json!({ "status": "ready", "rooms": 1 }))
    );

    // A folder where the probe is written: not even root can write a file over that.
    std::fs::create_dir(state.path().join("writable.writing")).unwrap();
    std::fs::write(state.path().join("writable.writing/file"), "").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let (status, said) = get(&server, "/readyz", None);
    assert!(status == 503 && said.contains("cannot be written"), "{status} {said}");
    assert_eq!(get(&server, "/healthz", None).0, 200);
}

fn config(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(PROGRAM).arg("config").args(arguments).envs(variables.iter().copied()).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chorus.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path.to_str().unwrap().to_owned())
}

#[test]
fn the_command_line_goes_before_variables_before_the_file_before_defaults() {
    let text = "port = 1001\naddress = '127.0.0.1'\nlog = 'debug'\nmetrics_token = 'a secret in a file'\n\
                [room]\nrounds = 11\nlabels = ['no', 'yes']\n[limits]\nmax_rooms = 12\ntrusted_proxies = ['10.0.0.0/8', '::1']\n";
    let (_folder, path) = file(text);
    let variables =
        [("CHORUS_PORT", "1002"), ("CHORUS_ADDRESS", "127.0.0.2"), ("CHORUS_HOST_TOKEN", "a secret of the shell")];
    let output = config(&["--config", &path, "--port", "1003", "--seed", "5"], &variables);
    let text = printed(&output);
    for line in [
        "port = 1003  # command line",
        "address = \"127.0.0.2\"  # variable CHORUS_ADDRESS",
        "log = \"debug\"  # file",
        "json = false  # default",
        "rounds = 11  # file",
        "labels = [\"no\", \"yes\"]  # file",
        "seed = 5  # command line",
        "# model is not set",
        "max_rooms = 12  # file",
        "trusted_proxies = [\"10.0.0.0/8\", \"::1\"]  # file",
        "max_connections = 8192  # default",
        "# host_token is set and not shown  # variable CHORUS_HOST_TOKEN",
        "# metrics_token is set and not shown  # file",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} in\n{text}");
    }
    assert!(!text.contains("a secret"), "{text}");

    // What was printed is a file that says the same.
    let (_folder, path) = file(&text);
    let values = |text: &str| text.parse::<toml::Table>().unwrap();
    assert_eq!(values(&printed(&config(&["--config", &path], &[]))), values(&text));
}

#[test]
fn an_option_that_is_none_is_refused_with_the_one_that_was_meant() {
    for (text, words) in [
        ("prot = 80", "there is no option prot; did you mean port?"),
        ("[limits]\nmax_room = 80", "there is no option limits.max_room; did you mean limits.max_rooms?"),
        ("max_rooms = 80", "there is no option max_rooms; did you mean limits.max_rooms?"),
        ("[room]\nport = 80", "did you mean port?"),
        ("config = 'other.toml'", "there is no option config"),
        ("room = 3", "room is a table"),
        ("port = [80, 81]", "port is one value"),
        ("json = 'yes'", "json is true or false"),
        ("port = 80 81", "is no configuration"),
        ("port = 'http'", "invalid value 'http' for '--port <PORT>'"),
        ("[limits]\nmax_rooms = 0", "invalid value '0' for '--max-rooms <COUNT>'"),
    ] {
        let (_folder, path) = file(text);
        let output = config(&["--config", &path], &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words), "{text:?}: {said}");
        assert!(said.contains(&path), "it says which file: {said}");
    }
    let output = config(&[], &[("CHORUS_PORT", "http")]);
    assert_eq!(output.status.code(), Some(2), "a wrong variable is as wrong as a wrong flag");
}

#[test]
fn a_server_runs_as_its_file_says() {
    let (_folder, path) =
        file("host_token = 'a secret in a file'\n[room]\ncode = 'KMPXZ'\nrounds = 7\nlabels = ['no', 'yes']\n");
    let server = server(&["--config", &path]);
    assert_eq!((server.room.as_str(), server.host_token.as_str()), ("KMPXZ", "a secret in a file"));
    let (_, room) = get(&server, "/api/rooms/KMPXZ", None);
    let room: Value = serde_json::from_str(&room).unwrap();
    assert_eq!((&room["room"]["rounds"], &room["room"]["labels"]), (&json!(7), &json!(["no", "yes"])));
}

/// `operation/compose.yaml`, by name: what a service runs, what it is told in variables, and what it names.
fn composed() -> Yaml {
    let text = std::fs::read_to_string("../operation/compose.yaml").unwrap();
    YamlLoader::load_from_str(&text).unwrap().remove(0)
}

fn words(list: &Yaml) -> Vec<&str> {
    list.as_vec().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

/// Docker is in no test; that every option in there is one, and every name one of the file's own, is.
#[test]
fn the_compose_file_has_options_that_there_are_and_names_that_it_has_itself() {
    let compose = composed();
    let (services, dockerfile) = (&compose["services"], std::fs::read_to_string("../operation/Dockerfile").unwrap());
    let names: BTreeSet<&str> = services.as_hash().unwrap().keys().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["chorus-1", "chorus-2", "chorus-3", "nats", "proxy"]));
    let file_variables = dockerfile.lines().find_map(|line| line.strip_prefix("ENV ")).unwrap().split(' ');
    let file_variables: Vec<_> = file_variables.map(|pair| pair.split_once('=').unwrap()).collect();
    for name in &names {
        let service = &services[*name];
        let needs = service["depends_on"].as_vec().map_or(&[][..], Vec::as_slice);
        assert!(needs.iter().all(|needed| names.contains(needed.as_str().unwrap())), "{name}");
        if !name.starts_with("chorus-") {
            continue;
        }
        let command = words(&service["command"]);
        assert_eq!(command[0], "serve");
        let variables = service["environment"].as_hash().unwrap();
        let variables: Vec<_> =
            variables.iter().map(|(key, value)| (key.as_str().unwrap(), value.as_str().unwrap())).collect();
        let variables = [&variables[..], &file_variables].concat();
        let said = printed(&config(&command[1..], &variables));
        for (variable, value) in &variables {
            let option = variable.strip_prefix("CHORUS_").unwrap().to_lowercase();
            let source = format!("# variable {variable}");
            let line =
                said.lines().find(|line| line.ends_with(&source)).unwrap_or_else(|| panic!("no option {option}"));
            let taken = format!("{value:?}").replace(',', "\", \"");
            let [one, many] = [format!("{option} = {value:?}"), format!("{option} = [{taken}]")];
            // Where several servers are, one is told their address without what opens it.
            assert!(line.starts_with(&one) || line.starts_with(&many) || line.contains("set and not shown"), "{line}");
        }
        let features = service["build"]["args"]["FEATURES"].as_str().unwrap();
        assert!(features == "cluster" && dockerfile.contains("--features \"$FEATURES\""), "{features}");
        let nats = variables.iter().find(|(variable, _)| *variable == "CHORUS_CLUSTER").unwrap().1;
        assert!(names.contains(nats.strip_prefix("nats://").and_then(|nats| nats.strip_suffix(":4222")).unwrap()));
    }
    let volumes = compose["volumes"].as_hash().unwrap();
    for volume in words(&services["nats"]["volumes"]) {
        assert!(volumes.contains_key(&Yaml::String(volume.split(':').next().unwrap().to_owned())), "{volume}");
    }
    // What the proxy is told, without what keeps Docker from reading variables into it.
    let source = services["proxy"]["configs"][0]["source"].as_str().unwrap();
    let nginx = compose["configs"][source]["content"].as_str().unwrap().replace("$$", "$");
    for name in names.iter().filter(|name| name.starts_with("chorus-")) {
        assert!(nginx.contains(&format!("server {name}:8080;")), "{nginx}");
    }
    // And it is what the page says.
    let page = std::fs::read_to_string("../docs/operation.md").unwrap();
    for line in
        nginx.lines().map(str::trim).filter(|line| line.starts_with("proxy_") && !line.contains("http://chorus"))
    {
        let said = page.contains(line) || line.starts_with("proxy_connect_timeout");
        assert!(said, "docs/operation.md does not say {line}");
    }
}

/// Where this machine has the programs, they read what the compose file tells them.
#[test]
fn nats_and_nginx_understand_what_the_compose_file_tells_them() {
    let (compose, folder) = (composed(), tempfile::tempdir().unwrap());
    let tried = |program: &str, arguments: &[&str]| match Command::new(program).args(arguments).output() {
        Ok(output) => assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => eprintln!("LEFT OUT, as there is no {program} here: whether it understands the compose file"),
    };
    if let Some(nats) = NatsServer::program() {
        let streams = folder.path().join("streams").display().to_string();
        let mut arguments = words(&compose["services"]["nats"]["command"]);
        let place = arguments.iter().position(|word| *word == "/data").unwrap();
        arguments[place] = &streams;
        let none = folder.path().join("none.conf");
        std::fs::write(&none, "").unwrap();
        // It only tries options beside a file.
        tried(nats.to_str().unwrap(), &[&arguments[..], &["-t", "-c", none.to_str().unwrap()]].concat());
    }
    // Names of Docker's network are known nowhere else.
    let nginx =
        compose["configs"]["nginx"]["content"].as_str().unwrap().replace("$$", "$").replace("chorus-", "127.0.0.");
    let place = folder.path().join("nginx.conf");
    let own = format!(
        "pid {0}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{ access_log off;\n{nginx}\n}}\n",
        folder.path().display()
    );
    std::fs::write(&place, own).unwrap();
    tried("nginx", &["-t", "-c", place.to_str().unwrap()]);
}
