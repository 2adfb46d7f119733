//! https: a certificate that is given, or one that the program makes itself for the addresses it has on the LAN, and makes anew when
//! these change.

mod authority;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use authority::{Authority, Shown};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

use crate::server::disk::{make_folder, replace};
use crate::server::links;

/// The machine's addresses are held against the certificate's so often.
const LOOKED_EVERY: Duration = Duration::from_secs(5);
/// Authority, certificate and keys below the state folder, for this user alone to read.
const FILE: &str = "tls/own.json";

/// How the program speaks to browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Plain http: browsers give microphone and WebGPU on localhost only.
    Off,
    /// https with a certificate that the program makes; browsers show a warning once.
    SelfSigned,
    /// https with a given certificate chain and private key, both PEM files.
    Given {
        /// The certificate, then any intermediate ones.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

impl Tls {
    /// Reads what stands behind `--tls`: `off`, `self-signed`, or two paths.
    pub fn from_words(words: &[String]) -> Result<Self> {
        match words {
            [] => Ok(Self::Off),
            [word] if word == "off" => Ok(Self::Off),
            [word] if word == "self-signed" => Ok(Self::SelfSigned),
            [certificate, key] => Ok(Self::Given { certificate: certificate.into(), key: key.into() }),
            _ => bail!("--tls takes `off`, `self-signed`, or the paths of a certificate and its key (PEM)"),
        }
    }
}

/// A server's side of TLS, with the fingerprint that a person may compare in the browser.
pub struct Identity {
    /// What the listener needs.
    pub config: Arc<ServerConfig>,
    /// SHA-256 of the first certificate, as browsers show it.
    pub fingerprint: String,
    /// Where this program made the certificate, which nobody else vouches for then.
    pub own: Option<Arc<Own>>,
}

/// The identity for `tls`, or `None` where it is off. Certificates of our own are kept under `state`, where there is one.
pub fn identity(tls: &Tls, state: Option<&Path>) -> Result<Option<Identity>> {
    let (resolver, fingerprint, own): (Arc<dyn ResolvesServerCert>, _, _) = match tls {
        Tls::Off => return Ok(None),
        Tls::Given { certificate, key } => {
            let key = certified(&read(certificate)?, &read(key)?)?;
            let fingerprint = fingerprint(&key.cert[0]);
            (Arc::new(rustls::sign::SingleCertAndKey::from(key)), fingerprint, None)
        }
        Tls::SelfSigned => {
            let own = Arc::new(Own::new(&names(), state)?);
            let fingerprint = fingerprint(&own.present().key.cert[0]);
            (own.clone(), fingerprint, Some(own))
        }
    };
    Ok(Some(Identity { config: Arc::new(config(resolver)?), fingerprint, own }))
}

fn config(resolver: Arc<dyn ResolvesServerCert>) -> Result<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    // WebSockets need HTTP/1.1, and the pages are few.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A chain, never empty, with its key.
fn certified(certificate: &str, key: &str) -> Result<CertifiedKey> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<_, _>>()
        .context("the certificate is no PEM file")?;
    if chain.is_empty() {
        bail!("the certificate file holds no certificate (PEM is expected)");
    }
    let key =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).context("the key file holds no private key (PEM is expected)")?;
    CertifiedKey::from_der(chain, key, &default_provider()).context("certificate and key do not belong together")
}

/// SHA-256, as browsers show it.
fn fingerprint(certificate: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Every name under which a browser may open this machine.
fn names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    names.extend([IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)].map(|ip| ip.to_string()));
    names.extend(links::host_names());
    names.extend(links::network_addresses().into_iter().map(|address| address.to_string()));
    names
}

/// Certificates of our own: what is shown to whoever connects now, and the authority behind it. Connections that are open keep what
/// they were shown.
pub struct Own {
    state: Option<PathBuf>,
    present: RwLock<Arc<Present>>,
}

struct Present {
    made: Made,
    key: Arc<CertifiedKey>,
}

#[derive(Serialize, Deserialize)]
struct Made {
    authority: Authority,
    shown: Shown,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own")
    }
}

