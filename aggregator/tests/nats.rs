//! NATS as whoever runs it for others has it: three servers that keep each room three times, of which any may die; users with
//! credentials that an operator signed; TLS; and one that is too small or does not let a server in, which is said without any secret.
//! Where this machine has no nats-server nothing is tested, which is said aloud.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use async_nats::jetstream::{self, stream};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use protocol::RoomCode;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer};
use serde_json::{Value, json};
use server_process::{Log, NatsServer, ServerProcess};
use support::cluster::{Cluster, PATIENCE, come, further, nothing_wrong};
use support::told::{Client, Shared};

const PROGRAM: &str = env!("CARGO_BIN_EXE_chorus");
/// What is stored of rooms.
const STREAMS: [&str; 2] = ["KV_chorus", "chorus_blobs"];

/// A server that has to end at once: what it says.
fn refused(arguments: &[&str]) -> String {
    let mut serve = Command::new(PROGRAM);
    serve.args(["serve", "--port", "0", "--address", "127.0.0.1", "--state", "none"]).args(arguments);
    let output = serve.stdin(Stdio::null()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

async fn jetstream(nats: &[NatsServer]) -> Result<jetstream::Context> {
    Ok(jetstream::new(async_nats::connect(nats.iter().map(NatsServer::url).collect::<Vec<_>>()).await?))
}

/// Waits until servers of NATS that were just started can keep something three times.
async fn can_keep(nats: &[NatsServer]) -> Result<()> {
    let jetstream = jetstream(nats).await?;
    let patience = Instant::now() + PATIENCE;
    loop {
        let tried = stream::Config { name: "tried".to_owned(), num_replicas: 3, ..Default::default() };
        match jetstream.create_stream(tried).await {
            Ok(_) => break,
            Err(error) => anyhow::ensure!(Instant::now() < patience, "NATS keeps nothing: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    jetstream.delete_stream("tried").await?;
    Ok(())
}

/// Waits until all copies of a stream are up to date; which server leads it.
async fn whole(nats: &[NatsServer], stream: &str) -> Result<usize> {
    let jetstream = jetstream(nats).await?;
    let patience = Instant::now() + PATIENCE;
    loop {
        if let Ok(stream) = jetstream.get_stream(stream).await
            && let Some(cluster) = &stream.cached_info().cluster
            && let Some(leader) = &cluster.leader
            && cluster.replicas.len() == 2
            && cluster.replicas.iter().all(|replica| replica.current && !replica.offline)
        {
            return leader.strip_prefix("nats-").context("another name")?.parse().context("no number");
        }
        anyhow::ensure!(Instant::now() < patience, "{stream} does not come to have all of its copies");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Whichever of three servers of NATS dies, its disk with it, rooms go on, and nothing that anyone was told is forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_outlive_any_one_of_three_servers_of_nats() -> Result<()> {
    let Some(nats) = NatsServer::start_several_or_say(3)? else { return Ok(()) };
    can_keep(&nats).await?;
    let mut cluster = Cluster::start(nats, &["--cluster-replicas", "3", "--model", "conv", "--rounds", "1000"]).await?;
    let notes = Shared::default();
    let room = RoomCode::parse(&cluster.servers[0].room)?;
    notes.lock().unwrap().told(&room);
    let client = || Client { room: room.clone(), training: Duration::from_millis(50), known: Arc::default() };
    let clients = [client(), client()];
    cluster.all_rooms_from(&[0, 1, 2], &notes);
    let alive = come(&clients, &cluster.origins, Duration::from_secs(4), &notes);
    further(&clients, &notes).await;
    // The one that leads what is written is who is missed most.
    for (trouble, stream) in STREAMS.iter().chain(&STREAMS).enumerate() {
        let leader = whole(&cluster.nats, stream).await?;
        cluster.nats[leader].kill();
        let began = Instant::now();
        further(&clients, &notes).await;
        println!("the leader of {stream} died: another round after {:.1} s", began.elapsed().as_secs_f64());
        cluster.check(&notes);
        nothing_wrong(&notes, &format!("trouble {trouble}, the leader of {stream} died"));
        if trouble % 2 == 1 {
            cluster.nats[leader].lose_disk()?;
        }
        cluster.nats[leader].restart()?;
        for stream in STREAMS {
            whole(&cluster.nats, stream).await?;
        }
    }
    further(&clients, &notes).await;
    cluster.check(&notes);
    nothing_wrong(&notes, "the end");
    alive.into_iter().for_each(|client| client.abort());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_copies_than_servers_of_nats_are_refused_and_other_copies_than_there_are_said() -> Result<()> {
    let Some(nats) = NatsServer::start_or_say()? else { return Ok(()) };
    let said = refused(&["--cluster", &nats.url(), "--cluster-replicas", "3"]);
    assert!(said.contains("3 servers of NATS are to keep each room, and there are not as many"), "{said}");
    let Some(three) = NatsServer::start_several_or_say(3)? else { return Ok(()) };
    can_keep(&three).await?;
    let said = refused(&["--cluster", &three[1].url(), "--cluster-replicas", "5"]);
    assert!(said.contains("5 servers of NATS are to keep each room, and there are not as many"), "{said}");

    let serve = |url: &str, replicas: &str| {
        let arguments = ["--cluster", url, "--cluster-replicas", replicas, "--port", "0", "--log", "warn"];
        ServerProcess::start(Command::new(PROGRAM), &arguments, Log::Kept)
    };
    let first = serve(&three[0].url(), "1")?;
    assert!(first.logged("copies").is_empty());
    let second = serve(&three[0].url(), "3")?;
    let lines = second.logs("KV_chorus was made with 1 copies, and keeps that");
    assert!(lines[0].contains("nats stream edit KV_chorus --replicas 3"), "{lines:?}");
    Ok(())
}

/// A token that one key has signed for another (<https://docs.nats.io/running-a-nats-service/nats_admin/security/jwt>).
fn signed(by: &KeyPair, of: &str, kind: &str, mut says: Value) -> String {
    (says["type"], says["version"]) = (kind.into(), 2.into());
    let claims = json!({
        "jti": format!("{:x}", rand::random::<u64>()), "iat": 1_700_000_000, "iss": by.public_key(), "name": kind, "sub": of, "nats": says,
    });
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encoded(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), encoded(&claims));
    let signature = by.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Credentials of a new user of an account, as `nsc` writes them; and the secret in them.
fn credentials(folder: &Path, name: &str, account: &KeyPair) -> (PathBuf, String) {
    let user = KeyPair::new_user();
    let jwt = signed(
        account,
        &user.public_key(),
        "user",
        json!({"pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1}),
    );
    let (path, seed) = (folder.join(name), user.seed().unwrap());
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n{seed}\n\
         ------END USER NKEY SEED------\n"
    );
    fs::write(&path, text).unwrap();
    (path, seed)
}

#[test]
fn whom_an_operator_signed_gets_in_and_nobody_else() -> Result<()> {
    if NatsServer::start_or_say()?.is_none() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let (operator, system, account) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    let limits = |space: i64| {
        json!({"limits": {
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
            "mem_storage": space, "disk_storage": space, "streams": space, "consumer": space,
        }, "default_permissions": {"pub": {}, "sub": {}}})
    };
    let (system_id, account_id) = (system.public_key(), account.public_key());
    let own = signed(&operator, &operator.public_key(), "operator", json!({"system_account": system_id}));
    let accounts =
        [signed(&operator, &system_id, "account", limits(0)), signed(&operator, &account_id, "account", limits(-1))];
    let config = folder.path().join("nats.conf");
    fs::write(
        &config,
        format!(
            "operator: {own}\nsystem_account: {system_id}\nresolver: MEMORY\nresolver_preload: {{\n  {system_id}: {}\n  {account_id}: {}\n}}\n",
            accounts[0], accounts[1]
        ),
    )?;
    let streams = folder.path().join("streams");
    fs::create_dir(&streams)?;
    let nats = NatsServer::start_with(&streams, vec!["--config".to_owned(), config.display().to_string()])?;
    let url = nats.url();

    let (right, secret) = credentials(folder.path(), "right.creds", &account);
    let right_path = right.display().to_string();
    let arguments = ["--cluster", &url, "--cluster-credentials", &right_path, "--port", "0", "--log", "info"];
    let server = ServerProcess::start(Command::new(PROGRAM), &arguments, Log::Kept)?;
    let ready = ureq::get(format!("{}/readyz", server.origin)).call()?.body_mut().read_to_string()?;
    assert!(ready.contains("ready"), "{ready}");
    let config =
        Command::new(PROGRAM).args(["config", "--cluster", &url, "--cluster-credentials", &right_path]).output()?;
    let config = String::from_utf8(config.stdout)?;
    assert!(config.contains("right.creds"), "{config}");
    for said in [config, server.logged("").join("\n")] {
        assert!(!said.contains(&secret), "no secret is shown");
    }

    let (stranger, secret) = credentials(folder.path(), "stranger.creds", &KeyPair::new_account());
    let with = |file: &Path| refused(&["--cluster", &url, "--cluster-credentials", &file.display().to_string()]);
    let said = with(&stranger);
    assert!(
        said.contains("NATS does not let this program in; give it a file with credentials, or another one"),
        "{said}"
    );
    assert!(!said.contains(&secret) && !said.contains("BEGIN"), "{said}");
    let said = refused(&["--cluster", &url]);
    assert!(said.contains("NATS does not let this program in"), "{said}");
    // The system's own account has no JetStream.
    let said = with(&credentials(folder.path(), "system.creds", &system).0);
    assert!(said.contains("no JetStream, or none for this user"), "{said}");

    let (cut, _) = credentials(folder.path(), "cut.creds", &account);
    let text = fs::read_to_string(&cut)?;
    fs::write(&cut, text.split("-----BEGIN USER").next().unwrap())?;
    let said = with(&cut);
    assert!(said.contains("cut.creds has no credentials") && !said.contains("eyJ"), "{said}");
    let said = with(&folder.path().join("missing.creds"));
    assert!(said.contains("cannot read") && said.contains("missing.creds"), "{said}");
    Ok(())
}

#[test]
fn a_certificate_of_nats_is_looked_at() -> Result<()> {
    if NatsServer::start_or_say()?.is_none() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let write = |name: &str, text: String| {
        let path = folder.path().join(name).display().to_string();
        fs::write(&path, text).unwrap();
        path
    };
    let authority = |name: &str| {
        let mut parameters = CertificateParams::new(vec![]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = write(name, parameters.self_signed(&key).unwrap().pem());
        (certificate, Issuer::new(parameters, key))
    };
    let (known, issuer) = authority("known.pem");
    let (other, _) = authority("other.pem");
    let key = rcgen::KeyPair::generate()?;
    let own = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    let (certificate, key) = (write("nats.pem", own.pem()), write("nats-key.pem", key.serialize_pem()));
    let streams = folder.path().join("streams");
    fs::create_dir(&streams)?;
    let arguments = ["--tls", "--tlscert", &certificate, "--tlskey", &key].map(str::to_owned).to_vec();
    let nats = NatsServer::start_with(&streams, arguments)?;

    let url = nats.url().replace("nats://", "tls://");
    let arguments = ["--cluster", &url, "--cluster-ca", &known, "--port", "0", "--log", "warn"];
    let server = ServerProcess::start(Command::new(PROGRAM), &arguments, Log::Kept)?;
    assert!(ureq::get(format!("{}/readyz", server.origin)).call()?.body_mut().read_to_string()?.contains("ready"));
    for arguments in [&["--cluster", &url, "--cluster-ca", &other][..], &["--cluster", &url]] {
        let said = refused(arguments);
        assert!(said.contains("no encrypted connection can be made; check the certificates on both sides"), "{said}");
    }
    // One that is to be encrypted is not made in the clear.
    let Some(plain) = NatsServer::start_or_say()? else { return Ok(()) };
    let said = refused(&["--cluster", &plain.url(), "--cluster-ca", &known]);
    assert!(said.contains("no encrypted connection can be made"), "{said}");
    Ok(())
}