impl ResolvesServerCert for Own {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.present().key.clone())
    }
}

impl Own {
    /// For these names and addresses: what is kept under `state` as long as it is good for them, else made anew.
    fn new(names: &[String], state: Option<&Path>) -> Result<Self> {
        let kept = state.and_then(|state| serde_json::from_slice(&fs::read(state.join(FILE)).ok()?).ok());
        let state = state.map(Path::to_owned);
        let present = RwLock::new(Arc::new(present(kept, names, state.as_deref())?));
        Ok(Self { state, present })
    }

    /// The authority's certificate, PEM, which a person may install.
    pub fn authority(&self) -> String {
        self.present().made.authority.certificate.clone()
    }

    /// Its SHA-256, as systems show it.
    pub fn authority_fingerprint(&self) -> String {
        let certificate = CertificateDer::from_pem_slice(self.authority().as_bytes());
        certificate.map(|certificate| fingerprint(&certificate)).unwrap_or_default()
    }

    /// Makes a certificate anew whenever the machine has got an address that the present one is not for, or its time is nearly over.
    pub async fn follow(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOKED_EVERY).await;
            if let Err(error) = self.renew(&names()) {
                tracing::warn!("no certificate can be made for this machine's new address ({error:#})");
            }
        }
    }

    fn renew(&self, names: &[String]) -> Result<()> {
        let before = self.present();
        if before.made.shown.is_good_for(names) {
            return Ok(());
        }
        let kept = Made { authority: before.made.authority.clone(), shown: before.made.shown.clone() };
        let new = present(Some(kept), names, self.state.as_deref())?;
        let fingerprint = fingerprint(&new.key.cert[0]);
        let same_authority = new.made.authority == before.made.authority;
        tracing::info!(fingerprint, same_authority, "another certificate is shown: this machine's addresses changed");
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }

    fn present(&self) -> Arc<Present> {
        self.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What was made before as far as it is good for these names and addresses, and the rest anew, which is kept under `state`.
fn present(before: Option<Made>, names: &[String], state: Option<&Path>) -> Result<Present> {
    let (authority, shown) = match before {
        Some(Made { authority, shown }) if authority.is_good_for(names) => {
            (authority, Some(shown).filter(|shown| shown.is_good_for(names)))
        }
        _ => (Authority::new(names)?, None),
    };
    let (shown, is_new) = match shown {
        Some(shown) => (shown, false),
        None => (authority.vouch(names)?, true),
    };
    let key = Arc::new(certified(&shown.certificate, &shown.key)?);
    let made = Made { authority, shown };
    if let Some(state) = state.filter(|_| is_new) {
        let path = state.join(FILE);
        path.parent().map_or(Ok(()), make_folder)?;
        replace(&path, &[&serde_json::to_vec(&made)?])?;
        // What an earlier version kept, of no use any more, and one of them a key.
        for old in ["certificate.pem", "key.pem", "names.json"] {
            let _ = fs::remove_file(path.with_file_name(old));
        }
    }
    Ok(Present { made, key })
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};

    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Both ends of a connection by somebody who installed the authority, and asks for `name`.
    fn connect(
        own: &Arc<Own>,
        authority: &str,
        name: &str,
    ) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(config(own.clone()).unwrap())).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            pass(&mut client, &mut server)?;
        }
        Ok((client, server))
    }

    /// Lets all that waits go over to the other side.
    fn pass(client: &mut ClientConnection, server: &mut ServerConnection) -> Result<(), rustls::Error> {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
        Ok(())
    }

    #[test]
    fn tls_is_one_word_or_two_paths() {
        assert_eq!(Tls::from_words(&words("self-signed")).unwrap(), Tls::SelfSigned);
        assert_eq!(Tls::from_words(&words("off")).unwrap(), Tls::Off);
        let given = Tls::Given { certificate: "c.pem".into(), key: "k.pem".into() };
        assert_eq!(Tls::from_words(&words("c.pem k.pem")).unwrap(), given);
        assert!(Tls::from_words(&words("c.pem")).is_err());
    }

    #[test]
    fn whoever_installed_the_authority_connects_to_every_name_of_the_machine() {
        let own = Arc::new(Own::new(&words("localhost 192.168.1.5 ::1 laptop laptop.local"), None).unwrap());
        let authority = own.authority();
        for name in ["localhost", "192.168.1.5", "::1", "laptop", "laptop.local"] {
            assert!(connect(&own, &authority, name).is_ok(), "{name}");
        }
        assert!(connect(&own, &authority, "192.168.1.6").is_err());
        let others = Own::new(&words("localhost"), None).unwrap().authority();
        assert!(connect(&own, &others, "localhost").is_err());
    }

    #[test]
    fn the_certificate_follows_the_machine_and_open_connections_stay() {
        let state = tempfile::tempdir().unwrap();
        let own = Arc::new(Own::new(&words("localhost 192.168.1.5"), Some(state.path())).unwrap());
        let authority = own.authority();
        let (mut client, mut server) = connect(&own, &authority, "192.168.1.5").unwrap();
        assert!(connect(&own, &authority, "10.0.0.7").is_err());
        own.renew(&words("localhost 10.0.0.7")).unwrap();
        assert_eq!(own.authority(), authority, "whoever installed it need not do so again");
        assert!(connect(&own, &authority, "10.0.0.7").is_ok());
        client.writer().write_all(b"still here").unwrap();
        pass(&mut client, &mut server).unwrap();
        let mut heard = [0; 10];
        server.reader().read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"still here");
        // And it is what the next start shows.
        let again = Own::new(&words("localhost 10.0.0.7"), Some(state.path())).unwrap();
        assert_eq!(again.present().made.shown.certificate, own.present().made.shown.certificate);
    }

    #[test]
    fn an_authority_can_pass_for_nothing_but_what_is_local() {
        let names = words("localhost 192.168.1.5");
        let authority = Authority::new(&names).unwrap();
        assert!(authority.is_good_for(&words("10.1.2.3 other.local fe80::1")));
        for elsewhere in ["bank.example", "8.8.8.8", "2001:db8::1", "locals"] {
            assert!(!authority.is_good_for(&words(elsewhere)), "{elsewhere}");
            // Somebody took the key and has it vouch all the same.
            let shown = authority.vouch(&words(elsewhere)).unwrap();
            let key = Arc::new(certified(&shown.certificate, &shown.key).unwrap());
            let present = RwLock::new(Arc::new(Present { made: Made { authority: authority.clone(), shown }, key }));
            let own = Arc::new(Own { state: None, present });
            assert!(connect(&own, &authority.certificate, elsewhere).is_err(), "{elsewhere}");
        }
        // A machine that has such an address itself has an authority for it, and for that alone.
        let own = Arc::new(Own::new(&words("localhost 8.8.8.8"), None).unwrap());
        assert!(connect(&own, &own.authority(), "8.8.8.8").is_ok());
    }

    #[test]
    fn a_restart_keeps_the_fingerprint_until_the_machine_has_a_new_address() {
        let state = tempfile::tempdir().unwrap();
        let shown = |names: &str| Own::new(&words(names), Some(state.path())).unwrap().present().key.cert[0].clone();
        let first = shown("localhost 192.168.1.5");
        assert_eq!(shown("localhost 192.168.1.5"), first);
        assert_ne!(shown("localhost 10.0.0.7"), first);
    }

    #[test]
    fn a_certificate_without_its_own_key_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(&words("localhost")).unwrap();
        let [one, other] = [(); 2].map(|()| authority.vouch(&words("localhost")).unwrap());
        let [certificate, key] = ["c.pem", "k.pem"].map(|name| folder.path().join(name));
        fs::write(&certificate, one.certificate).unwrap();
        fs::write(&key, other.key).unwrap();
        let error = identity(&Tls::Given { certificate, key }, None).err().unwrap();
        assert_eq!(error.to_string(), "certificate and key do not belong together");
    }
}
